"""From a URL to a device: our own drivers, links, and drivers of other people.

A driver is a class with a `scheme` and `of(url)`; ours are found by crawling this room.
Third parties name a function from a URL to a device as an entry point of the group
`plexgrad.devices`; the entry point's name is the scheme:

    [project.entry-points."plexgrad.devices"]
    mychip = "mychip.plexgrad:device"

A file needs no entry point: `python:mesh.py:Mesh`, see `lab.python_file`.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import plexgrad.lab
from plexgrad.lab import python_file
from plexgrad.lab.device import Device
from plexgrad.lab.remote import Remote
from plexgrad.lab.transports.recording import Recording
from plexgrad.lab.transports.transport import AbstractTransport

GROUP = "plexgrad.devices"


def open_transport(url: str) -> AbstractTransport:
    """The transport of a URL, not yet open. Raises ValueError for an unknown scheme."""
    found = {cls.scheme: cls for cls in transports()}
    scheme = url.partition(":")[0]
    if scheme not in found:
        known = ", ".join(sorted(filter(None, found)))
        raise ValueError(f"a link must be one of {known}, got {url!r}")
    return found[scheme].of(url)


def device_at(url: str, record: Path | str | None = None, take: bool = False) -> Device:
    """The device of a URL, not yet open.

    `record` writes what crosses its link to a file, which `replay:FILE` plays again.
    `take` takes it over from a host that is silent or has hung up without a goodbye.
    Raises ValueError for an unknown scheme, naming those that are known, or for a
    device that no host can have to itself, and TypeError if a third party's driver is
    no device.
    """
    device = _device_at(url, record)
    if take and not isinstance(device, Remote):
        raise ValueError(f"a device is taken over through its link, got {url!r}")
    if isinstance(device, Remote):
        device.take = take
    return device


def _device_at(url: str, record: Path | str | None) -> Device:
    scheme, mark, _ = url.partition(":")
    makers = drivers()
    if not mark or scheme not in makers:
        raise ValueError(
            f"a device must be SCHEME:..., with one of {', '.join(makers)}, or "
            f"{python_file.FORM}; got {url!r}"
        )
    links = {cls.scheme for cls in transports()}
    if record is not None:
        if scheme not in links:
            raise ValueError(f"a recording needs a link, got {url!r}")
        return Remote(Recording(open_transport(url), record))  # pyright: ignore
    device = makers[scheme](url)
    if not isinstance(device, Device):
        raise TypeError(f"{scheme}: must give a Device, got {type(device).__name__}")
    return device


def drivers() -> dict[str, Callable[[str], Any]]:
    """What makes a device of a URL, by scheme: ours, links, third parties'."""
    found: dict[str, Callable[[str], Any]] = {}
    for cls in _crawled():
        if "scheme" in vars(cls) and hasattr(cls, "measure"):
            found[cls.scheme] = cls.of
    for cls in transports():
        if cls.scheme:
            found[cls.scheme] = lambda url: Remote(open_transport(url))
    found[python_file.SCHEME] = python_file.opened
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        found.setdefault(point.name, lambda url, point=point: point.load()(url))
    return found


def refuse_to_run(url: str, file: Path | str) -> None:
    """Raise ValueError for a URL, read from a file, that would run somebody's code."""
    if url.partition(":")[0] == python_file.SCHEME:
        raise ValueError(
            f"a device in a Python file must be named again, since opening it runs "
            f"the file: {file} says {url!r}"
        )


def family(url: str) -> str:
    """The family of presets that the driver of a URL names; "" if it names none."""
    scheme = url.partition(":")[0]
    named = (vars(cls) for cls in _crawled())
    return next(
        (at["family"] for at in named if at.get("scheme") == scheme and "family" in at),
        "",
    )


def described() -> dict[str, str]:
    """What each scheme opens, in a line: the first that its module says of itself."""
    ours = {vars(cls)["scheme"]: cls for cls in _crawled() if vars(cls).get("scheme")}
    found = {}
    for scheme, maker in drivers().items():
        it = (
            importlib.import_module(ours[scheme].__module__)
            if scheme in ours
            else maker
        )
        words = (getattr(it, "__doc__", None) or "a driver of somebody else").strip()
        found[scheme] = words.splitlines()[0]
    return found


def missing() -> dict[str, str]:
    """What to install before devices of a scheme can be opened, by scheme.

    Drivers and transports that need more than this package have a class method
    `missing`, which gives that in a line, or "" if all is there.
    """
    found = {}
    for cls in _crawled():
        asked = getattr(cls, "missing", None)
        scheme = vars(cls).get("scheme")
        if scheme and asked is not None and (words := asked()):
            found[scheme] = words
    return found


def transports() -> list[type[AbstractTransport]]:
    """Every kind of transport."""
    return [
        cls
        for cls in _crawled()
        if issubclass(cls, AbstractTransport) and not inspect.isabstract(cls)
    ]


def demos() -> Iterator[Device]:
    """The example devices of every driver of ours, for the laws."""
    for cls in _crawled():
        if "demos" in vars(cls):
            yield from cls.demos()


def _crawled() -> Iterator[type]:
    for info in pkgutil.walk_packages(plexgrad.lab.__path__, "plexgrad.lab."):
        module = importlib.import_module(info.name)
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ == module.__name__:
                yield cls
