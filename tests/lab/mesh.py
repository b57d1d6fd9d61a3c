"""A lab's own driver in a file: a made-up mesh of heaters, opened as python:mesh.py."""

import numpy as np

from plexgrad import lab


def mesh(knobs=4, serial="MESH-1", noise=1e-3, high=5.0, detector="works"):
    """The cost is the light that does not arrive; a detector may be "dead" or "nan"."""
    random = np.random.default_rng(7)
    phases, now = random.uniform(0, 2 * np.pi, knobs), np.zeros(knobs)
    stuck = {"dead": 0.25, "nan": np.nan}

    def put(volts):
        now[:] = volts

    def read():
        if detector in stuck:
            return stuck[detector]
        field = np.exp(1j * (phases + 0.5 * now**2)).mean()
        return 1 - abs(field) ** 2 + noise * random.standard_normal()

    heaters = lab.Knobs((knobs,), 0.0, high, high / 4096, "V", "heaters")
    who = lab.Identity("a bench", "mesh", serial)
    return lab.Wrapped(put, read, heaters, identity=who, noise_std=noise)


class Mesh(lab.Wrapped):
    """The same as a class of one's own."""

    def __init__(self, serial="MESH-2"):
        made = mesh(serial=serial)
        super().__init__(
            made.set_knobs, made.read, made.capabilities.groups, identity=made.identity
        )


MADE = mesh(serial="MESH-3")
