"""A reading whose gain changes with the sample that is shown."""

import numpy as np
import pytest

from plexgrad.chips import GainVariation
from plexgrad.core.clock import Clock

from .flawed import CHIP, signal, spread_of

CHIP_SIGMA = GainVariation(CHIP, 0.2)


def gains(reference, **changes):
    """The ratio of what is read to what there was to read, slot by slot."""
    (mine, cost), (bare, level) = (
        signal(chip, reference, **changes) for chip in (CHIP_SIGMA, CHIP)
    )
    return mine / bare, cost / level


@pytest.mark.parametrize("reference", ["baseline", "antithetic", "direct"])
def test_a_sample_has_one_gain_for_all_its_readings(reference):
    clock, slots = Clock(tau_x=5, tau_theta=10), 20
    found, cost = gains(reference, clock=clock, slots=slots, samples=4)
    each = found.reshape(4, 5)
    np.testing.assert_allclose(each, each[:, :1] * np.ones(5), rtol=1e-3)
    assert len(np.unique(each[:, 0].round(5))) == 4
    assert cost == pytest.approx(each[:, 0].mean(), rel=1e-3)


def test_gains_have_the_spread_and_follow_the_run():
    count = 4000
    found, _ = gains("direct", clock=Clock(), slots=count, samples=count)
    spread_of(found - 1, 0.2)
    later, _ = gains("direct", clock=Clock(), slots=10, start=50, samples=10)
    np.testing.assert_allclose(later, found[50:60], rtol=1e-4)
