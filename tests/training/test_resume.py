"""Stopping and going on within one process, and refusing to go on with another run."""

import jax
import pytest

import plexgrad as pg
from plexgrad.training import run as run_module
from plexgrad.training.train import CHECKPOINT, REFERENCE_CHECKPOINT

from .helpers import same_record, trained

RUN = {
    "rule": pg.Rule("sgd", learning_rate=0.3, momentum=0.9),
    "clock": pg.Clock(tau_x=3, tau_theta=32),
    "slots": 3200,
    "seeds": 2,
    "points": 10,
    "angles": True,
    "backpropagation": True,
}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Windows of several chunks, and calls that end within a window."""
    monkeypatch.setattr(run_module, "BLOCK_FLOATS", 40)


@pytest.fixture(scope="module")
def whole():
    """The record of the run when nothing stops it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "BLOCK_FLOATS", 40)
        return trained(**RUN)


def stopping_at(phase, number):
    """A watcher that interrupts at its nth glance of a phase."""
    glances = []

    def watch(glance):
        glances.extend([glance] * (glance.phase == phase))
        if len(glances) == number:
            raise KeyboardInterrupt

    return watch


def test_a_run_interrupted_in_each_phase_goes_on_bit_for_bit(tmp_path, whole):
    for phase, number in (("train", 1), ("train", 6), ("backpropagation", 3)):
        with pytest.raises(KeyboardInterrupt):
            trained(**RUN, out=tmp_path, resume=True, watch=stopping_at(phase, number))
        assert pg.Record.load(tmp_path).status == "stopped"
    same_record(trained(**RUN, out=tmp_path, resume=True), whole)
    same_record(pg.Record.load(tmp_path), whole)


def interrupted(function, call):
    """A function whose nth call is interrupted before it begins."""
    calls = []

    def watched(*arguments):
        calls.append(function)
        if len(calls) == call:
            raise KeyboardInterrupt
        return function(*arguments)

    return watched


def while_a_step_ends(patch):
    patch.setattr(jax, "block_until_ready", interrupted(jax.block_until_ready, 5))


def between_the_parts_of_a_point(patch):
    plain = run_module.Angles.__call__
    patch.setattr(run_module.Angles, "__call__", interrupted(plain, 3))


@pytest.mark.slow
@pytest.mark.parametrize("when", [while_a_step_ends, between_the_parts_of_a_point])
def test_an_interrupt_out_of_the_blue_saves_what_belongs_together(
    tmp_path, whole, monkeypatch, when
):
    with monkeypatch.context() as patch:
        when(patch)
        with pytest.raises(KeyboardInterrupt):
            trained(**RUN, out=tmp_path)
    assert (tmp_path / CHECKPOINT).exists()
    same_record(trained(**RUN, out=tmp_path, resume=True), whole)


def test_a_finished_run_is_resumed_without_a_step(tmp_path):
    short = {"slots": 320, "points": 1}
    one = trained(**short, out=tmp_path)
    seen = []
    two = trained(**short, out=tmp_path, resume=True, watch=seen.append)
    same_record(one, two)
    assert [glance.slot for glance in seen] == [320]


def test_another_run_is_refused_with_what_differs(tmp_path):
    trained(slots=40, points=1, out=tmp_path)
    with pytest.raises(ValueError, match=f"{tmp_path} must hold .* differs in rule$"):
        trained(
            slots=40,
            points=1,
            out=tmp_path,
            resume=True,
            rule=pg.Rule("sgd", learning_rate=0.1),
        )
    with pytest.raises(ValueError, match="differs in clock, seeds$"):
        trained(slots=40, points=1, out=tmp_path, resume=True, seeds=2, clock=None)


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path):
    trained(slots=40, points=1, out=tmp_path)
    file = tmp_path / CHECKPOINT
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match=f"{file} must be a checkpoint"):
        trained(slots=40, points=1, out=tmp_path, resume=True)


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_run_goes_on_without_its_record_and_newest_checkpoint(tmp_path, whole):
    stopping = stopping_at("train", 3)
    with pytest.raises(KeyboardInterrupt):
        trained(**RUN, out=tmp_path, checkpoint_s=1e-9, watch=stopping)
    halved(tmp_path / "record.json")
    halved(tmp_path / CHECKPOINT)
    with pytest.warns(UserWarning, match="the run goes on by|the one before it is us"):
        same_record(trained(**RUN, out=tmp_path, resume=True), whole)
    same_record(pg.Record.load(tmp_path), whole)


def test_a_run_without_resume_overwrites_no_other_and_takes_no_old_checkpoint(tmp_path):
    both = {"slots": 40, "points": 1, "out": tmp_path}
    trained(**both, backpropagation=True)
    before = (tmp_path / "record.json").read_bytes()
    with pytest.raises(ValueError, match="out must be a folder without a run, got"):
        trained(**both, key=9)
    assert (tmp_path / "record.json").read_bytes() == before
    assert (tmp_path / REFERENCE_CHECKPOINT).exists()
    (tmp_path / "record.json").unlink()
    other = trained(**both, key=9)
    assert not (tmp_path / REFERENCE_CHECKPOINT).exists()
    assert pg.Record.load(tmp_path).spec == other.spec


def test_a_checkpoint_that_counts_other_chunks_is_refused(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        trained(**RUN, out=tmp_path, watch=stopping_at("train", 3))
    monkeypatch.setattr(run_module, "BLOCK_FLOATS", 80)
    with pytest.raises(ValueError, match=f"{CHECKPOINT} must count chunks of"):
        trained(**RUN, out=tmp_path, resume=True)


def test_resuming_needs_the_folder_of_the_run():
    with pytest.raises(ValueError, match="resume must come with out"):
        trained(**RUN, resume=True)
