"""The record of a run: what was asked, with what, and what came out.

Plain data, written as `record.json`; `training.rerun` makes the same run from it.
A report reads records and never runs anything.
"""

import dataclasses
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from plexgrad.core.files import write_atomically

FORMAT = 1
"""Version of the file's shape."""


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
        """The inverse of `to_json`. Raises ValueError if a part is missing."""
        if data.get("format") != FORMAT:
            raise ValueError(
                f"a record's format must be {FORMAT}, got {data.get('format')!r}"
            )
        names = [field.name for field in dataclasses.fields(cls)]
        if missing := [name for name in names if name not in data]:
            raise ValueError(f"a record must hold {', '.join(missing)}")
        values = {name: data[name] for name in names}
        for name in ("final", "curves"):
            values[name] = {k: _array(v) for k, v in values[name].items()}
        if values["reference"] is not None:
            values["reference"] = cls.from_json(values["reference"])
        return cls(**values)

    def save(self, folder: str | Path) -> Path:
        """Write `record.json` into `folder`, whole or not at all."""
        path = Path(folder) / "record.json"
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        write_atomically(path, text.encode())
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
            return cls.from_json(json.loads(path.read_text()))
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a record: {error}") from error


def versions(packages: tuple[str, ...] = ("jax", "jaxlib", "numpy", "optax")) -> dict:
    """Versions of what a result depends on."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {
        "plexgrad": importlib.metadata.version("plexgrad"),
        "python": platform.python_version(),
        **found,
    }


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


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype == object:
        array = np.asarray(value, dtype=float)
    return array
