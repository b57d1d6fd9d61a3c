"""A hardware platform: what one perturbation, write, sample and evaluation cost.

The constants are those of Table 3 of McCaughan et al. 2023 (doi:10.1063/5.0157645),
which gives tau_p, tau_theta and tau_x of three kinds of hardware in seconds, with what
the table leaves out: the evaluation itself, energy, and the wear of the memory.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from plexgrad.core.reading import file_bytes, plain_toml
from plexgrad.core.validate import finite, positive, positive_int

SECONDS = ("perturbation_s", "evaluation_s", "write_s", "sample_s")
JOULES = ("perturbation_j", "evaluation_j", "write_j", "sample_j")


@dataclass(frozen=True)
class Platform:
    """Seconds, and joules where they are known, of what a chip does while it learns.

    `perturbation_s`: the modulation settles on a new pattern, or on none.
    `evaluation_s`: the cost of what is shown is measured; 0 if within the former.
    `write_s`: `parallel_writes` parameters are written at once (None: all of them).
    `sample_s`: `parallel_samples` samples are loaded, and then evaluated, at once
    (None: a batch, however large, is one load and one evaluation).

    `perturbation_j` and `evaluation_j` are joules each time, `write_j` for one
    parameter, `sample_j` for one load; `power_w` is drawn all the time. None: not
    known. `write_endurance` is how often a cell can be written. `source` says where the
    numbers are from.

    Raises ValueError for a constant that is negative or not a finite number.
    """

    name: str
    perturbation_s: float
    write_s: float
    sample_s: float
    evaluation_s: float
    perturbation_j: float | None = None
    write_j: float | None = None
    sample_j: float | None = None
    evaluation_j: float | None = None
    power_w: float | None = None
    write_endurance: float | None = None
    parallel_writes: int | None = None
    parallel_samples: int | None = None
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("name", "source"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be text, got {getattr(self, name)!r}")
        if not self.name.strip():
            raise ValueError(f"name must not be empty, got {self.name!r}")
        for name in SECONDS:
            _not_negative(name, getattr(self, name))
        if not self.tau_p_s:
            raise ValueError(
                "perturbation_s and evaluation_s must not both be 0, got "
                f"{self.perturbation_s!r} and {self.evaluation_s!r}"
            )
        for name in (*JOULES, "power_w"):
            if getattr(self, name) is not None:
                _not_negative(name, getattr(self, name))
        if self.write_endurance is not None:
            positive("write_endurance", self.write_endurance)
        for name in ("parallel_writes", "parallel_samples"):
            if getattr(self, name) is not None:
                positive_int(name, getattr(self, name))

    @property
    def tau_p_s(self) -> float:
        """The paper's tau_p: a pattern settles and one cost is measured."""
        return self.perturbation_s + self.evaluation_s

    @property
    def energy_missing(self) -> tuple[str, ...]:
        """The energy constants that are not known; all of them: no energy at all."""
        return tuple(n for n in (*JOULES, "power_w") if getattr(self, n) is None)

    @property
    def energy_known(self) -> bool:
        """Whether any energy constant is known."""
        return len(self.energy_missing) <= len(JOULES)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], name: str = "") -> "Platform":
        """A platform from plain data, called `name` unless the table says otherwise.

        Raises ValueError for a field that is unknown, missing, or out of its range.
        """
        values: dict[str, Any] = {"name": name} | dict(table)
        known = [field.name for field in fields(cls)]
        if unknown := [key for key in values if key not in known]:
            raise ValueError(
                f"a platform has the fields {', '.join(known)}; "
                f"got {', '.join(map(str, unknown))}"
            )
        needed = [field.name for field in fields(cls) if field.default is MISSING]
        if missing := [key for key in needed if key not in values]:
            raise ValueError(f"a platform must hold {', '.join(missing)}")
        for key in (*SECONDS, *JOULES, "power_w", "write_endurance"):
            if key in values:
                values[key] = finite(key, values[key])
        for key in ("parallel_writes", "parallel_samples"):
            if key in values:
                values[key] = positive_int(key, values[key])
        for key in ("name", "source"):
            if not isinstance(values.get(key, ""), str):
                raise ValueError(f"{key} must be text, got {values[key]!r}")
        return cls(**values)

    @classmethod
    def load(cls, file: str | Path) -> "Platform":
        """The platform that a TOML file describes, named after it unless it says so.

        Raises FileNotFoundError or ValueError, naming the file.
        """
        path = Path(file)
        if not path.is_file():
            raise FileNotFoundError(f"no platform at {path}")
        return _read(path, str(path))

    def to_toml(self) -> str:
        """The platform as the text of a file that `load` reads; unknowns left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        # JSON writes text and numbers as TOML does; none here is infinite.
        return "".join(
            f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
            for name, value in values.items()
            if value is not None
        )

    def scaled(self, **factors: float) -> "Platform":
        """The same platform with some constants multiplied: `scaled(write_s=0.5)`."""
        return replace(
            self, **{name: getattr(self, name) * by for name, by in factors.items()}
        )

    @classmethod
    def demo(cls) -> "Platform":
        return cls("demo", 1e-6, 1e-6, 1e-7, 1e-7, source="made up, for examples")


def platforms() -> dict[str, Platform]:
    """The platforms that ship, by name: HW1, HW2, HW3 of the paper, and more."""
    folder = resources.files("plexgrad.timing") / "shipped"
    files = sorted((f for f in folder.iterdir()), key=lambda file: file.name)
    found = [_read(file, file.name) for file in files if file.name.endswith(".toml")]
    return {platform.name: platform for platform in found}


def find_platform(name: str | Path) -> Platform:
    """A platform that ships, by its name in any case, or the one in a TOML file.

    Raises ValueError, with the names that are known, or FileNotFoundError.
    """
    shipped = platforms()
    for known, platform in shipped.items():
        if str(name).lower() == known.lower():
            return platform
    if str(name).endswith(".toml") or Path(name).is_file():
        return Platform.load(name)
    raise ValueError(
        f"a platform must be one of {', '.join(shipped)} or a TOML file, "
        f"got {str(name)!r}"
    )


def _read(file: Path | Traversable, shown: str) -> Platform:
    data = file_bytes(file) if isinstance(file, Path) else file.read_bytes()
    table = plain_toml(shown, data)
    try:
        return Platform.from_table(table, file.name.removesuffix(".toml"))
    except ValueError as error:
        raise ValueError(f"{shown}: {error}") from error


def _not_negative(name: str, value: object) -> None:
    if finite(name, value) < 0:
        raise ValueError(f"{name} must be at least 0, got {value!r}")
