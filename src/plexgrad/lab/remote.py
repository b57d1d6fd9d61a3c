"""A device at the other end of a link, with every call kept safe.

A call that gets no answer in time is asked again a few times, over a new connection
from the second time on. That is safe for all calls: reading changes nothing, and every
change carries a number by which the other end knows that it was made already (see
`lab.server`). What cannot be mended here is told: LinkLost if nobody answers,
Restarted if the device has lost what it held, or made another order meanwhile;
`lab.bench` then restores it.
"""

import os
import time
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from plexgrad.lab import messages
from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.device import (
    Autonomy,
    Identity,
    LinkCounts,
    LinkLost,
    Measurement,
    Refused,
    Restarted,
    Shown,
    Trace,
)
from plexgrad.lab.frames import Deframer, Frame
from plexgrad.lab.hello import Hello, answered
from plexgrad.lab.messages import NUMBER, Command, Status
from plexgrad.lab.perturbations import Codes, Perturbations, Update
from plexgrad.lab.session import Session, busy
from plexgrad.lab.transports.transport import Line
from plexgrad.lab.uploads import Part, mark

SLOWEST = 100e3
"""Bytes per second that a link makes at least, unless it declares other."""

PART_BYTES = 1 << 20
"""Bytes of a part of a large set of samples."""

_WHO = tuple(each.name for each in fields(Identity))


class Remote:
    """A device over any transport. Follows `Device` and all its optional protocols.

    `timeout_s` is for the link; the time that the device says it needs for a
    measurement is added to it. `attempts` bounds how often a call is sent. `take` takes
    the device over from a host that is silent or hung up without a goodbye.
    `on_loading` hears of samples on their way: how many are there, of how many.
    """

    def __init__(
        self,
        transport: Line,
        timeout_s: float | int = 1.0,
        attempts: int = 6,
        take: bool = False,
    ) -> None:
        self.transport, self.timeout_s, self.attempts = transport, timeout_s, attempts
        self.take = take
        self.on_loading: Callable[[int, int], object] = lambda done, total: None
        self.link = LinkCounts()
        token = getattr(transport, "token", None)
        self.token = token or int.from_bytes(os.urandom(8), "little") | 1
        self._speaks = getattr(transport, "version", 2)
        # From anywhere, so that no answer to an earlier host is taken for one to this.
        self._sequence = self.token >> 32 & 0x7FFF if self._speaks == 2 else 0
        self._deframer = Deframer()
        self._number = self._boot = 0
        self._session = Session()
        self._known: tuple[Identity, Capabilities] | None = None
        self._about: tuple[Any, Any] = (None, None)
        self._up = False

    @property
    def capabilities(self) -> Capabilities:
        """What the device declared when it was opened; before, nothing is known."""
        return self._known[1] if self._known else Capabilities(())

    def identify(self) -> Identity:
        """Who it said it was when it was opened, or when the link last came back."""
        if self._known is None:
            raise LinkLost("the device must be opened first")
        return self._known[0]

    def open(self) -> None:
        """Connect and say hello. Raises OSError if there is none, or it is taken."""
        if not self._up:
            self._connect()
        self._hello()

    def close(self) -> None:
        """Let go of the device and the link."""
        if self._up:
            try:
                frame = self._session.frame(self._next(), Command.BYE, b"")
                self.transport.send(frame.encode())
                self.transport.receive(min(self.timeout_s, 0.2))
            except OSError:
                pass
        self._drop()

    def __enter__(self) -> "Remote":
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def write_parameters(
        self, theta: np.ndarray, index: np.ndarray | None = None
    ) -> None:
        where = None if index is None else index.astype(np.uint32)
        both = messages.array(theta.astype(np.float32)) + messages.array(where)
        self._change(Command.WRITE, both)

    def read_parameters(self) -> np.ndarray:
        size = 4 * self.capabilities.parameters
        reader = messages.Reader(self._ask(Command.READ, b"", back=size))
        found = reader.array()
        if found is None:
            raise LinkLost("the device must answer with its parameters")
        return found.copy()

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        what = messages.measure(perturbations, shown, want, repeats)
        longer = self._needs(perturbations, shown, repeats)
        back = _answer_bytes(perturbations, shown, want, self.capabilities)
        return messages.read_answer(self._ask(Command.MEASURE, what, longer, back))

    def load_samples(self, x: np.ndarray, y: np.ndarray, key: str) -> str:
        """Hand samples over: many of them in parts, which are gone on with after a
        fault. Raises ValueError if the device takes none as long as one of them."""
        x, y = messages.narrow(x), messages.narrow(y)
        if self._session.parts and x.nbytes + y.nbytes > self._part_bytes():
            self._load_in_parts(x, y, key)
        else:
            both = messages.array(x) + messages.array(y)
            self._change(Command.LOAD, messages.text(key) + both)
        return key

    def _load_in_parts(self, x: np.ndarray, y: np.ndarray, key: str) -> None:
        whole = Part(key, len(x), mark(x, y))
        each = max(1, self._part_bytes() * len(x) // (x.nbytes + y.nbytes))
        have, stuck, fell = self._have(whole), 0, 0
        while have < len(x):
            self.on_loading(have, len(x))
            parts = x[have : have + each], y[have : have + each]
            part = replace(whole, start=have, x=parts[0], y=parts[1])
            before, have = have, self._have(part)
            stuck = 0 if have > before else stuck + 1
            # Never back to 0: a device that goes to and fro would take for ever.
            fell += have < before
            if self.attempts in (stuck, fell):
                raise LinkLost(f"the device must take in {len(x)} samples, has {have}")
        self.on_loading(len(x), len(x))

    def _have(self, part: Part) -> int:
        """Samples that the device has of a set, after a part of it."""
        told = self._ask(Command.PART, part.encode())
        if len(told) != NUMBER.size:
            raise LinkLost(
                f"a part must be answered by a number, got {len(told)} bytes"
            )
        return NUMBER.unpack(told)[0]

    def _part_bytes(self) -> int:
        """Bytes of a part: two seconds of a slow line, and no more than is taken."""
        rate = self.capabilities.bytes_per_s or PART_BYTES
        return int(max(1024, min(PART_BYTES, 2 * rate, self._session.room // 2)))

    def update(self, update: Update) -> None:
        self._change(Command.UPDATE, messages.update(update))

    def step(
        self, update: Update | None, perturbations: Perturbations, shown: Shown
    ) -> Measurement:
        """Apply an update and measure, in one round trip."""
        if update is None:
            return self.measure(perturbations, shown)
        before = update.codes if self.capabilities.follows_codes else None
        what = messages.update(update)
        what += messages.measure(perturbations, shown, before=before)
        longer = self._needs(perturbations, shown, 1)
        return messages.read_answer(self._change(Command.STEP, what, longer))

    def run_steps(self, steps: int, config: Autonomy) -> Trace:
        """Let the device train alone for so many steps."""
        one = Shown(index=np.zeros((1, config.batch), np.uint32))
        longer = steps * self._needs(config.codes, one, 1)
        what = messages.run(steps, config)
        return messages.read_trace(self._change(Command.RUN, what, longer))

    def _needs(self, what: Perturbations, shown: Shown, repeats: int) -> float:
        """Seconds that a measurement takes by the device's own declaration."""
        can = self.capabilities
        rows = what.count_rows(shown.groups) if isinstance(what, Codes) else len(what)
        each = can.settle_s + can.input_settle_s * max(1, shown.batch)
        if can.sample_rate_hz:
            each += max(1, shown.batch) / can.sample_rate_hz
        return float(rows * repeats * each)

    def _ask(
        self, command: int, payload: bytes, longer: float = 0.0, back: int = 0
    ) -> bytes:
        return self._call(command, self._number, payload, longer, back)

    def _change(self, command: int, payload: bytes, longer: float = 0.0) -> bytes:
        number = self._number + 1
        answer = self._call(command, number, payload, longer)
        self._number = number
        return answer

    def _call(
        self, command: int, number: int, payload: bytes, longer: float, back: int = 0
    ) -> bytes:
        """The answer to a command, which is sent again until it comes."""
        began = time.monotonic()
        self.link.calls += 1
        whole = NUMBER.pack(number) + payload
        order = number, command, payload
        for attempt in range(self.attempts):
            if attempt:
                self.link.retries += 1
            try:
                if not self._up:
                    self._connect()
                    self._hello(order)
                reply = self._exchange(command, whole, longer, back)
                if reply.code == Status.SESSION:
                    self._hello(order)
                    continue
                self.link.busy_s += time.monotonic() - began
                return self._judged(reply)
            except LinkLost:
                if attempt:
                    self._drop()
        raise LinkLost(
            f"the device must answer within {self.timeout_s:g} s, "
            f"got nothing {self.attempts} times from {self.transport.url}"
        )

    def _hello(self, order: tuple[int, int, bytes] | None = None) -> None:
        """A new session.

        Raises Restarted if the device is not as it was left, but for the order under
        way, which it may have made.
        """
        told = self._greeted()
        self.take = False  # from now on it is ours to come back to
        before, last = self._known, told["last"]
        rebooted = told["boot"] != self._boot
        self._session, self._boot = Session.of(told), told["boot"]
        self._deframer.versions = (self._session.version,)
        about = told["identity"], told["capabilities"]
        if self._known is None or about != self._about:
            who = {name: about[0][name] for name in _WHO if name in about[0]}
            self._known = Identity(**who), Capabilities.from_json(about[1])
            self._about = about
        here, left = self._known[0], self._number
        if order is None or before is None:
            self._number = last
            return
        number, command, payload = order
        if rebooted or last not in (left, number):
            self._number = last
            raise Restarted(f"{here} has lost what it held")
        made = self._session.made
        if last != left and made not in (None, messages.digest(command, payload)):
            self._number = last
            raise Restarted(f"{here} has made another order")

    def _greeted(self) -> dict[str, Any]:
        """The answer to a hello."""
        hello, lost = Hello(self.token, self._speaks, self.take), None
        self._deframer.versions = (2, 1) if self._speaks == 2 else (1,)
        for _ in range(self.attempts):
            try:
                reply = self._exchange(Command.HELLO, hello.encode())
                return answered(hello, reply.version, self._judged(reply))
            except LinkLost as error:
                lost = error
                self._drop()
                self._connect()
        raise LinkLost(f"nobody answers at {self.transport.url}: {lost}")

    def _exchange(
        self, command: int, payload: bytes, longer: float = 0.0, back: int = 0
    ) -> Frame:
        """One request and its reply. Raises LinkLost if there is none in time."""
        sequence = self._next()
        frame = self._session.frame(sequence, command, payload).encode()
        if len(frame) > self._session.room:
            raise ValueError(
                f"a request to {self.transport.url} must be {self._session.room} bytes "
                f"at most, got {len(frame)}: send fewer rows or samples at once"
            )
        # A zero in front ends whatever half a frame still lies in the line.
        self.transport.send(b"\0" + frame)
        self.link.bytes_out += len(frame) + 1
        can = self._known and self._known[1]
        if can and can.bytes_per_s:
            longer += (10 * len(frame) + back) / can.bytes_per_s
        else:
            longer += (len(frame) + back) / SLOWEST
        until = time.monotonic() + self.timeout_s + 2 * longer
        left = self.timeout_s + 2 * longer
        # Once at least: an answer that is there counts, however long this host slept.
        while data := self.transport.receive(max(left, 1e-3)):
            self.link.bytes_in += len(data)
            for reply in self._deframer.feed(data):
                if reply.code == Status.DAMAGED and not reply.sequence:
                    raise LinkLost("the request was damaged")
                if reply.code == Status.BUSY and not reply.sequence:
                    raise LinkLost(f"all places at {self.transport.url} are taken")
                if reply.sequence == sequence:
                    return reply
            self.link.damaged = self._deframer.damaged
            if (left := until - time.monotonic()) <= 0:
                break
        raise LinkLost("no answer in time")

    def _judged(self, reply: Frame) -> bytes:
        if reply.code == Status.OK:
            return reply.payload
        if reply.code == Status.BUSY:
            raise BlockingIOError(busy(self.transport.url, reply))
        said = reply.payload.decode(errors="replace")
        if reply.code == Status.REFUSED:
            raise Refused(said)
        if reply.code == Status.SESSION:
            raise LinkLost("the device wants another hello")
        raise RuntimeError(f"the device failed: {said}")

    def _next(self) -> int:
        self._sequence = self._sequence % 0xFFFF + 1
        return self._sequence

    def _connect(self) -> None:
        self.transport.open()
        self._deframer.clear()
        self._up = True
        if self._known is not None:
            self.link.reconnects += 1

    def _drop(self) -> None:
        self.transport.close()
        self._up = False


def _answer_bytes(
    what: Perturbations, shown: Shown, want: str, can: Capabilities
) -> int:
    """About how long the answer to a measurement is."""
    rows = what.count_rows(shown.groups) if isinstance(what, Codes) else len(what)
    return 4 * rows * (shown.batch * can.outputs if want == "outputs" else 2)
