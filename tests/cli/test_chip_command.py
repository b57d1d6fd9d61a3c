"""`plexgrad chip`: from a URL to a trained device, in this process."""

import json
import sys

from plexgrad.core.extras import install
from plexgrad.core.record import Record
from plexgrad.lab.emulated import EmulatedMLP
from plexgrad.lab.serve import serve

CHIP = "emulated:2-2-1"


def test_kinds_of_devices(plexgrad):
    status, out, _ = plexgrad("chip", "list", "--json")
    assert status == 0
    found = json.loads(out)
    assert found["devices"].keys() >= {"emulated", "tcp", "serial", "replay"}
    assert "NumPy" in found["devices"]["emulated"]


def test_what_is_missing_is_named_with_what_to_install(plexgrad, monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    status, out, _ = plexgrad("chip", "list")
    assert status == 0
    assert f"serial is missing: {install('lab')}" in out
    status, _, err = plexgrad("chip", "identify", "serial:/dev/nothing")
    assert status == 2
    assert err == f"plexgrad: serial is missing: {install('lab')}\n"


def test_who_it_is_and_what_it_can(plexgrad):
    status, out, _ = plexgrad("chip", "identify", f"{CHIP}?step=0.25&serial=A7")
    assert status == 0
    for words in ("A7", "parameters            9", "step 0.25", "makes_codes"):
        assert words in out
    _, out, _ = plexgrad("chip", "identify", CHIP, "--json")
    assert json.loads(out)["capabilities"]["holds_data"] is True


def test_conformance(plexgrad, monkeypatch):
    status, out, _ = plexgrad("chip", "conform", CHIP)
    assert status == 0
    assert "K5  codes" in out
    monkeypatch.setattr(EmulatedMLP, "update", lambda self, update: None)
    status, out, _ = plexgrad("chip", "conform", CHIP, "--json")
    assert status == 1
    failed = [each["number"] for each in json.loads(out) if each["status"] == "failed"]
    assert failed == ["K7"]


def test_training_and_going_on(plexgrad, somewhere):
    words = ("--slots", 40, "--eta", 0.5, "--amplitude", 0.02, "--quiet")
    with serve(EmulatedMLP([2, 2, 1]), "tcp://127.0.0.1:0") as listener:
        status, out, err = plexgrad("chip", "train", listener.url, "xor", *words)
        assert (status, err) == (0, "")
        assert "0 recoveries" in out
        folder = somewhere / "runs" / "chip-xor"
        record = Record.load(folder)
        assert (record.status, record.spec["crossing"]) == ("finished", "updates")
        assert (folder / "report.html").is_file()
        status, _, err = plexgrad(
            "chip", "train", listener.url, "xor", *words, "--out", folder
        )
        assert status == 2
        assert f"--resume --out {folder}" in err
        status, _, _ = plexgrad("chip", "train", listener.url, "xor", *words)
        assert status == 0
        assert Record.load(somewhere / "runs" / "chip-xor-2").final == record.final
        status, _, _ = plexgrad("chip", "train", "--resume", "--out", folder, "-q")
        assert status == 0
        assert Record.load(folder).final == record.final
        assert list(folder.glob("events*")) == []


def test_a_task_comes_with_settings_for_a_device(plexgrad, somewhere):
    words = ("--slots", 2, "--tensorboard", "--quiet")
    status, _, _ = plexgrad("chip", "train", "emulated:49-4-4", "nist7x7", *words)
    assert status == 0
    folder = somewhere / "runs" / "chip-nist7x7"
    spec = Record.load(folder).spec
    assert (spec["batch"], spec["crossing"]) == (128, "updates")
    assert spec["estimator"]["reference"] == "antithetic"
    assert len(list(folder.glob("events.out.tfevents.*"))) == 1


def test_mistakes_are_one_line(plexgrad):
    for words, said in (
        (("identify", "gpib:4"), "a device must be SCHEME:..."),
        (("identify", "tcp://127.0.0.1:1"), "nobody"),
        (("train", CHIP), "a task must be given"),
        (("train",), "a device must be given"),
        (("train", CHIP, "xor", "--watch"), "the panel needs a terminal"),
        (("train", CHIP, "nist7x7"), "inputs must match the data"),
        (("train", CHIP, "--resume"), "--resume takes the run in --out"),
        (("serve", CHIP, "--at", "tcp://0.0.0.0:0"), "TCP has no keys"),
    ):
        status, _, err = plexgrad("chip", *words)
        assert status == (4 if said == "nobody" else 2)
        assert said in err
        assert len(err.splitlines()) == 1
