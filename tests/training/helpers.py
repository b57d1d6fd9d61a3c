"""The smallest run there is, and its parts."""

import jax
import numpy as np

import plexgrad as pg
from plexgrad.training.discrete import Keys
from plexgrad.training.order import Order
from plexgrad.training.run import Run

XOR = pg.data.load("xor")
CHIP = pg.chips.Simulated(pg.nets.MLP([2, 2, 1]))
DITHER = pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.1))
SGD = pg.Rule("sgd", learning_rate=0.5)


def xor(**changes):
    """The arguments of a short run on exclusive or."""
    plain = {
        "chip": CHIP,
        "data": XOR,
        "estimator": DITHER,
        "rule": SGD,
        "clock": pg.Clock(tau_x=2, tau_theta=4),
        "slots": 240,
        "key": 3,
        "points": 2,
        "angles": False,
    }
    return plain | changes


def trained(**changes):
    """The record of that run."""
    return pg.train(**xor(**changes))


def run_of(estimator, clock, slots, *, batch=1, chip=CHIP, seeds=1, key=3, eta=0.5):
    """A `Run` without files, as `train` makes it."""
    order = Order(len(XOR.x_train), batch)
    rule = pg.Rule("sgd", learning_rate=eta).build()
    key = jax.random.key(key)
    return Run(chip, XOR, estimator, rule, clock, order, slots, key, seeds, [slots])


def keys_of(run, seed=0):
    """The keys of one seed."""
    return Keys.split(jax.random.fold_in(run.key, seed))


def same_record(one, two):
    """Whether two runs came to the same result, bit for bit."""
    for mine, theirs in ((one.final, two.final), (one.curves, two.curves)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)
    assert (one.status, one.diverged) == (two.status, two.diverged)
    assert one.extra["confusion"] == two.extra["confusion"]
    assert (one.reference is None) == (two.reference is None)
    if one.reference is not None:
        same_record(one.reference, two.reference)


def close_finals(one, two, **tolerance):
    """Whether two runs came to the same result, to rounding."""
    for name in one.final:
        np.testing.assert_allclose(one.final[name], two.final[name], **tolerance)
