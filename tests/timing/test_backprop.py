"""Backpropagation measured on this machine, briefly."""

import numpy as np
import pytest

from plexgrad.timing import Backprop, measure_backpropagation, timed
from plexgrad.training.specs import preset
from tests.timing.helpers import made

SPEC = preset("xor") | {"seeds": 2, "key": 0}


def test_a_run_without_a_twin_gets_one_measured_within_the_bound():
    found = measure_backpropagation(SPEC, 1.0, most_updates=300)
    assert found.updates[-1] == 300
    assert found.accuracy.shape == (len(found.updates), 2)
    assert 0 < found.update_s < 1
    assert found.source.startswith("measured now, 300 updates, on ")
    both = timed(made(), targets=[0.5], backpropagation=found)
    assert both.backpropagation is found


def test_it_stops_once_all_seeds_are_there():
    found = measure_backpropagation(SPEC, 0.25, most_updates=10_000)
    assert found.updates[-1] == 250


def test_seconds_are_updates_times_the_time_of_one():
    found = Backprop.from_reference(made())
    assert found is not None
    np.testing.assert_array_equal(found.updates, [0, 10, 20, 40])
    assert found.reached([0.8, 0.99]).tolist() == [[10] * 3, [np.inf] * 3]
    assert found.seconds([0.8])[0, 0] == pytest.approx(0.01)


@pytest.mark.usefixtures("own_complaints")
def test_what_cannot_be_measured_says_why():
    with pytest.raises(ValueError, match="most_updates must be"):
        measure_backpropagation(SPEC, 0.9, most_updates=0)
    twin = made().reference
    twin.throughput = {}
    with pytest.raises(ValueError, match="updates_per_s must be above 0, got None"):
        Backprop.of(twin, "here")
