"""Seeds are dealt to devices and slots shared by them: the same run, to rounding."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plexgrad as pg
from plexgrad.training.devices import Split
from plexgrad.training.plan import Plan
from tests.children import ended
from tests.once import made_once

from .helpers import trained
from .workers import RUNS

ROOT = Path(__file__).parents[2]


def worker(*arguments, devices):
    """A process of `workers` with so many CPU devices."""
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
    command = [sys.executable, "-W", "error", "-m", "tests.training.workers"]
    command += map(str, arguments)
    return subprocess.Popen(command, env=environment, cwd=ROOT)


def on_devices(folder):
    for devices in RUNS:
        (folder / str(devices)).mkdir()
    running = [worker(folder / str(devices), devices=devices) for devices in RUNS]
    assert ended(running) == [0] * len(running)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The folders of runs on 2 and 4 devices."""
    folder = made_once(tmp_path_factory, "devices", on_devices)
    return {devices: folder / str(devices) for devices in RUNS}


every_run = pytest.mark.parametrize(
    ("devices", "name"), [(n, name) for n, runs in RUNS.items() for name in runs]
)


def facts_of(folder, name):
    return json.loads((folder / "told.json").read_text())[name]


@pytest.mark.slow
@every_run
def test_sharing_slots_changes_nothing_but_rounding(told, devices, name):
    with np.load(told[devices] / f"{name}.npz") as found:
        assert np.isfinite(found["slots"]).all()
        assert np.ptp(found["slots"]) > 0.1
        np.testing.assert_allclose(found["slots"], found["seeds"], atol=2e-6)
        cosines = found["angles slots"]
        assert np.isfinite(cosines).any() == (name == "samples")
        np.testing.assert_allclose(cosines, found["angles seeds"], atol=1e-5)


@pytest.mark.slow
@every_run
def test_every_worker_holds_the_same_bits(told, devices, name):
    assert facts_of(told[devices], name)["different copies"] == 1


@pytest.mark.slow
@every_run
def test_workers_exchange_one_number_per_slot_and_no_perturbation(told, devices, name):
    facts, seeds = facts_of(told[devices], name), RUNS[devices][name][2]
    dealt, workers = facts["mesh"]
    assert dealt * workers == devices
    assert workers > 1
    # The signal, the mean cost of every worker, and what the last share overhangs.
    ((kind, floats),) = facts["collectives"]
    assert kind == "all-gather"
    each = floats / (seeds / dealt)
    assert facts["chunk"] + workers <= each <= facts["chunk"] + 5 * workers
    assert f"shared by {workers}" in facts["explained"]


@pytest.mark.slow
def test_one_run_crosses_chunks_and_one_has_a_true_mesh(told):
    assert facts_of(told[4], "chunks")["per window"] > 1
    assert facts_of(told[4], "seeds and slots")["mesh"] == [2, 2]


CLOCK = pg.Clock(1, 32, 32)
PLAN = Plan.make(CLOCK, 64)
ONE_SLOT = Plan.make(pg.Clock(), 64)


@pytest.mark.parametrize(
    ("devices", "processes", "seeds", "plan", "shard", "needed", "mesh", "words"),
    [
        (1, 1, 1, PLAN, "slots", False, (1, 1), "1 of 1 device"),
        (2, 1, 1, PLAN, "seeds", False, (1, 1), "not shared unless asked for"),
        (2, 1, 1, PLAN, "slots", False, (1, 2), "slots of a seed shared by 2"),
        (4, 1, 2, PLAN, "slots", False, (2, 2), "seeds dealt to 2; the slots"),
        (4, 1, 3, PLAN, "slots", False, (3, 1), "3 of 4 .* chunks of 32 slots"),
        (4, 1, 6, PLAN, "seeds", False, (3, 1), "not shared unless asked for"),
        (4, 1, 1, ONE_SLOT, "slots", False, (1, 1), "1 of 4 .* chunks of 1 slots"),
        (4, 1, 1, None, "slots", False, (1, 1), "an exact gradient has no slots"),
        (4, 2, 1, PLAN, "seeds", True, (1, 2), "2 of 4 .* in 2 processes; the slots"),
        (4, 2, 1, PLAN, "slots", False, (1, 4), "4 of 4 .* in 2 processes"),
        (4, 2, 3, PLAN, "slots", False, (1, 4), "4 of 4"),
        (4, 2, 1, PLAN, "seeds", False, (1, 2), "the same work repeated by 2"),
        (4, 2, 1, None, "slots", False, (1, 2), "repeated by 2; an exact gradient"),
        (2, 2, 4, None, "slots", False, (2, 1), "2 of 2 .* seeds dealt to 2$"),
    ],
)
def test_which_devices_do_what(
    devices, processes, seeds, plan, shard, needed, mesh, words
):
    split = Split.of(devices, processes, seeds, plan, shard, needed)
    assert (split.seeds, split.slots) == mesh
    found = split.explain()
    assert re.search(words, found), found


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 50),
    st.integers(1, 12),
)
def test_shares_follow_one_another_and_cover_the_chunk(tau_x, tau_theta, most, workers):
    plan = Plan.make(pg.Clock(1, tau_x, tau_theta), most)
    share = plan.share(workers)
    if share is None:
        assert workers > 1
        return
    slots, samples = share
    assert slots * (workers - 1) < plan.chunk <= slots * workers
    for number in range(workers):
        start = number * slots
        # A share begins with a sample, or shows one sample only.
        if plan.groups > 1:
            assert start % plan.hold + slots <= plan.hold or start % plan.hold == 0
            assert samples == max(1, slots // plan.hold)
        else:
            assert samples == 1


@given(st.integers(1, 9), st.integers(1, 3), st.integers(1, 12), st.booleans())
def test_every_process_has_the_same_part_in_a_split(each, processes, seeds, slots):
    shard = "slots" if slots else "seeds"
    split = Split.of(each * processes, processes, seeds, PLAN, shard)
    assert split.used <= split.available
    assert split.used % processes == 0
    assert seeds % split.seeds == 0
    assert split.workers == 1 or PLAN.share(split.workers)


@pytest.mark.usefixtures("own_complaints")
def test_a_shard_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="shard must be one of .* got 'rows'"):
        trained(shard="rows")


def test_the_record_says_which_devices_worked():
    assert trained(slots=8).extra["split"].startswith("1 of ")
