"""The contract of a transport: it carries bytes, and knows nothing of what they mean.

A new kind of link is one file in this folder with one class; `open_transport` finds it
by its scheme, and the laws in `tests/laws` find and check it by `demo`.
"""

import abc
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol, runtime_checkable
from urllib.parse import parse_qsl


@runtime_checkable
class Line(Protocol):
    """What a device needs of a transport, or of anything around one."""

    url: str

    def open(self) -> None: ...

    def close(self) -> None: ...

    def send(self, data: bytes) -> None: ...

    def receive(self, timeout_s: float | int) -> bytes: ...


class AbstractTransport(abc.ABC):
    """A line to a device. `url` says where it leads.

    `open` and `send` raise LinkLost if there is nobody; `receive` raises it once the
    other end has hung up. All may be called again after `close` and `open`.
    """

    scheme: ClassVar[str]
    url: str

    @classmethod
    @abc.abstractmethod
    def of(cls, url: str) -> "AbstractTransport":
        """The transport of a URL of this scheme. Raises ValueError if it is not one."""

    @classmethod
    @abc.abstractmethod
    def demo(cls) -> "AbstractContextManager[AbstractTransport]":
        """A line, not yet open, to something that says back what it hears."""

    @abc.abstractmethod
    def open(self) -> None:
        """Connect, and forget what an earlier connection left behind."""

    @abc.abstractmethod
    def close(self) -> None:
        """Hang up. Never raises; closing twice is closing once."""

    @abc.abstractmethod
    def send(self, data: bytes) -> None:
        """Hand over the bytes."""

    @abc.abstractmethod
    def receive(self, timeout_s: float | int) -> bytes:
        """What has come, as soon as anything has; b"" if nothing does in time."""


def parts(url: str, known: dict[str, Callable[[str], Any]]) -> tuple[str, dict]:
    """What stands between the scheme and a "?", and the options behind it.

    `known` names the options and their types. Raises ValueError for any other.
    """
    _, _, rest = url.partition(":")
    place, _, query = rest.removeprefix("//").partition("?")
    options = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise ValueError(
                f"options of {url.partition(':')[0]} are "
                f"{', '.join(known) or 'none'}; got {name}"
            )
        try:
            options[name] = known[name](value)
        except ValueError as error:
            raise ValueError(f"{name} must be valid, got {value!r}: {error}") from None
    return place, options


def drill(line: Line) -> None:
    """What the laws do with a transport that leads to an echo.

    Raises ValueError at the first answer that is not what was said.
    """
    for _ in range(2):
        line.open()
        for said in (b"\0plexgrad\xff", bytes(range(256)) * 9):
            line.send(said)
            heard = b""
            while len(heard) < len(said):
                more = line.receive(5)
                if not more:
                    raise ValueError(f"an echo must come back whole, got {heard!r:.80}")
                heard += more
            if heard != said:
                raise ValueError(f"an echo must be what was said, got {heard!r:.80}")
        if silence := line.receive(0.01):
            raise ValueError(f"silence must follow an echo, got {silence!r:.80}")
        line.close()
