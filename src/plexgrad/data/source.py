"""The contract of a dataset's source. A new dataset is one new file.

A subclass is a frozen dataclass whose fields are the options of `load`, defined in a
module of this folder, where `catalogue` finds it. The first line of its docstring
describes the dataset in lists.
"""

import abc
import dataclasses
import inspect
from pathlib import Path
from typing import Any, ClassVar

from plexgrad.data.dataset import Dataset
from plexgrad.data.download import Remote
from plexgrad.data.folders import Folder, destination


@dataclasses.dataclass(frozen=True)
class AbstractSource(abc.ABC):
    """Something a dataset is loaded from: a recipe, a package or files."""

    name: ClassVar[str]

    @abc.abstractmethod
    def load(self, folder: Folder | None) -> Dataset:
        """The dataset. `folder` is as in `plexgrad.data.load`."""

    @classmethod
    def options_in(cls, name: str) -> dict[str, Any] | None:
        """Options that `name` itself carries, or None if it is not this dataset."""
        return {} if name == cls.name else None

    @classmethod
    def describe(cls) -> str:
        """The dataset in one line."""
        return (inspect.getdoc(cls) or cls.name).splitlines()[0]

    def place(self, folder: Folder | None) -> Path:
        """The folder that holds the files, or that a download would write to."""
        return destination(self.name, folder)

    def missing(self, folder: Folder | None) -> tuple[Remote, ...]:
        """What has to be downloaded before `load` can succeed."""
        return ()

    @property
    def spec(self) -> dict[str, Any]:
        """Keywords with which `plexgrad.data.load` gives this dataset again."""
        return {"name": self.name, **dataclasses.asdict(self)}
