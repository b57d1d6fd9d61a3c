"""A device that tells its cost alone: record, page and panel are about its knobs."""

import dataclasses

import numpy as np
import optax
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.saved import MOST_KNOBS
from plexgrad.report import page
from plexgrad.report.facts import warnings
from plexgrad.report.sentence import sentence
from tests.lab.mesh import mesh

METHOD = pg.estimators.WeightPerturbation(
    pg.codes.Rademacher(0.02), reference="antithetic"
)


def trained(device, slots=80, **given):
    more = {"clock": pg.Clock(tau_theta=8), "points": 5, "key": 0, **given}
    rule = optax.sgd(0.5)
    return lab.train(device, None, estimator=METHOD, rule=rule, slots=slots, **more)


@pytest.fixture(scope="module")
def record():
    return trained(mesh(12))


def test_seconds_and_knobs_are_kept_at_every_point(record):
    points = len(record.curves["slot"])
    assert len(record.curves["seconds"]) == points
    assert (np.diff(record.curves["seconds"]) > 0).all()
    columns = list(record.extra["knobs"])
    assert columns == [f"parameter_{n}" for n in range(12)]
    assert record.extra["knobs"]["parameter_3"] == "heaters[3] (V)"
    moved = np.stack([record.curves[name] for name in columns])
    assert moved.shape == (12, points)
    assert (moved[:, 0] != moved[:, -1]).all()


def test_of_many_knobs_some_are_kept_and_a_resumed_run_keeps_them_all(tmp_path):
    device = mesh(40)
    whole = trained(device, start=np.full(40, 1.0), out=tmp_path / "whole")
    halves = {"start": np.full(40, 1.0), "out": tmp_path / "half"}
    stop = iter(range(10**6))
    trained(device, **halves, stop=lambda glance: next(stop) > 1)
    gone_on = trained(device, out=tmp_path / "half", resume=True)
    assert len(whole.extra["knobs"]) == MOST_KNOBS
    assert set(whole.extra["knobs"]) >= {"parameter_0", "parameter_39"}
    points = len(whole.curves["slot"])
    for name in ("seconds", *whole.extra["knobs"]):
        assert len(gone_on.curves[name]) == points


def test_the_page_is_about_a_device_with_knobs(record):
    assert sentence(record).startswith("A bench mesh, a device with 12 knobs, trained")
    made = page.render(record)
    for title in ("How long it took", "Where the knobs went"):
        assert title in made
    assert "value, V" in made
    assert "network with" not in made


def test_a_cost_that_has_not_fallen_is_said(record):
    assert not any("no lower" in text for text in warnings(record))
    worse = {**record.curves, "train_cost": record.curves["train_cost"][::-1]}
    said = warnings(dataclasses.replace(record, curves=worse))
    assert any("no lower at the end" in text for text in said)
