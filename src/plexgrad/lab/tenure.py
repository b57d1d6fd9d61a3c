"""Who has a device: one host at a time, until it says goodbye or is gone.

A host is known by its token, and speaks in a session: 64 random bits, new with every
hello, good on the line of that hello alone. While its line is open, or it was heard
within the lease, nobody else comes in. A host that hung up without a goodbye may come
back within the lease, and one that is silent on an open line may wake up: another one
comes in only if it says that it takes over.
"""

import os
import time
from typing import Any

from plexgrad.lab.hello import Hello
from plexgrad.lab.messages import plain

LEASE_S = 10.0
"""A host that was silent for so long may be replaced by another one."""


class Busy(Exception):
    """Another host has the device; `free_s` until it may have gone, None: not known."""

    def __init__(self, free_s: float | None, take: bool) -> None:
        super().__init__(free_s, take)
        self.free_s, self.take = free_s, take

    def said(self, version: int) -> bytes:
        """What the host that has to wait is told."""
        if version == 1:
            return f"{LEASE_S if self.free_s is None else self.free_s:.1f}".encode()
        return plain({"free_s": self.free_s, "take": self.take})


class Tenure:
    """The host that has a device, its line and session.

    A line is `lasting` if its end is told; a shared one, such as a terminal, never is.
    """

    def __init__(self, lease_s: float | int = LEASE_S) -> None:
        self.lease_s = lease_s
        self.token: int | None = None
        self.line: Any = None
        self.heard = 0.0
        self.version = 1
        self.session = os.urandom(8)
        self._turn = int.from_bytes(os.urandom(2), "little")
        self._former: int | None = None

    def claim(self, hello: Hello, line: Any) -> bool:
        """Let a host in, with a new session; whether it is another than the last one.

        Raises Busy if it has to wait, or to say that it takes over.
        """
        if self.token not in (None, hello.token):
            self._refuse_while_it_may_live(hello.take)
        other = hello.token != self._former
        self.token = self._former = hello.token
        self.line, self.version = line, hello.version
        # Copies of what was sent before this hello are from another session.
        self._turn = self._turn + 1 & 0xFFFF
        self.session = os.urandom(8)
        self.touch()
        return other

    def _refuse_while_it_may_live(self, take: bool) -> None:
        left = max(0.0, self.lease_s - (time.monotonic() - self.heard))
        there = self.line is not None
        if there and self.line.lasting:
            free_s, takable = None, not left
        else:
            free_s, takable = left, not there
        if free_s == 0 or (take and takable):
            return
        raise Busy(free_s, takable)

    @property
    def short(self) -> int:
        """The session as version 1 knows it: 16 bits, another one with every hello."""
        return self._turn

    def holds(self, session: bytes | int, line: Any) -> bool:
        """Whether these are session and line of the host that has the device."""
        mine = self.session if self.version == 2 else self._turn
        return self.token is not None and line is self.line and session == mine

    def touch(self) -> None:
        """The host was heard now."""
        self.heard = time.monotonic()

    def hung_up(self, line: Any) -> None:
        """A line is gone; if it was the host's, the host may come back over another."""
        if line is self.line:
            self.line = None

    def goodbye(self) -> None:
        """The host lets go."""
        self.token = self.line = None

    def forget(self) -> None:
        """As after a power cut: nobody was here."""
        self.goodbye()
        self._former = None
