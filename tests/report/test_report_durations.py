"""Times, energies and counts as people read them."""

import math

import numpy as np
import pytest

from plexgrad.report.durations import counted, duration, energy, significant


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 s"),
        (1e-13, "0.1 ps"),
        (2e-10, "200 ps"),
        (4e-6, "4 µs"),
        (0.9996, "1 s"),
        (0.2, "200 ms"),
        (100.0, "100 s"),
        (2000.0, "33.3 min"),
        (7200.0, "2 h"),
        (20_000.0, "5.56 h"),
        (3 * 86400.0, "3 days"),
        (1e9, "31.7 years"),
        (math.inf, "never"),
        (math.nan, "n/a"),
    ],
)
def test_a_time_is_in_the_unit_that_fits(seconds, shown):
    assert duration(seconds) == shown
    assert duration((seconds, seconds, seconds)) == shown


def test_a_spread_is_in_the_unit_of_the_middle():
    assert duration((0.9, 1.234, 1600.0)) == "1.23 s (0.9 to 1,600)"
    assert duration(np.array([1e-3, 2e-3, math.inf])) == "2 ms (1 to never)"
    assert energy((1e-9, 2.34e-6, 3e-6)) == "2.34 µJ (0.001 to 3)"
    assert energy(5e13) == "50 TJ"
    assert counted((8.0, 1922.0, 250_000.0)) == "1,922 (8 to 250 k)"
    assert counted(math.inf) == "never"


def test_digits_are_significant_ones():
    assert duration(20_000.0, 2) == "5.6 h"
    assert [significant(x, 2) for x in (1234.0, 0.01299, 0.0, 0.10)] == [
        "1,200",
        "0.013",
        "0",
        "0.1",
    ]
