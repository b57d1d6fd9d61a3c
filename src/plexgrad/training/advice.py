r"""Whether a setting stands out of what the chip hides, said before the first slot.

A slot's signal has the root mean square $A = \Delta|\nabla C|$, which is measured on
the chip without its effects, on a few batches. It must exceed the noise of a reading,
an update the noise and the steps of a write, and a perturbation its converter's step
and the time that it takes to arrive. What the effects hide they say themselves, so an
ideal chip is not asked.
"""

import math
import shlex
import warnings
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from plexgrad.chips.effect import effects
from plexgrad.chips.hiding import Hidden
from plexgrad.chips.naming import spelled
from plexgrad.core.layout import Layout
from plexgrad.core.probe import PROMPT, Slots
from plexgrad.core.resolution import widened
from plexgrad.estimators import WeightPerturbation
from plexgrad.training.preflight import begun
from plexgrad.training.run import Run
from plexgrad.training.specs import presets

BATCHES, SLOTS = 16, 64
"""What the signal is measured on; neither is counted, as no chip is asked."""

UPDATES = 1000
"""Updates of the rule that are tried, at most: a schedule may begin small."""

ROUNDED = 0.5
"""The share of a write step that an update must have, where chance rounds it."""

AT_ONCE = 0.5
"""The share of a perturbation that must act in the slots of its pattern."""

FIRST = "Before the run: "


def advised(run: Run) -> list[str]:
    """Sentences on what this run's chip will hide; warns of each.

    Empty for a chip without such effects, and for exact gradients.
    """
    around, estimator = effects(run.chip), run.estimator
    if not isinstance(estimator, WeightPerturbation):
        return []
    hidden, response = Hidden(), PROMPT
    for effect in reversed(around):
        if not effect.ideal:
            hidden = hidden.and_also(effect.hides())
            response = effect.respond(response)
    if hidden == Hidden() and response == PROMPT:
        return []
    said = [FIRST + sentence for sentence in _said(run, estimator, hidden, response)]
    for sentence in said:
        warnings.warn(sentence, stacklevel=3)
    return said


def _said(
    run: Run, estimator: WeightPerturbation, hidden: Hidden, response: tuple
) -> list[str]:
    layout = Layout.of(begun(run))
    amplitude, power = estimator.code.amplitude, estimator.code.power(layout)
    said = []
    offset = max(estimator.code.offsets(layout))
    if offset < hidden.offset_step:
        said.append(
            f"perturbations of {offset:.2g} lie below the step of "
            f"{hidden.offset_step:.2g} of what makes them; take a larger --amplitude"
        )
    here = shown(response, run.clock.tau_p)
    if here < AT_ONCE:
        said.append(
            f"{100 * here:.0f} % of a perturbation act while its pattern is held; hold "
            "it longer (--tau-p)"
        )
    if hidden.reading or hidden.write or hidden.write_step:
        signal = _signal(run, estimator)
        noise = hidden.reading * per_signal(estimator.reference)
        if noise > signal:
            said.append(
                f"perturbations of {amplitude:.2g} change the cost by {signal:.2g}, "
                f"below the noise of {noise:.2g} that it is read with; "
                f"{_tune(run)} finds an amplitude and a step"
            )
        # What noise adds to an update makes it larger, and no better.
        crosstalk = estimator.code.excess(run.clock.patterns, layout)
        size = signal * math.sqrt((1 + crosstalk) / (power * layout.size))
        said += _of_writes(run, hidden, size * _gain(run))
    return said


def _of_writes(run: Run, hidden: Hidden, update: float) -> list[str]:
    step, said = hidden.write_step, []
    if step and update < (ROUNDED * step if not hidden.lost else step / 2):
        fate = "is lost" if hidden.lost else "is rounded up or down by chance"
        said.append(
            f"updates of {update:.2g} lie below the step of {step:.2g} that a "
            f"parameter is held in, so that each {fate}; {_tune(run)} finds a window "
            "and a step"
        )
    if hidden.write > update:
        said.append(
            f"updates of {update:.2g} lie below the noise of {hidden.write:.2g} that "
            f"every write leaves; {_tune(run)} finds a window and a step"
        )
    return said


def per_signal(reference: str) -> float:
    """The noise of a slot's signal, from that of one reading."""
    return {"antithetic": 0.5**0.5, "baseline": 2**0.5}.get(reference, 1.0)


def shown(response: tuple, hold: int) -> float:
    """The share of a perturbation that acts while its pattern is held."""
    parts = (weight * max(0, hold - lag) for lag, weight in response)
    return sum(parts) / hold


def _signal(run: Run, estimator: WeightPerturbation) -> float:
    """Root mean square of a slot's signal on the first seed's chip without effects."""
    core: Any = effects(run.chip)[0].chip
    key = jax.random.fold_in(run.key, 0)
    numbers = np.arange(BATCHES, dtype=np.uint32)
    chosen = run.order.indices(key, jnp.asarray(numbers))
    batch = jnp.asarray(run.data.x_train)[chosen], jnp.asarray(run.data.y_train)[chosen]
    pairs = WeightPerturbation(estimator.code, "antithetic")
    return float(_measured(core, pairs, widened(begun(run)), batch, key))


@partial(jax.jit, static_argnums=(0, 1))
def _measured(
    chip: Any, pairs: WeightPerturbation, params: PyTree, batch: PyTree, key: Array
) -> Array:
    probe = pairs.ask(key, Slots.range(SLOTS), params)
    return jnp.sqrt(jnp.mean(chip.measure(params, probe, batch, key).signal ** 2))


def _gain(run: Run) -> float:
    """By how much the rule makes an update larger than a steady estimate, at its most.

    It is tried on one number, at first updates and later ones as schedules may begin
    small.
    """
    one, rule = jnp.ones(1, jnp.float32), run.rule

    def once(state: Any, _: None) -> tuple[Any, Array]:
        update, state = rule.update(one, state, one, value=jnp.float32(1.0))
        return state, jnp.abs(update[0])

    count = min(run.updates, UPDATES)
    sizes = jax.jit(lambda: jax.lax.scan(once, rule.init(one), None, count)[1])()
    return float(np.max(sizes))


def _tune(run: Run) -> str:
    """The command that measures such a chip, or the function."""
    task = str(run.data.spec.get("name", "")) if run.data.spec else ""
    if task not in presets():
        return "plexgrad.training.tune"
    words = ["plexgrad", "tune", task]
    for effect in spelled(run.chip):
        words += ["--effect", effect]
    return f"`{shlex.join(words)}`"
