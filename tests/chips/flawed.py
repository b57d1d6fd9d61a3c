"""A linear cost, whose gradient is known, behind effects; and what a chip answers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from plexgrad.chips import Function
from plexgrad.codes import Rademacher, Walsh
from plexgrad.core.clock import Clock
from plexgrad.core.layout import Layout
from plexgrad.core.probe import Moment, Slots, WeightProbe
from plexgrad.estimators import WeightPerturbation
from tests.laws.quickly import quickly

KEY, DEVICE = jax.random.key(2), jax.random.key(3)
SIZE = 24
# Drawn, so that no sum of slopes with signs is zero.
SLOPE, HELD = np.random.default_rng(5).uniform(-1, 1, (2, SIZE)).astype(np.float32)
PARAMS = {"w": jnp.asarray(HELD)}


def linear(params, sample):
    """The cost: its gradient is SLOPE everywhere."""
    return jnp.dot(params["w"], SLOPE)


CHIP = Function(linear)


def devices(count):
    """Keys of so many devices."""
    return jax.random.split(DEVICE, count)


@partial(quickly, static_argnames=("chip", "span"))
def _written(chip, params, update, key, slot, span):
    update = {"w": jnp.broadcast_to(update, params["w"].shape)}
    at = Moment(slot, jnp.uint32(span), span)
    return chip.write(params, update, key, at)["w"]


def write(chip, update, key=DEVICE, age=1, slot=None, params=PARAMS):
    """What the parameters are after an update, `age` slots after the one before."""
    slot = jnp.uint32(age if slot is None else slot)
    return _written(chip, params, jnp.float32(update), key, slot, age)


def writes(chip, update, slots, age=1):
    """(slots, parameters): what single writes in these slots leave, on one device."""
    one = partial(_written, chip, PARAMS, jnp.float32(update), DEVICE, span=age)
    return np.asarray(jax.vmap(one)(jnp.asarray(slots, jnp.uint32)))


def written(chip, update, count, age=1):
    """(devices, parameters): what one write leaves on so many devices."""

    def one(key):
        return write(chip, update, key, age)

    return np.asarray(jax.vmap(one)(devices(count)))


@partial(quickly, static_argnames=("chip", "reference", "code", "samples"))
def _reading(chip, reference, code, slots, samples, key, params):
    probe = WeightProbe(KEY, slots, code, Layout.of(params), reference)
    return chip.measure(params, probe, jnp.zeros((samples, 1)), key)


def signal(
    chip,
    reference="antithetic",
    *,
    code=None,
    slots=16,
    start=0,
    clock=None,
    samples=1,
    key=DEVICE,
    params=PARAMS,
    hold=1,
):
    """The signal of consecutive slots and the mean cost at rest."""
    code, here = code or Rademacher(0.1), Slots(jnp.uint32(start), slots, hold, clock)
    found = _reading(chip, reference, code, here, samples, key, params)
    return np.asarray(found.signal), float(found.cost)


def gradient(chip, key=DEVICE, params=PARAMS, slots=None, code=None):
    """The estimate from so many slots; exact on the linear cost by default."""
    code = code or Walsh(0.1)
    estimator = WeightPerturbation(code, "antithetic")
    slots = slots or code.period(params)

    @quickly
    def estimate(params, key):
        probe = estimator.ask(KEY, Slots.range(slots), params)
        reading = chip.measure(params, probe, jnp.zeros((1, 1)), key)
        return estimator.tell(probe, reading)["w"]

    return np.asarray(estimate(params, key))


def patterns(code=None, slots=16, start=0):
    """The offsets of consecutive slots, (slots, SIZE)."""
    numbers = start + jnp.arange(slots, dtype=jnp.uint32)
    return np.asarray((code or Rademacher(0.1)).block(KEY, numbers, PARAMS)["w"])


def each_slot(slots=1):
    """A clock that writes and shows a new sample after so many slots."""
    return Clock(tau_x=slots, tau_theta=slots)


def spread_of(values, sigma, error=5.0):
    """Whether independent draws have mean 0 and this standard deviation."""
    values = np.asarray(values, float).ravel()
    assert abs(values.mean()) < error * sigma / values.size**0.5
    assert abs(values.std() / sigma - 1) < error / (2 * values.size) ** 0.5
