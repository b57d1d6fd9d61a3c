"""`plexgrad train --tuned`: what tune finds is what the run takes, and its record."""

import json
from types import SimpleNamespace

import pytest

from plexgrad.cli import tuned as module

FOUND = SimpleNamespace(
    amplitude=0.125, tau_theta=8, eta=0.75, spent=999, warnings=("beware",)
)
SHORT = ("train", "xor", "--slots", "64", "--seeds", "1", "--no-backprop", "--tuned")


@pytest.fixture
def found(monkeypatch):
    """What was asked of tune, which answers at once."""
    asked = {}

    def tune(**given):
        asked.update(given)
        return FOUND

    monkeypatch.setattr(module, "tune", tune)
    return asked


def test_a_tuned_run_takes_what_was_found(plexgrad, found, somewhere):
    status, _, err = plexgrad(*SHORT, "--effect", "cost_noise=0.001", "--out", "run")
    assert status == 0
    assert "tuned with 999 evaluations" in err
    assert "warning: beware" in err
    assert found["chip"].sigma == 0.001
    spec = json.loads((somewhere / "run/record.json").read_text())["spec"]
    assert spec["estimator"]["code"]["amplitude"] == 0.125
    assert spec["clock"]["tau_theta"] == 8
    assert spec["rule"]["options"]["learning_rate"] == 0.75


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--eta", "1"), "--tuned must find eta, got them as well"),
        (("--analog",), "--tuned must be of discrete time"),
    ],
)
def test_what_cannot_be_tuned_is_refused(plexgrad, found, more, said):
    status, _, err = plexgrad(*SHORT, *more)
    assert (status, found) == (2, {})
    assert said in err
