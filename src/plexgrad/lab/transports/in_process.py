"""No link at all: a call in this process, for emulated parts, tests and drills."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from plexgrad.lab.device import LinkLost
from plexgrad.lab.transports.transport import AbstractTransport


class InProcess(AbstractTransport):
    """A line to a function from bytes heard to bytes to say.

    `connect` makes a fresh one for every connection. As nothing can still be on its
    way, a time-out is told at once: tests with thousands of losses take no time.
    """

    scheme: ClassVar[str] = ""
    url = "this process"

    def __init__(self, connect: Callable[[], Callable[[bytes], bytes]]) -> None:
        self.connect = connect
        self._line: Callable[[bytes], bytes] | None = None
        self._said = b""

    @classmethod
    def of(cls, url: str) -> "InProcess":
        raise ValueError(f"a line within the process has no URL, got {url!r}")

    @classmethod
    @contextmanager
    def demo(cls) -> Iterator["InProcess"]:
        yield cls(lambda: lambda data: data)

    def open(self) -> None:
        self._line, self._said = self.connect(), b""

    def close(self) -> None:
        if (close := getattr(self._line, "close", None)) is not None:
            close()
        self._line, self._said = None, b""

    def send(self, data: bytes) -> None:
        if self._line is None:
            raise LinkLost("the line is closed")
        self._said += self._line(data)

    def receive(self, timeout_s: float | int) -> bytes:
        if self._line is None:
            raise LinkLost("the line is closed")
        said, self._said = self._said, b""
        return said
