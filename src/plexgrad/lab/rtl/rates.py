r"""The chip's learning rates: powers of two, and what a run alone asks for.

Alone, the chip takes from its weights $2^{-\mathrm{shift}} \sum c\,(S_+ - S_-)$, with S
a sum over $n_L$ outputs and B samples. In the words of `lab.device.Autonomy`, and with
a target's swing of v on the chip, that is

$$\eta = 2^{1-\mathrm{shift}}\, v^2\, n_L\, B\, \tau_\theta\, \Delta.$$
"""

import math

from plexgrad.core.validate import positive, positive_int
from plexgrad.lab.device import Autonomy, Refused
from plexgrad.lab.perturbations import Codes
from plexgrad.lab.rtl.data import Data
from plexgrad.lab.rtl.design import GUARD
from plexgrad.lab.rtl.model import Settings
from plexgrad.lab.rtl.rows import amplitude_of


def eta(data: Data, shift: int, codes: Codes, batch: int) -> float:
    """The learning rate of a shift."""
    amplitude = amplitude_of(data.design, codes.amplitude) / data.design.one
    return (
        2.0 ** (1 - shift)
        / (data.scale(batch) * data.design.one)
        * codes.count
        * amplitude
    )


def shift_of(data: Data, wanted: float | int, codes: Codes, batch: int) -> int:
    """The shift of a learning rate.

    Raises Refused, naming the nearest there are, for one that is a thousandth off.
    """
    largest = eta(data, 0, codes, batch)
    places = math.log2(largest / positive("eta", wanted))
    shift = min(max(round(places), 0), GUARD)
    if abs(eta(data, shift, codes, batch) / wanted - 1) < 1e-3:
        return shift
    near = {min(max(math.floor(places) + n, 0), GUARD) for n in (0, 1)}
    rates = [f"{eta(data, n, codes, batch):.6g}" for n in sorted(near)]
    raise Refused(
        f"eta must be {largest:.6g} / 2^n on this chip, such as {' or '.join(rates)}; "
        f"got {wanted:.6g}"
    )


def settings(data: Data, config: Autonomy, steps: int) -> Settings:
    """The control words of a run. Raises Refused for what the chip cannot do."""
    positive_int("steps", steps)
    design = data.design
    codes, batch = config.codes, positive_int("batch", config.batch)
    if (codes.kind, codes.hold, codes.reference) != (design.code, 1, "antithetic"):
        raise Refused(
            f"codes must be {design.code}, antithetic and held for 1 slot, "
            f"got {codes.kind}, {codes.reference} and {codes.hold}"
        )
    if steps % codes.count or codes.count >= 2**16:
        raise Refused(f"steps must be a multiple of {codes.count}, got {steps}")
    first, count = data.place(config.handle)
    if batch > count or config.position % batch:
        raise Refused(
            f"batch must be {count} at most and divide position {config.position}, "
            f"got {batch}"
        )
    return Settings(
        amplitude=amplitude_of(design, codes.amplitude),
        shift=shift_of(data, config.eta, codes, batch),
        period=codes.count,
        batch=batch,
        first=first,
        stop=first + count // batch * batch,
    )
