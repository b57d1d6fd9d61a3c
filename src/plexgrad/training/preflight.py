"""Before the first slot: what would be lost whatever the run does, said at once."""

from functools import partial

import jax
from jaxtyping import PyTree

from plexgrad.core.contracts import AbstractTrainable
from plexgrad.training.discrete import Keys
from plexgrad.training.run import Run


def refuse_lost(run: Run) -> None:
    """Raise ValueError if the first seed's parameters swallow their perturbation."""
    run.estimator.refuse_lost(begun(run))


def begun(run: Run) -> PyTree:
    """The parameters that the first seed starts from."""
    return _begun(run.chip, Keys.split(jax.random.fold_in(run.key, 0)))


@partial(jax.jit, static_argnums=0)
def _begun(chip: AbstractTrainable, keys: Keys) -> PyTree:
    return chip.settle(chip.init(keys.init), keys.noise)
