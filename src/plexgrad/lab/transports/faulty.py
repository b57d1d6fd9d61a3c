"""A link that fails on purpose: drops, flipped bits, copies, delays and cuts.

Every chunk of bytes that goes either way meets a fault with probability `rate`, drawn
from `seed`, so a drill that failed can be run again. `injected` counts faults by kind.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np

from plexgrad.core.validate import in_range
from plexgrad.lab.device import LinkLost
from plexgrad.lab.transports.transport import Line

FAULTS = ("drop", "flip", "copy", "delay", "cut")


class Faulty:
    """A transport around a transport.

    `delay` keeps a chunk back, and lets it out before, among or long after later ones,
    even on a later connection, as a gateway may. `cut` hangs up. `restart`, if given,
    is a further fault: what it does to the device is its own affair.
    """

    def __init__(
        self,
        inner: Line,
        rate: float | int,
        seed: int = 0,
        faults: tuple[str, ...] = FAULTS,
        restart: Callable[[], None] | None = None,
    ) -> None:
        self.inner, self.url, self.rate = (
            inner,
            inner.url,
            in_range("rate", rate, 0.0, 1.0),
        )
        self.faults = (*faults, "restart") if restart else tuple(faults)
        self.restart = restart
        self.injected: Counter[str] = Counter()
        self._random = np.random.default_rng(seed)
        self._late: dict[str, list[bytes]] = {"send": [], "receive": []}

    def open(self) -> None:
        self.inner.open()

    def close(self) -> None:
        self.inner.close()

    def send(self, data: bytes) -> None:
        for chunk in self._through("send", data):
            self.inner.send(chunk)

    def receive(self, timeout_s: float | int) -> bytes:
        return b"".join(self._through("receive", self.inner.receive(timeout_s)))

    def _through(self, way: str, data: bytes) -> list[bytes]:
        """What comes out for a chunk that goes in."""
        late = self._late[way]
        out = []
        while late and self._random.random() < 0.3:
            out.append(late.pop(self._random.integers(len(late))))
        if not data or self._random.random() >= self.rate:
            return [*out, data]
        fault = self.faults[self._random.integers(len(self.faults))]
        self.injected[fault] += 1
        if fault == "cut":
            self.inner.close()
            raise LinkLost("the link was cut")
        if fault == "restart" and self.restart is not None:
            self.restart()
            return [*out, data]
        if fault == "drop":
            return out
        if fault == "flip":
            return [*out, self._flipped(data)]
        if fault == "copy":
            late.append(data)
            return [*out, data, data] if self._random.random() < 0.5 else [*out, data]
        late.append(data)
        return out

    def _flipped(self, data: bytes) -> bytes:
        """One to three bits are wrong."""
        wrong = bytearray(data)
        for _ in range(self._random.integers(1, 4)):
            bit = int(self._random.integers(8 * len(data)))
            wrong[bit // 8] ^= 1 << bit % 8
        return bytes(wrong)
