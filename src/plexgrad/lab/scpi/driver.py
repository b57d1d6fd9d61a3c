"""The host's side of SCPI: an instrument with the commands of this room as a device.

`scpi://HOST:PORT` goes by PyVISA-py, or by a plain socket with `?via=socket`. Every
call is one message that ends with SYST:ERR?, so that a refusal is told at once; only
an instrument that is gone costs a time-out, which ends the connection; the next call
connects again. How answers find their questions stands in `dialogue`.
"""

import time
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from plexgrad.core.extras import lacking
from plexgrad.core.reading import plain_json
from plexgrad.core.validate import one_of
from plexgrad.lab.capabilities import Capabilities
from plexgrad.lab.device import (
    Identity,
    LinkCounts,
    LinkLost,
    Measurement,
    Refused,
    Restarted,
    Shown,
)
from plexgrad.lab.emulated import EmulatedMLP
from plexgrad.lab.perturbations import Codes, Perturbations, Update
from plexgrad.lab.scpi.dialogue import ECHOES, Dialogue
from plexgrad.lab.scpi.instrument import Instrument
from plexgrad.lab.scpi.parser import Units
from plexgrad.lab.scpi.requests import numbers, query, same
from plexgrad.lab.scpi.session import POWER_ON
from plexgrad.lab.scpi.syntax import Item, block
from plexgrad.lab.scpi.visa import VisaLine
from plexgrad.lab.transports.in_process import InProcess
from plexgrad.lab.transports.tcp import TCP, host_and_port
from plexgrad.lab.transports.transport import Line, parts


class ScpiDevice:
    """An SCPI instrument over a line. Follows `Device` and, as declared, its options.

    `timeout_s` is for the link; what the device says that it needs is added.
    """

    scheme: ClassVar[str] = "scpi"

    def __init__(self, line: Line, timeout_s: float | int = 2.0) -> None:
        self.line, self.timeout_s = line, timeout_s
        self.link = LinkCounts()
        self.dialogue = Dialogue(line, self.link, timeout_s)
        self._known: tuple[Identity, Capabilities] | None = None
        self._name, self._clear = "", False
        self._shown, self._repeats = Shown(), 1

    @classmethod
    def of(cls, url: str) -> "ScpiDevice":
        """The instrument of `scpi://HOST:PORT?via=socket&timeout_s=2`."""
        place, options = parts(url, {"via": str, "timeout_s": float})
        host, port = host_and_port(place)
        via = one_of("via", options.pop("via", "visa"), ("visa", "socket"))
        name = f"TCPIP0::{host}::{port}::SOCKET"
        line = TCP(host, port) if via == "socket" else VisaLine(name)
        return cls(line, **options)

    @classmethod
    def missing(cls) -> str:
        """What to install first; "" if it is here."""
        return lacking("pyvisa", "scpi") or lacking("pyvisa_py", "scpi")

    @classmethod
    def demos(cls) -> "list[ScpiDevice]":
        """Instruments that can much and little, without a wire; for the laws."""
        dumb: Any = {"codes": False, "data": False, "updates": False}
        chips = EmulatedMLP([3, 4, 2]), EmulatedMLP([3, 4, 2], step=2**-6, **dumb)
        return [cls(InProcess(Instrument(chip).connection)) for chip in chips]

    @property
    def capabilities(self) -> Capabilities:
        """What the instrument declared when it was opened; before, nothing is known."""
        return self._known[1] if self._known else Capabilities(())

    def open(self) -> None:
        """Connect, and ask who is there. Raises LinkLost if nobody is."""
        if not self.dialogue.up:
            self._connect()

    def close(self) -> None:
        """Hang up."""
        self.dialogue.close()

    def identify(self) -> Identity:
        if not self.dialogue.up:
            self._connect()
        return self._known[0] if self._known else Identity("", "", "")

    def write_parameters(
        self, theta: np.ndarray, index: np.ndarray | None = None
    ) -> None:
        values = block(theta.astype("<f4"))
        if index is None:
            self._call([b"W:DATA " + values])
        else:
            self._call([b"W:PART %s,%s" % (block(index.astype("<u4")), values)])

    def read_parameters(self) -> np.ndarray:
        return self._floats(self._call([b"W:DATA?"])[0]).copy()

    def load_samples(self, x: np.ndarray, y: np.ndarray, key: str) -> str:
        """Keep samples (n, inputs) and targets (n, outputs) under a key."""
        both = block(x.astype("<f4")), block(y.astype("<f4"))
        self._call([b'DATA:LOAD "%s",%s,%s' % (key.encode(), *both)])
        return key

    def update(self, update: Update) -> None:
        """Add a sum of codes. LinkLost leaves open whether it was done."""
        self._call([self._added(update)])

    def step(
        self, update: Update | None, perturbations: Perturbations, shown: Shown
    ) -> Measurement:
        """Apply an update and measure, in one message."""
        before = [] if update is None else [self._added(update)]
        return self._measured(before, perturbations, shown, "cost", 1)

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        return self._measured([], perturbations, shown, want, repeats)

    def _measured(
        self,
        units: list[bytes],
        what: Perturbations,
        shown: Shown,
        want: str,
        repeats: int,
    ) -> Measurement:
        if not self.dialogue.up:
            self._connect(again=True)
        can = self.capabilities
        if isinstance(what, Codes) and want == "outputs":
            what = what.rows(can.parameters, shown.groups)
        if isinstance(what, np.ndarray) and what.shape[1:] != (can.parameters,):
            raise Refused(
                f"perturbations must have {can.parameters} columns, got {what.shape}"
            )
        units = [*units, *self._showing(shown)]
        if repeats != self._repeats:
            units.append(b"PERT:REP %d" % repeats)
        rows = what.count_rows(shown.groups) if isinstance(what, Codes) else len(what)
        units.append(query(what, want))
        scored = "hits" in can.returns and want == "cost"
        if scored:
            units.append(b"PERT:HITS?")
        each = can.settle_s + can.input_settle_s * max(1, shown.batch)
        if can.sample_rate_hz:
            each += max(1, shown.batch) / can.sample_rate_hz
        # Until it is answered, what the instrument shows is not known.
        before, self._shown, self._repeats = self._shown, Shown(handle="?"), 0
        answers = self._call(units, 2 * rows * repeats * each)
        self._shown, self._repeats = shown or before, repeats
        told = self._floats(answers[0])
        if want == "outputs":
            shape = rows, max(1, shown.batch), can.outputs
            return Measurement(outputs=told.reshape(shape))
        hits = self._floats(answers[1]) if scored else None
        return Measurement(
            cost=told, hits=hits if hits is not None and len(hits) else None
        )

    def _showing(self, shown: Shown) -> list[bytes]:
        """What has to be said so that these samples are shown."""
        old = self._shown
        pairs = ((old.x, shown.x), (old.y, shown.y), (old.index, shown.index))
        if old.handle == shown.handle and all(same(*pair) for pair in pairs):
            return []
        groups = b"%d" % shown.groups
        if shown.index is not None:
            index = block(shown.index.astype("<u4"))
            return [b'DATA:SHOW "%s",%s,%s' % (shown.handle.encode(), index, groups)]
        if shown.x is None or shown.y is None:
            return [b"DATA:NONE"]
        both = block(shown.x.astype("<f4")), block(shown.y.astype("<f4"))
        return [b"DATA:SEND %s,%s,%s" % (*both, groups)]

    def _added(self, update: Update) -> bytes:
        coefficients = block(update.coefficients.astype("<f4"))
        return b"W:ADD %s,%s" % (numbers(update.codes), coefficients)

    def _floats(self, answer: list[Item]) -> np.ndarray:
        if not answer or not isinstance(answer[0], bytes):
            self.close()
            raise LinkLost(f"the answer must be a block, got {answer!r:.60}")
        return np.frombuffer(answer[0], "<f4")

    def _call(self, units: list[bytes], longer: float = 0.0) -> list[list[Item]]:
        """The answers to the units of a message. Raises what the instrument says."""
        if not self.dialogue.up:
            self._connect(again=True)
        self.link.calls += 1
        began = time.monotonic()
        first = [b"*CLS"] if self._clear else []
        *answers, last = self.dialogue.ask([*first, *units, b"SYST:ERR?"], longer)
        self.link.busy_s += time.monotonic() - began
        number, words = str(last[0]), " ".join(map(str, last[1:]))
        if not number.lstrip("+-").isdigit():
            self.close()
            raise LinkLost(f"SYST:ERR? must answer a number, got {number:.40}")
        self._clear = int(number) != 0
        if not self._clear:
            self._check_count(units, answers)
            return answers
        said = f"the instrument says {number}: {words}"
        if number == "-315":
            raise Restarted(said)
        if number.startswith("-3"):
            raise RuntimeError(said)
        raise Refused(said)

    def _check_count(self, units: list[bytes], answers: list[list[Item]]) -> None:
        """Hang up unless every query has one answer."""
        asked = sum(unit.partition(b" ")[0].endswith(b"?") for unit in units)
        if len(answers) != asked:
            self.close()
            raise LinkLost(f"{asked} queries must be answered, got {len(answers)}")

    def _connect(self, again: bool = False) -> None:
        """Connect and look who is there.

        `again` is for a call in the middle of work: it raises Restarted if the
        instrument was without power since.
        """
        before, talk = self._known, self.dialogue
        if before is not None:
            self.link.reconnects += 1
        talk.open()
        self._shown, self._repeats, self._clear = Shown(), 1, True
        name = talk.name(self._name)
        if name != self._name:
            talk.echo = ""
        asked = [b"*ESR?", b"SYST:CAP?", b"SYST:ERR?"]
        events, (told, *_), _ = talk.ask(asked, fits=_tells_capabilities)
        data = plain_json("SYST:CAP?", told)
        talk.echo = data["echo"] if data.get("echo") in ECHOES else ""
        can = replace(Capabilities.from_json(data), autonomous=False)
        who = [each.strip() for each in [*name.split(","), "", "", ""][:4]]
        self._name, self._known = name, (Identity(*who), can)
        event = str(events[0])
        lost = event.isdigit() and bool(int(event) & POWER_ON)
        if again and before is not None and lost:
            raise Restarted(f"{self._known[0]} was without power")


def _tells_capabilities(found: Units) -> bool:
    """Whether these are the answers to *ESR?, SYST:CAP? and SYST:ERR?."""
    if len(found) != 3 or not isinstance(found[1][0], bytes):
        return False
    try:
        return isinstance(plain_json("SYST:CAP?", found[1][0]), dict)
    except ValueError:
        return False


class VisaDevice(ScpiDevice):
    """An SCPI instrument at any VISA resource: `visa:USB0::0x1::0x2::3::INSTR`."""

    scheme: ClassVar[str] = "visa"

    @classmethod
    def of(cls, url: str) -> "VisaDevice":
        """The instrument of `visa:RESOURCE?backend=@py&timeout_s=2`."""
        place, options = parts(url, {"backend": str, "timeout_s": float})
        line = VisaLine(place, options.pop("backend", "@py"))
        return cls(line, **options)
