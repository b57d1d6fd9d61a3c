"""One folder, one run: of all that want it at once, one gets it."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from plexgrad.core import claim
from plexgrad.core.claim import LOCK, Taken, claimed, claimed_free, held, owner
from plexgrad.core.owner import lives, this_process

CHILD = """
import sys, time
from pathlib import Path
from plexgrad.core.claim import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """A process that holds a folder."""
    words = [sys.executable, "-c", CHILD, str(tmp_path / "run")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def test_a_second_process_is_refused_by_the_name_of_the_first(tmp_path, other):
    told = f"held by process {other.pid} on .*, since 20"
    with pytest.raises(Taken, match=told), claimed(tmp_path / "run"):
        pass
    assert lives(owner(tmp_path / "run")) is True


def test_the_lock_of_a_killed_one_is_taken_over_and_swept(tmp_path, other):
    folder = tmp_path / "run"
    (folder / ".record.json.0123abcd.part").write_bytes(b"half")
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert lives(owner(folder)) is False
    with claimed(folder):
        assert owner(folder)["pid"] == os.getpid()
        assert [path.name for path in folder.iterdir()] == [LOCK]
    assert list(folder.iterdir()) == []


def test_without_locks_the_name_decides(tmp_path, other, monkeypatch):
    monkeypatch.setattr(claim, "fcntl", None)
    told = f"held by process {other.pid}"
    with pytest.raises(Taken, match=told), claimed(tmp_path / "run"):
        pass
    other.kill()
    other.wait()
    with claimed(tmp_path / "run"):
        pass


def test_a_claim_is_used_by_one_run_at_a_time(tmp_path):
    with claimed(tmp_path / "run"):
        for _ in range(2):
            with held(tmp_path / "run"), pytest.raises(Taken), held(tmp_path / "run"):
                pass
        with pytest.raises(Taken), claimed(tmp_path / "run"):
            pass
    with held(tmp_path / "run"), pytest.raises(Taken), held(tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


def test_what_was_left_in_it_stays(tmp_path):
    with claimed(tmp_path):
        (tmp_path / "record.json").write_text("{}")
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_all_that_begin_together_get_folders_of_their_own(tmp_path):
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        new = [claimed_free(tmp_path / "xor") for _ in range(8)]
        found = list(pool.map(stack.enter_context, new))
    names = {path.name for path in found}
    assert names == {"xor", *(f"xor-{n}" for n in range(2, 9))}


@pytest.mark.parametrize("step", ["ftruncate", "pwrite"])
def test_a_lock_that_cannot_be_written_is_let_go(tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(OSError, match="No space"), claimed(tmp_path / "a" / "run"):
            pass
    assert list(tmp_path.iterdir()) == []
    with claimed(tmp_path / "a" / "run"):
        pass


def test_a_folder_that_others_take_away_is_made_again(tmp_path, monkeypatch):
    plain, left = os.mkdir, [1, 1, 1]

    def taken_away(path, *mode):
        if os.path.basename(path) == "xor" and left:
            left.pop()
            with suppress(OSError):
                (tmp_path / "runs").rmdir()
        plain(path, *mode)

    monkeypatch.setattr(os, "mkdir", taken_away)
    with claimed_free(tmp_path / "runs" / "xor") as mine:
        assert mine.is_dir()
    assert not left


@pytest.mark.parametrize("text", ["", "[", "[]", '{"pid": "x"}', '{"pid": -1}'])
def test_a_damaged_lock_holds_nobody(tmp_path, text, monkeypatch):
    (tmp_path / LOCK).write_text(text)
    with claimed(tmp_path):
        assert owner(tmp_path)["pid"] == os.getpid()


def test_a_number_that_another_process_has_got_is_another():
    here = this_process()
    assert lives(here) is True
    assert lives(here | {"born": "1"}) is False
    assert lives(here | {"boot": "another"}) is False
    assert lives(here | {"host": "another"}) is None
    assert lives(here | {"born": "", "pid": 2**31 - 1}) is False
    assert json.loads(json.dumps(here)) == here
