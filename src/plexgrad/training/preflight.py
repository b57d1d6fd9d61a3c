"""Before the first slot: what would be lost whatever the run does, said at once."""

from functools import partial

import jax
from jaxtyping import PyTree

from plexgrad.core.contracts import AbstractTrainable
from plexgrad.training.costed import refuse_unserved
from plexgrad.training.discrete import Keys
from plexgrad.training.run import Run


def refuse_hopeless(run: Run) -> None:
    """Raise ValueError for what cannot end well, whatever the run does.

    The first seed's parameters swallow their perturbation, or the rule asks for
    more than a run can give it.
    """
    params = begun(run)
    run.estimator.refuse_lost(params)
    refuse_unserved(run.rule, params, run.given)


def begun(run: Run) -> PyTree:
    """The parameters that the first seed starts from."""
    keys = Keys.split(jax.random.fold_in(run.key, 0))
    if run.start is None:
        return _begun(run.chip, keys)
    first = jax.tree.map(lambda leaf: leaf[0], run.start)
    return run.chip.settle(first, keys.noise)


@partial(jax.jit, static_argnums=0)
def _begun(chip: AbstractTrainable, keys: Keys) -> PyTree:
    return chip.settle(chip.init(keys.init), keys.noise)
