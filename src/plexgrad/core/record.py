"""The record of a run: what was asked, with what, and what came out.

Plain data, written as `record.json`; `training.rerun` makes the same run from it.
A report reads records and never runs anything. What a file holds is checked when it is
read, against the shape below and the digest that was written into it, so that a report
meets no surprise.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core import params as trained
from plexgrad.core.files import write_atomically
from plexgrad.core.reading import read_json, shown
from plexgrad.core.shape import (
    anything,
    by_name,
    fields,
    mapping,
    maybe,
    real,
    text,
)

FORMAT = 1
"""Version of the file's shape."""

DIGEST = "digest"
"""The field that holds the SHA-256 of all others; older records have none."""


@dataclasses.dataclass
class Record:
    """One run: finished, diverged, or (with nothing but its spec) running or stopped.

    `spec` is the resolved specification, `final` maps a metric to one value per seed,
    `curves` maps a column name to an array of (points,) or (points, seeds) and always
    holds "slot" and "evaluations". `evaluations` and `throughput` count per seed and in
    all. `reference` is the same network under backpropagation, in the same form.
    """

    spec: dict[str, Any]
    final: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    evaluations: dict[str, int]
    throughput: dict[str, float]
    versions: dict[str, str]
    status: str = "finished"
    diverged: dict[str, int] = dataclasses.field(default_factory=dict)
    reference: "Record | None" = None
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self._params: trained.Named | None = None
        self._folder: Path | None = None

    @property
    def params(self) -> trained.Named:
        """The parameters that were kept, by leaf path, with a leading axis of seeds.

        Of a record that was loaded they are read from the run's folder when they are
        asked for. Raises FileNotFoundError if there are none.
        """
        if self._params is None:
            if self._folder is None:
                raise FileNotFoundError("this record has no trained parameters")
            self._params = trained.load(self._folder)
        return self._params

    @params.setter
    def params(self, found: trained.Named) -> None:
        self._params = found

    def to_json(self) -> dict[str, Any]:
        """Plain data; arrays become lists, numbers that are not finite become null."""
        data = {
            field.name: _plain(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.name != "reference"
        }
        reference = None if self.reference is None else self.reference.to_json()
        return {"format": FORMAT, **data, "reference": reference}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Record":
        """The inverse of `to_json`.

        Raises ValueError if a part is missing or is not what it should be, and if the
        data carry a digest which is not theirs.
        """
        if data.get("format") != FORMAT:
            raise ValueError(
                f"a record's format must be {FORMAT}, got {shown(data.get('format'))}"
            )
        if DIGEST in data and data[DIGEST] != digest(data):
            raise ValueError(
                "its digest must be that of its content, which was damaged or changed; "
                f"without the line {DIGEST!r} it is taken as it is"
            )
        names = [field.name for field in dataclasses.fields(cls)]
        if missing := [name for name in names if name not in data]:
            raise ValueError(f"a record must hold {', '.join(missing)}")
        whole = _RECORD("record", dict(data))
        values = {name: whole[name] for name in names}
        _refuse_unequal(values["curves"])
        if (reference := values["reference"]) is not None:
            if not isinstance(reference, dict) or reference.get("reference"):
                raise ValueError("record.reference must be a record without another")
            values["reference"] = cls.from_json(reference)
        return cls(**values)

    def save(self, folder: str | Path) -> Path:
        """Write `record.json` into `folder`, whole or not at all, with its digest.

        Parameters that it has go into `params.npz`.
        """
        path, data = Path(folder) / "record.json", self.to_json()
        data = {"format": FORMAT, DIGEST: digest(data), **data}
        write_atomically(path, json.dumps(data, indent=1, allow_nan=False).encode())
        if self._params is not None:
            trained.save(path.parent, self._params)
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Record":
        """Read a record from its file or its folder.

        Raises FileNotFoundError or ValueError, naming the file.
        """
        path = Path(path)
        if path.is_dir():
            path = path / "record.json"
        if not path.is_file():
            raise FileNotFoundError(f"no record at {path}")
        try:
            record = cls.from_json(mapping("a record", read_json(path, name="it")))
        except ValueError as error:
            raise ValueError(f"{path} is not a record: {error}") from error
        record._folder = path.parent
        return record

    @classmethod
    def found(cls, folder: Path) -> "Record | None":
        """The record in a folder; None if there is none, or a damaged one."""
        try:
            return cls.load(folder)
        except (FileNotFoundError, ValueError):
            return None


def versions(packages: tuple[str, ...] = ("jax", "jaxlib", "numpy", "optax")) -> dict:
    """Versions of what a result depends on."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {
        "plexgrad": importlib.metadata.version("plexgrad"),
        "python": platform.python_version(),
        **found,
    }


def digest(data: Mapping[str, Any]) -> str:
    """SHA-256 of plain data but for their own digest, however they are laid out."""
    rest = {key: value for key, value in data.items() if key != DIGEST}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _array(name: str, value: Any) -> np.ndarray:
    """Numbers in nested lists, null for NaN, as an array."""
    try:
        array = np.asarray(value)
        if array.dtype == object:
            array = np.asarray(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        array = np.array("")
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be an array of numbers, got {shown(value)}")
    return array


def _final(name: str, value: Any) -> np.ndarray:
    array = _array(name, value)
    if array.ndim > 1 or not array.size:
        raise ValueError(
            f"{name} must hold one number per seed, got the shape {array.shape}"
        )
    return array


def _curve(name: str, value: Any) -> np.ndarray:
    array = _array(name, value)
    if array.ndim not in (1, 2) or (array.ndim == 2 and not array.shape[1]):
        raise ValueError(
            f"{name} must have the shape (points,) or (points, seeds), "
            f"got {array.shape}"
        )
    return array


def _axis(name: str, value: Any) -> np.ndarray:
    array = _curve(name, value)
    counted = array.ndim == 1 and np.isfinite(array).all() and (array >= 0).all()
    if not counted:
        raise ValueError(
            f"{name} must hold one count of at least 0 per point, got {shown(value)}"
        )
    return array


def _refuse_unequal(curves: Mapping[str, np.ndarray]) -> None:
    points = sorted({len(array) for array in curves.values()})
    seeds = sorted({array.shape[1] for array in curves.values() if array.ndim == 2})
    for what, found in (("points", points), ("seeds", seeds)):
        if len(found) > 1:
            raise ValueError(
                f"record.curves must have as many {what} each, got {found}"
            )


_NUMBERS = by_name(maybe(real))
_RECORD = fields(
    {
        "spec": mapping,
        "final": by_name(_final),
        "curves": lambda name, value: {
            key: (_axis if key in ("slot", "evaluations") else _curve)(
                f"{name}.{key[:40]}", each
            )
            for key, each in mapping(name, value).items()
        },
        "evaluations": _NUMBERS,
        "throughput": _NUMBERS,
        "versions": by_name(text),
        "status": text,
        "diverged": _NUMBERS,
        "reference": anything,
        "extra": mapping,
    }
)
"""The shape of a record; a spec is looked at closely where a run is built from it."""
