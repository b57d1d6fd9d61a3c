"""Records: what is saved is what is loaded, whole or not at all."""

import importlib.metadata
import json

import numpy as np
import pytest

from plexgrad.core.record import FORMAT, Record, versions


def a_record(**changes):
    parts = {
        "spec": {"task": "parity", "estimator": {"kind": "Some", "amplitude": 0.01}},
        "final": {"test_accuracy": np.array([0.9, 1.0]), "cost": np.array([0.1, 0.2])},
        "curves": {
            "slot": np.array([10, 20, 30]),
            "evaluations": np.array([20, 40, 60]),
            "cost": np.linspace(0, 1, 6).reshape(3, 2).astype(np.float32),
        },
        "evaluations": {"per_seed": 60, "total": 120},
        "throughput": {"per_seed": 1.5, "total": 3.0},
        "versions": {"plexgrad": "0.1.0"},
    }
    return Record(**(parts | changes))


def assert_same(record, other):
    for name in ("spec", "evaluations", "throughput", "versions", "status", "diverged"):
        assert getattr(record, name) == getattr(other, name), name
    for name in ("final", "curves"):
        mine, its = getattr(record, name), getattr(other, name)
        assert list(mine) == list(its)
        for column in mine:
            np.testing.assert_array_equal(mine[column], its[column])
            assert mine[column].shape == its[column].shape


def test_a_record_survives_save_and_load(tmp_path):
    record = a_record(
        status="stopped", diverged={"1": 20}, extra={"note": [1, "two", None]}
    )
    path = record.save(tmp_path)
    assert path == tmp_path / "record.json"
    for source in (path, tmp_path, str(tmp_path)):
        assert_same(Record.load(source), record)
    assert Record.load(path).extra == record.extra


def test_saving_again_gives_the_same_bytes(tmp_path):
    first = a_record().save(tmp_path / "one").read_bytes()
    second = Record.load(tmp_path / "one").save(tmp_path / "two").read_bytes()
    assert first == second


def test_numbers_that_are_not_finite_come_back_as_nan(tmp_path):
    cost = np.array([[0.5, np.nan], [np.inf, -np.inf], [np.nan, np.nan]])
    curves = a_record().curves | {"cost": cost, "lost": np.full(3, np.nan)}
    a_record(curves=curves, final={"cost": np.array(np.nan)}).save(tmp_path)
    text = (tmp_path / "record.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    loaded = Record.load(tmp_path)
    expected = np.where(np.isfinite(cost), cost, np.nan)
    np.testing.assert_array_equal(loaded.curves["cost"], expected)
    assert np.isnan(loaded.curves["lost"]).all()
    assert loaded.curves["lost"].dtype == float
    assert np.isnan(loaded.final["cost"])


def test_whole_numbers_stay_whole(tmp_path):
    a_record().save(tmp_path)
    assert Record.load(tmp_path).curves["slot"].dtype.kind == "i"


def test_float32_values_come_back_exactly(tmp_path):
    cost = np.random.default_rng(0).normal(size=100).astype(np.float32)
    a_record(final={"cost": cost}).save(tmp_path)
    np.testing.assert_array_equal(Record.load(tmp_path).final["cost"], cost)


def test_the_reference_is_kept_beside_the_run(tmp_path):
    reference = a_record(final={"test_accuracy": np.array([1.0])})
    a_record(reference=reference).save(tmp_path)
    loaded = Record.load(tmp_path).reference
    assert loaded is not None
    assert_same(loaded, reference)
    assert loaded.reference is None


def broken_files():
    whole = a_record().to_json()
    yield "empty", ""
    yield "no json", "{"
    yield "not a mapping", "[1, 2]"
    yield "a number", "3"
    yield "other format", json.dumps(whole | {"format": FORMAT + 1})
    yield "no format", json.dumps({k: v for k, v in whole.items() if k != "format"})
    yield "part missing", json.dumps({k: v for k, v in whole.items() if k != "final"})
    yield "list for mapping", json.dumps(whole | {"curves": [1]})
    yield "mapping for array", json.dumps(whole | {"final": {"cost": {"a": 1}}})
    yield "ragged array", json.dumps(whole | {"final": {"cost": [[1], [1, 2]]}})
    yield "bad reference", json.dumps(whole | {"reference": {"format": FORMAT}})
    yield "reference of another kind", json.dumps(whole | {"reference": [whole]})


@pytest.mark.parametrize("text", [pytest.param(t, id=n) for n, t in broken_files()])
def test_files_that_are_not_records_are_refused_by_name(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_text(text)
    for source in (path, tmp_path):
        with pytest.raises(ValueError, match="is not a record") as caught:
            Record.load(source)
        assert str(path) in str(caught.value)


def test_bytes_that_are_not_text_are_refused_by_name(tmp_path):
    (tmp_path / "record.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="record.json is not a record"):
        Record.load(tmp_path)


def test_a_missing_part_is_named():
    data = a_record().to_json()
    del data["curves"], data["versions"]
    with pytest.raises(ValueError, match="a record must hold curves, versions"):
        Record.from_json(data)


def test_a_missing_file_is_named(tmp_path):
    for source in (tmp_path, tmp_path / "nothing.json"):
        with pytest.raises(FileNotFoundError, match="no record at") as caught:
            Record.load(source)
        assert str(source) in str(caught.value)


def test_versions_are_those_installed():
    found = versions()
    assert set(found) == {"plexgrad", "python", "jax", "jaxlib", "numpy", "optax"}
    assert found["numpy"] == np.__version__
    assert found["plexgrad"] == importlib.metadata.version("plexgrad")
