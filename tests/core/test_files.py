"""Files that are whole or not there, and what is swept of those that never were."""

import os
import stat

import pytest

from plexgrad.core.files import LEFT, sweep, write_atomically


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch, step, kind):
    path = tmp_path / "record.json"
    write_atomically(path, b"old")

    def fail(*args):
        raise kind("interrupted")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(kind):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]


def test_folders_are_made_on_the_way(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "file", b"\x00\xff")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"\x00\xff"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_who_may_read_a_file_is_said_by_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_only_half_written_files_are_swept(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError()))
        patch.setattr(type(tmp_path), "unlink", lambda *_, **__: None)
        with pytest.raises(OSError):  # noqa: PT011
            write_atomically(tmp_path / "record.json", b"half")
    kept = [
        "record.json",
        ".lock",
        ".mine.part",
        ".x.12345678.part.gz",
        "a.0000aaaa.part",
    ]
    for name in kept:
        (tmp_path / name).write_bytes(b"")
    (left,) = sweep(tmp_path)
    assert LEFT.fullmatch(left)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
