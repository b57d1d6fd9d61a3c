"""The sequence task needs memory: who learns it, who cannot, and by perturbation."""

from dataclasses import replace

import numpy as np
import pytest

import plexgrad as pg
from plexgrad.training.specs import build, preset

pytestmark = pytest.mark.usefixtures("lenient")

WAVES = pg.data.load("waveforms")


def trained(**changes):
    """The final scores of one seed by the preset, with changes."""
    short = {"seeds": 1, "points": 1, "key": 5, "angles": False}
    return pg.train(**build(preset("waveforms") | short, **changes)).final


def by_backpropagation(net, updates, data=WAVES):
    """Test accuracy after so many updates by the exact gradient."""
    return trained(
        chip=pg.chips.Simulated(net, "cross_entropy"),
        data=data,
        estimator=pg.estimators.Backpropagation(),
        rule=pg.Rule("adam", learning_rate=0.01),
        clock=pg.Clock(),
        slots=updates,
    )["test_accuracy"][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "net", [pg.nets.RNN(32, [1, 16, 4]), pg.nets.SSM(32, [1, 8, 16, 4])]
)
def test_backpropagation_through_time_learns_the_waveforms(net):
    assert by_backpropagation(net, 1500) > 0.9


@pytest.mark.slow
def test_without_the_order_of_its_steps_there_is_little_to_learn():
    draw = np.random.default_rng(0)
    x, x_test = (draw.permuted(x, axis=1) for x in (WAVES.x_train, WAVES.x_test))
    shuffled = replace(WAVES, x_train=x, x_test=x_test)
    assert by_backpropagation(pg.nets.SSM(32, [1, 8, 16, 4]), 1500, shuffled) < 0.55


@pytest.mark.slow
def test_perturbation_alone_learns_in_the_same_direction():
    final = trained(slots=64 * 300)
    # Chance costs 1.386 and a linear classifier 1.37, with an accuracy of 0.35.
    assert final["train_cost"][0] < 1.1
    assert final["test_accuracy"][0] > 0.5
