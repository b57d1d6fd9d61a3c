"""Several devices that train one network: a bench of benches.

All hold the same parameters. Each measures its part of a measurement, in a thread of
its own; every change goes to all. A device that is lost leaves: what it owed is
measured by the others, and it is knocked at until it comes back. Then its serial number
is compared, and data and parameters are written to it again, before it gets a part.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from jaxtyping import Float32

from plexgrad.core.validate import at_least
from plexgrad.lab.bench import Bench, OtherChip
from plexgrad.lab.deal import Part, deal, gathered, in_calls
from plexgrad.lab.device import Device, Identity, LinkLost, Measurement, Shown
from plexgrad.lab.notes import Notes
from plexgrad.lab.perturbations import Codes, Perturbations, Update
from plexgrad.lab.resting import rested
from plexgrad.lab.roster import Sums, common, joint_identity
from plexgrad.lab.transient import Transient, is_lost

KNOCK_S = 1.0
"""Seconds between two tries to reach a device that left."""

Tell = Callable[[str], object]


class Member:
    """A device of a team, with a thread that alone speaks to it."""

    def __init__(
        self, device: Device, transient: Transient = (), tell: Tell | None = None
    ) -> None:
        self.bench = Bench(device, 0.0, transient, tell)
        self.here, self.number = True, 0
        self.left = self.joined = 0
        self.knocked = 0.0
        self.knock: Future | None = None
        self._thread = ThreadPoolExecutor(1)

    def ask(self, call: Callable, *arguments: object) -> Future:
        """Let its thread make a call."""
        return self._thread.submit(call, *arguments)

    def dismiss(self) -> None:
        """Close the device and end the thread."""
        with contextlib.suppress(Exception):  # a driver's close must not raise
            self.ask(rested, self.bench.device).result()
        self._thread.shutdown()


class Team:
    """Has the methods of a `Bench`, for several devices of one kind.

    `patience_s`: how long all of them may be away before LinkLost is raised. `tell`
    hears who leaves and who comes back. `extra` counts rests that were measured only
    because a group was cut.
    """

    def __init__(
        self,
        devices: Sequence[Device],
        patience_s: float | int = 30.0,
        tell: Tell | None = None,
        knock_s: float | int = KNOCK_S,
        transient: Transient = (),
    ) -> None:
        if not devices:
            raise ValueError("a team must have a device, got none")
        self.patience_s = at_least("patience_s", patience_s, 0.0)
        self.tell, self.knock_s = tell or (lambda said: None), knock_s
        self.members = [Member(device, transient, tell) for device in devices]
        self.notes = Notes(tell)
        self.loaded: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.number = self.extra = 0
        self.told: Callable[[], object] = lambda: None
        self._idle_told = False

    def __enter__(self) -> "Team":
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        for member in self.members:
            member.dismiss()

    def open(self) -> None:
        """Open all, and write the first one's parameters to the others.

        Raises OSError if one cannot be opened, ValueError unless they are different
        chips of one kind.
        """
        try:
            for future in [each.ask(each.bench.open) for each in self.members]:
                future.result()
            benches = [member.bench for member in self.members]
            self.identity: Identity = joint_identity([b.identity for b in benches])
            self.can = common([b.can for b in benches], [b.identity for b in benches])
        except BaseException:
            self.__exit__()
            raise
        self.accounts = Sums.over(self.members)
        for member in self.members[1:]:
            member.ask(member.bench.write, self.shadow).result()

    @property
    def shadow(self) -> Float32[np.ndarray, " P"]:
        """The parameters as the host believes them to be."""
        return self._newest.bench.shadow

    @property
    def _newest(self) -> Member:
        """One that has made the last change."""
        return max(self.members, key=lambda member: (member.number, member.here))

    def load(self, x: np.ndarray, y: np.ndarray, key: str) -> None:
        """Hand samples over to every device."""
        self.loaded[key] = x, y
        self._all(lambda member: member.bench.load(x, y, key))

    def write(self, theta: np.ndarray) -> None:
        """Set all parameters of every device."""
        self._change(lambda member: member.bench.write(theta))

    def update(self, update: Update) -> None:
        """Let every device add a sum of codes to its parameters."""
        self._change(lambda member: member.bench.update(update))

    def read_back(self) -> Float32[np.ndarray, " P"]:
        """The parameters as the devices hold them; the first one's."""
        self._all(lambda member: member.bench.read_back())
        return self.shadow

    @property
    def made(self) -> int:
        """Changes that one of the devices is known to have made."""
        return self._newest.number

    def believe(self, update: Update) -> None:
        """As of a bench."""
        self._newest.bench.believe(update)

    def rest(self) -> None:
        """As of a bench, on all that are here."""
        theta = self.shadow
        self._all(lambda member: member.bench.reopen(theta))

    def touch(self) -> None:
        """As of a bench, on all that are here."""
        jobs = {m: () for m in self.members if m.here}
        self._together(jobs, lambda member, _: member.bench.touch())

    def check_amplitude(self, amplitude: float) -> None:
        """As of a bench; all devices are of one kind."""
        self._newest.bench.check_amplitude(amplitude)

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        """As a device measures; every row once, on one of them."""
        return self._shared(None, perturbations, shown, want, repeats)

    def step(
        self, update: Update | None, perturbations: Perturbations, shown: Shown
    ) -> Measurement:
        """Apply an update everywhere, and measure."""
        return self._shared(update, perturbations, shown, "cost", 1)

    def _shared(
        self,
        update: Update | None,
        what: Perturbations,
        shown: Shown,
        want: str,
        repeats: int,
    ) -> Measurement:
        self._welcome()
        self.number += update is not None
        # With one row for all, the first of them measures it.
        parts = deal(what, shown, max(1, len(self._present())))
        self._tell_of_idle(what, len(parts))
        found: dict[int, Measurement] = {}

        def work(member: Member, numbers: Sequence[int]) -> None:
            owed = update if member.number < self.number else None
            for n in numbers:
                found[n] = _measured(member.bench, owed, parts[n], want, repeats)
                owed, member.number = None, self.number
            if owed is not None:
                member.bench.update(owed)
                member.number = self.number

        while len(found) < len(parts) or self._present()[0].number < self.number:
            left = [n for n in range(len(parts)) if n not in found]
            here = self._present()
            jobs = {m: left[n :: len(here)] for n, m in enumerate(here)}
            self._together(jobs, work)
        self.extra += sum(part.own_rest for part in parts)
        return gathered(parts, [found[n] for n in range(len(parts))])

    def _tell_of_idle(self, what: Perturbations, parts: int) -> None:
        """Say, once, that a measurement has no part for some of the chips."""
        idle = len(self._present()) - parts
        if idle <= 0 or self._idle_told:
            return
        if isinstance(what, Codes) or np.any(what):  # a rest is nobody's window
            self._idle_told = True
            self.tell(
                f"{idle} of {parts + idle} chips measure nothing: a window has only "
                f"{parts} part(s) to deal; longer windows (tau_theta) give them some"
            )

    def _change(self, call: Callable[[Member], object]) -> None:
        """Make a change on all that are here; one at least must have made it."""
        self._welcome()
        self.number += 1

        def work(member: Member, _: Sequence[int]) -> None:
            if member.number < self.number:
                call(member)
                member.number = self.number

        while self._present()[0].number < self.number:
            self._together(dict.fromkeys(self._present(), ()), work)

    def _all(self, call: Callable[[Member], object]) -> None:
        self._welcome()
        jobs = dict.fromkeys(self._present(), ())
        self._together(jobs, lambda member, _: call(member))
        self._present()

    def _together(
        self,
        jobs: Mapping[Member, Sequence[int]],
        work: Callable[[Member, Sequence[int]], object],
    ) -> None:
        """Let all work at once; who is lost on the way has left."""
        futures = [(m, m.ask(work, m, numbers)) for m, numbers in jobs.items()]
        errors: list[Exception] = []
        for member, future in futures:
            try:
                future.result()
            except Exception as error:
                gone = is_lost(error, member.bench.transient)
                if gone or isinstance(error, OtherChip):
                    self._leave(member, error)
                else:  # all must have ended before it is told
                    errors.append(error)
        if errors:
            raise errors[0]

    def _leave(self, member: Member, error: Exception) -> None:
        member.here, member.knocked = False, time.monotonic()
        member.left += 1
        self.tell(f"{member.bench.identity} has left the run: {error}")

    def _present(self) -> list[Member]:
        """Those that are here, waiting for the first if none is."""
        began = time.monotonic()
        while True:
            if here := [member for member in self.members if member.here]:
                return sorted(here, key=lambda member: -member.number)
            if time.monotonic() - began > self.patience_s:
                raise LinkLost(
                    f"none of {len(self.members)} devices came back within "
                    f"{self.patience_s:g} s: {self.identity}"
                )
            self.told()
            time.sleep(min(0.02, self.knock_s))
            self._welcome()

    def _welcome(self) -> None:
        """Knock at those who left, and take back in who has answered."""
        for member in self.members:
            if member.here:
                continue
            if member.knock is None:
                if time.monotonic() - member.knocked >= self.knock_s:
                    member.bench.loaded = dict(self.loaded)
                    member.knock = member.ask(member.bench.reopen, self.shadow)
            elif member.knock.done():
                self._answered(member, member.knock)

    def _answered(self, member: Member, knock: Future) -> None:
        member.knock, member.knocked = None, time.monotonic()
        newest = self._newest
        try:
            knock.result()
            if newest is not member:
                # It has slept through changes since it was knocked at.
                member.ask(member.bench.write, newest.bench.shadow).result()
        except (OSError, OtherChip):  # lost again, or taken by someone else
            return
        member.here, member.number = True, newest.number
        member.joined += 1
        self.tell(f"{member.bench.identity} is back")


def _measured(
    bench: Bench, update: Update | None, part: Part, want: str, repeats: int
) -> Measurement:
    """A part on one device, in as many calls as it takes."""
    calls = in_calls(part.perturbations, part.shown, bench.can.max_rows)
    found = []
    for call in calls:
        if update is not None:
            found.append(bench.step(update, call.perturbations, call.shown))
            update = None
        else:
            found.append(bench.measure(call.perturbations, call.shown, want, repeats))
    return gathered(calls, found)


AnyBench = Bench | Team
"""One device, or several as one."""


def bench_of(
    device: Device | Sequence[Device],
    patience_s: float | int = 30.0,
    tell: Tell | None = None,
    transient: Transient = (),
) -> AnyBench:
    """A bench for a device, or a team for several.

    Raises TypeError for what is none.
    """
    several = isinstance(device, Sequence) and not isinstance(device, str)
    devices: Sequence[Any] = device if several else [device]  # pyright: ignore
    for each in devices:
        if not hasattr(each, "measure"):
            raise TypeError(
                "device must be a Device, such as "
                f'plexgrad.lab.device_at("emulated:2-2-1"), got {each!r}'
            )
    if several:
        return Team(devices, patience_s, tell, KNOCK_S, transient)
    return Bench(devices[0], patience_s, transient, tell)
