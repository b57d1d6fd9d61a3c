"""`plexgrad chip calibrate`, and training with what it found, on one chip or more."""

import json

import pytest

from plexgrad.cli.chip_setting import several
from plexgrad.core.record import Record
from plexgrad.lab.calibrate import Calibration

CHIP = "emulated:2-2-1?noise=0.0001&dead=4"
SHORT = ("--budget", 300, "--knob-budget", 600, "--listen", 0.05, "--settle", 0.01)


@pytest.fixture
def folder(plexgrad, somewhere):
    words = (*SHORT, "--batch", 4, "--reference", "antithetic")
    status, out, err = plexgrad("chip", "calibrate", CHIP, "xor", *words)
    assert status == 0, err
    assert "w1[4]" not in err
    assert "noise_std" in out
    assert "knobs" in err
    return somewhere / "runs" / "calibrate-xor"


def test_a_calibration_is_a_page_and_a_setting(plexgrad, folder, somewhere):
    found = Calibration.load(folder)
    assert found.recommendation is not None
    assert found.setting["reference"] == "antithetic"
    page = (folder / "calibration.html").read_text()
    assert "Every knob, moved alone" in page
    assert page.count("<svg") == 4
    for name in ("calibration.png", "recommendation.png"):
        assert (folder / name).read_bytes()[:4] == b"\x89PNG"
    advice = found.recommendation
    # How long a window is recommended hangs on what the machine had time to read.
    slots = max(40, advice.tau_theta)
    words = ("--calibration", folder, "--slots", slots, "--quiet")
    status, _, err = plexgrad("chip", "train", CHIP, "xor", *words)
    assert (status, err) == (0, "")
    spec = Record.load(somewhere / "runs" / "chip-xor").spec
    assert spec["estimator"]["code"]["amplitude"] == advice.amplitude
    assert spec["estimator"]["reference"] == "antithetic"
    assert spec["clock"]["tau_theta"] == advice.tau_theta
    assert spec["rule"]["options"]["learning_rate"] == advice.eta
    assert spec["batch"] == 4


def test_without_a_task_nothing_is_recommended(plexgrad, somewhere):
    words = (*SHORT, "--json", "--quiet", "--out", "here")
    status, out, err = plexgrad("chip", "calibrate", CHIP, *words)
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert told["recommendation"] is None
    assert told["refused"] == "no task was given"
    words = ("--calibration", "here", "--slots", 40)
    status, _, err = plexgrad("chip", "train", CHIP, "xor", *words)
    assert status == 2
    assert "must hold a recommendation" in err


def test_a_calibration_of_another_device_is_refused_or_told(plexgrad, folder):
    words = ("--calibration", folder, "--slots", 400, "--quiet")
    other = "emulated:2-2-1?noise=0.0001&low=-2&high=2"
    status, _, err = plexgrad("chip", "train", other, "xor", *words)
    assert status == 2
    assert "must be of a device with these knobs" in err
    status, _, err = plexgrad("chip", "train", CHIP, "nist7x7", *words)
    assert status == 2
    assert "must be that of the calibration" in err
    words = ("--calibration", folder, "--slots", 400)
    status, _, err = plexgrad("chip", "train", f"{CHIP}&serial=B", "xor", *words)
    assert status == 0
    assert "warning: the calibration is of another device" in err


def test_urls_are_told_apart_at_the_schemes():
    one, other = "emulated:2-2-1?dead=7,9", "tcp://127.0.0.1:7000"
    assert several(f"{one},{other}") == [one, other]
    assert several(one) == [one]


def test_several_chips_train_one_network_or_one_each(plexgrad, somewhere):
    urls = [f"emulated:2-2-1?serial=S{n}" for n in range(3)]
    words = ("--slots", 40, "--tau-theta", 4, "--eta", 0.5, "--amplitude", 0.02)
    status, out, err = plexgrad(
        "chip", "train", ",".join(urls[:2]), "xor", "--also", urls[2], *words, "-q"
    )
    assert (status, err) == (0, "")
    assert "S2: " in out
    record = Record.load(somewhere / "runs" / "chip-xor")
    assert record.spec["chip"]["serial"] == "S0 + S1 + S2"
    status, _, err = plexgrad(
        "chip", "train", ",".join(urls), "xor", "--each", "--out", "all", *words, "-q"
    )
    assert (status, err) == (0, "")
    alone = [Record.load(somewhere / "all" / f"chip-{n}") for n in (1, 2, 3)]
    assert [one.spec["chip"]["serial"] for one in alone] == ["S0", "S1", "S2"]
    costs = [one.final["test_cost"].item() for one in alone]
    assert costs[0] == pytest.approx(costs[1])


def test_keys_are_made_once(plexgrad):
    status, out, _ = plexgrad("chip", "keys", "here")
    assert status == 0
    assert "server.key_secret" in out
    status, _, err = plexgrad("chip", "keys", "here")
    assert status == 2
    assert "keys already" in err
