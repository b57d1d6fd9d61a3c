"""The checks of the conformance kit, in the order in which they are made.

Each takes the subject, with fresh parameters written, and returns what it measured;
it raises Wrong for a broken promise and Skip where nothing was promised.
"""

import time
from itertools import product

import numpy as np

from plexgrad.lab.bench import Bench
from plexgrad.lab.conform import Skip, Subject, Wrong
from plexgrad.lab.device import PROMISES, LinkCounts, Shown
from plexgrad.lab.frames import Frame
from plexgrad.lab.messages import Command
from plexgrad.lab.perturbations import REFERENCES, Codes, Update
from plexgrad.lab.remote import Remote

KEY = (20, 26)
HANDLE = "conform"


def k1_identity(it: Subject) -> str:
    """Identity is stable, what is declared is there, and it opens again."""
    first = it.device.identify()
    if not (first.vendor and first.model and first.serial):
        raise Wrong(f"vendor, model and serial must not be empty, got {first!r}")
    if not it.can.parameters:
        raise Wrong("a device must have parameters, got none")
    for name, promise in PROMISES.items():
        if getattr(it.can, name) and not isinstance(it.device, promise):
            raise Wrong(f"{name} is declared, but {promise.__name__} is not offered")
    it.device.close()
    it.device.open()
    if (again := it.device.identify()) != first:
        raise Wrong(f"identity must be stable, got {first}, then {again}")
    return f"{first}; {it.can.parameters} parameters"


def k2_parameters(it: Subject) -> str:
    """What is read is what was written, on the declared steps, within the range."""
    it.device.write_parameters(it.theta)
    slack = np.maximum(it.can.step, 1e-5 * (it.can.high - it.can.low))
    found = it.device.read_parameters()
    if found.shape != it.theta.shape:
        raise Wrong(f"parameters must be {it.theta.shape}, got {found.shape}")
    worst = float(np.abs(found - it.theta).max())
    if (np.abs(found - it.theta) > slack).any():
        raise Wrong(f"read and written differ by {worst:.3g}")
    stairs = np.linspace(it.can.low[0], it.can.high[0], 9, dtype=np.float32)
    seen = []
    for value in stairs:
        it.device.write_parameters(np.array([value]), np.array([0], np.uint32))
        seen.append(it.device.read_parameters()[0])
    if (np.abs(np.array(seen) - stairs) > slack[0]).any():
        raise Wrong(f"a sweep must be followed to {slack[0]:.3g}, got {seen}")
    other = it.device.read_parameters()[1:]
    if (np.abs(other - it.theta[1:]) > slack[1:]).any():
        raise Wrong("writing one parameter changed another")
    high, span = it.can.high[0], it.can.high[0] - it.can.low[0]
    try:
        beyond = np.array([high + span / 10], np.float32)
        it.device.write_parameters(beyond, np.array([0], np.uint32))
    except ValueError:
        return f"to {worst:.2g}; out of range is refused"
    outside = it.device.read_parameters()[0]
    if outside > high + slack[0]:
        raise Wrong(f"a write beyond the range was held: {outside:.3g}")
    return f"to {worst:.2g}; out of range is clipped"


def k3_repeatability(it: Subject) -> str:
    """The spread of repeated measurements is that declared."""
    row = it.signs(1)
    costs = np.array([it.cost(row)[0] for _ in range(16)], np.float64)
    spread = float(costs.std(ddof=1))
    if it.can.deterministic:
        if spread:
            raise Wrong(f"a deterministic device must repeat, spread is {spread:.3g}")
        return "16 equal costs"
    if not it.can.noise_std:
        return f"spread {spread:.3g} of {costs.mean():.3g}; none was declared"
    # Chi squared with 15 degrees of freedom: in here but for once in a million.
    if not 0.3 < spread / it.can.noise_std < 2:
        raise Wrong(f"noise_std is {it.can.noise_std:g}, the spread is {spread:.3g}")
    return f"spread {spread:.3g}, declared {it.can.noise_std:g}"


def k4_sign(it: Subject) -> str:
    """A small step of one parameter moves the cost as a larger one says."""
    slopes = []
    for scale in (1.0, 4.0):
        step = min(it.amplitude * scale, it.can.amplitude_high)
        count = min(it.can.parameters, 16)
        pairs = np.zeros((2 * count, it.can.parameters), np.float32)
        pairs[np.arange(count), np.arange(count)] = step
        pairs[count + np.arange(count), np.arange(count)] = -step
        costs = np.concatenate(
            [it.cost(pairs[n : n + it.rows]) for n in range(0, 2 * count, it.rows)]
        )
        slopes.append((costs[:count] - costs[count:]) / (2 * step))
    small, large = slopes
    noise = 8 * it.can.noise_std / it.amplitude
    strong = np.abs(large) > max(noise, 0.3 * float(np.abs(large).max()))
    if not strong.any() or not np.abs(large).max():
        raise Skip("no slope stands out of the noise")
    if (np.sign(small[strong]) != np.sign(large[strong])).any():
        raise Wrong(f"slopes are {small[strong]} and {large[strong]}")
    return f"{int(strong.sum())} of {len(strong)} slopes stand out and agree"


def k5_codes(it: Subject) -> str:
    """The device's codes are the host's; a batch is as many single measurements."""
    rows = it.signs(it.rows)
    singles = np.concatenate([it.cost(rows[n : n + 1]) for n in range(len(rows))])
    said = it.same("a batch and single measurements", it.cost(rows), singles)
    if not it.can.makes_codes:
        return f"{said}; makes no codes"
    for kind, reference, hold in product(it.can.makes_codes, REFERENCES, (1, 3)):
        codes = Codes(KEY, 250, 4, it.amplitude, reference, hold, kind)
        made = codes.rows(it.can.parameters)
        said = it.same("codes and arrays", it.cost(codes), it.cost(made))
    return f"codes and arrays: {said}"


def k6_paired_difference(it: Subject) -> str:
    """Amplitude 0 twice is the same cost; opposite signs swap a pair's costs."""
    rest = np.repeat(it.rest(), 2, axis=0)
    one, other = it.cost(rest)
    said = it.same("two rests", np.array([one]), np.array([other]))
    row = it.signs(1)
    pair = it.cost(np.concatenate([row, -row]))
    swapped = it.cost(np.concatenate([-row, row]))
    it.same("a pair and the swapped pair", pair, swapped[::-1])
    moved = np.abs(it.device.read_parameters() - it.theta)
    if it.can.exact_writes and (moved > it.can.slack).any():
        worst = int((moved / it.can.slack).argmax())
        raise Wrong(
            "a measurement must leave the parameters as they were; "
            f"{it.can.where(worst)} moved by {moved[worst]:.3g}"
        )
    return said


def k7_update(it: Subject) -> str:
    """Parameters after an update are those expected."""
    if not it.can.applies_updates:
        raise Skip("applies no updates")
    codes = Codes(KEY, 9, 4, it.amplitude)
    update = Update(codes, np.array([1, -2, 0.5, 4], np.float32))
    it.device.update(update)  # pyright: ignore
    change = update.change(it.can.parameters)
    wanted = it.can.held(it.theta.astype(np.float64) + change)
    gap = np.abs(it.device.read_parameters() - wanted)
    slack = np.maximum(it.can.step, 1e-5 * (it.can.high - it.can.low))
    if (gap > slack).any():
        raise Wrong(f"an update must come out to a step, it is {gap.max():.3g} off")
    return f"largest difference {gap.max():.2g}"


def k8_data(it: Subject) -> str:
    """Held data cost what sent data cost."""
    if not it.can.holds_data:
        raise Skip("holds no data")
    x, y = it.shown.x, it.shown.y
    if x is None or y is None:
        raise Skip("shows no samples")
    handle = it.device.load_samples(x[0], y[0], HANDLE)  # pyright: ignore
    index = np.array([[2, 3, 4]], np.uint32)
    held = it.cost(it.rest(), Shown(handle=handle, index=index))
    return it.same(
        "held and sent", held, it.cost(it.rest(), Shown(x[:, 2:5], y[:, 2:5]))
    )


def k9_latency(it: Subject) -> str:
    """A round trip takes what was declared, within a factor of two."""
    times = []
    for _ in range(20):
        began = time.perf_counter()
        it.device.read_parameters()
        times.append(time.perf_counter() - began)
    took = float(np.median(times))
    if it.can.latency_s and not 0.5 < took / it.can.latency_s < 2:
        raise Wrong(f"latency_s is {it.can.latency_s:g}, a round trip takes {took:.3g}")
    return f"{1e3 * took:.3g} ms"


def k11_limits(it: Subject) -> str:
    """What is beyond the limits is refused before anything is sent."""
    bench = Bench(it.device, 0.0)
    bench.open()
    said = []
    can = it.can
    if can.amplitude_step:
        _refused(
            lambda: bench.check_amplitude(can.amplitude_step / 3), "a small amplitude"
        )
        said.append("an amplitude below the DAC's step")
    if np.isfinite(can.amplitude_high):
        _refused(
            lambda: bench.check_amplitude(3 * can.amplitude_high), "a large amplitude"
        )
        said.append("one above the largest")
    beyond = 2 * can.high - can.low
    _refused(lambda: bench.write(beyond), "parameters out of range")
    said.append("parameters out of range")
    if can.max_rows:
        many = np.zeros((can.max_rows + 1, can.parameters), np.float32)
        _refused(lambda: bench.measure(many, it.shown), "too many rows")
        said.append("too many rows")
    return f"refused: {', '.join(said)}"


def k12_refusal_and_on(it: Subject) -> str:
    """A measurement that makes no sense is an error, and the next one works."""
    before = it.cost(it.rest())
    wrong = np.zeros((1, it.can.parameters + 1), np.float32)
    _refused(lambda: it.cost(wrong), "a row that is too long")
    return it.same("before and after", before, it.cost(it.rest()))


def k13_garbage(it: Subject) -> str:
    """Half a frame, noise, and a hello and an order of nobody are survived."""
    remote = it.device
    if not isinstance(remote, Remote):
        raise Skip("has no link")
    before = it.cost(it.rest())
    nobody = [Frame(7, 1, code, bytes(14)) for code in (Command.HELLO, Command.WRITE)]
    frames = [b"\0" + frame.encode() for frame in nobody]
    noises = b"\x09half a frame", b"\xa5" * 300 + b"\0\0", bytes(range(256))
    for noise in (*noises, *frames):
        remote.transport.send(noise)
        it.same("before and after garbage", before, it.cost(it.rest()))
    return f"{remote.link.retries} retries so far"


def k14_cut_link(it: Subject) -> str:
    """A cut link comes back on its own, and an update on the way is made once."""
    remote = it.device
    if not isinstance(remote, Remote):
        raise Skip("has no link")
    before = it.cost(it.rest())
    remote.transport.close()
    it.same("before and after a cut", before, it.cost(it.rest()))
    if it.can.applies_updates:
        remote.transport.close()
        k7_update(it)
    return f"{remote.link.reconnects} reconnections so far"


def k16_accounts(it: Subject) -> str:
    """Calls and bytes are counted."""
    link = getattr(it.device, "link", None)
    if not isinstance(link, LinkCounts):
        raise Skip("has no link")
    calls, out, back = link.calls, link.bytes_out, link.bytes_in
    it.device.read_parameters()
    if link.calls != calls + 1 or link.bytes_out <= out:
        raise Wrong("a call must be counted")
    if link.bytes_in - back < 4 * it.can.parameters:
        raise Wrong(f"parameters came in {link.bytes_in - back} bytes")
    return f"{link.bytes_out - out} bytes out, {link.bytes_in - back} in"


def _refused(call: object, what: str) -> None:
    try:
        call()  # pyright: ignore
    except (ValueError, TypeError):
        return
    raise Wrong(f"{what} must be refused")


CHECKS = tuple(
    found
    for name, found in list(globals().items())
    if name[0] == "k" and name[1:2].isdigit()
)
