r"""Waveforms: two kinds of noisy pulse, played forwards or backwards. Made, not read.

A chirp's frequency rises from 0.05 to 0.2 cycles per step, $\sin 2\pi(\phi + \int f)$;
a swell keeps 0.125 and grows from a tenth to all of its amplitude. Phase, amplitude and
speed vary, white noise is added. A pulse played backwards has the same values in
another order, and one with the opposite phase is as likely: so no average of a function
of single values tells the direction, nor has any linear readout of the whole sequence
another mean for one class than for the others. It takes memory. A stand-in for the
heartbeat classes (ECG5000) on which recurrent networks were trained by perturbation.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from plexgrad.core.validate import in_range, int_at_least
from plexgrad.data.dataset import Dataset, one_hot
from plexgrad.data.folders import Folder
from plexgrad.data.source import AbstractSource

STEPS = 32
"""Length of a sequence."""

CLASSES = ("rising", "falling", "swelling", "fading")

TRAIN, TEST = 2000, 1000
"""Sequences, a quarter of each class."""

SCALE = 0.3
"""What an amplitude of one takes of the range 0..1, around one half."""


@dataclass(frozen=True)
class Waveforms(AbstractSource):
    """Rising and falling chirps, swelling and fading tones in noise, 32 steps; made.

    `noise` is its standard deviation for tones of amplitude 0.8 to 1.2, `seed` draws
    another set. Raises ValueError unless noise is in [0, 1) and seed in 0..2**32 - 1.
    """

    name: ClassVar[str] = "waveforms"
    noise: float | int = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", in_range("noise", self.noise, 0.0, 1.0))
        int_at_least("seed", self.seed, 0, 2**32 - 1)

    def load(self, folder: Folder | None) -> Dataset:
        # NumPy guarantees the stream of RandomState for all versions, of Generator not.
        draw = np.random.RandomState(self.seed)
        count = TRAIN + TEST
        labels = np.arange(count) % len(CLASSES)
        clean = pulses(draw, labels)
        noisy = clean + self.noise * draw.standard_normal(clean.shape)
        x = np.clip(0.5 + SCALE * noisy, 0, 1).astype(np.float32)[:, :, None]
        y = one_hot("labels", labels, len(CLASSES))
        source = (
            f"{count} sequences of {STEPS} steps made by plexgrad with seed "
            f"{self.seed} and noise {self.noise:g}; the last {TEST} are for testing."
        )
        parts = (x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:])
        return Dataset(self.name, *parts, CLASSES, source, self.spec)


def pulses(
    draw: np.random.RandomState, labels: np.ndarray
) -> Float[np.ndarray, "n steps"]:
    """A pulse without noise for every label (a number in `CLASSES`)."""
    size = (len(labels), 1)
    phase = draw.uniform(0, 1, size)
    speed = draw.uniform(0.9, 1.1, size)
    amplitude = draw.uniform(0.8, 1.2, size)
    time = np.arange(STEPS) / STEPS
    chirp = STEPS * (0.05 * time + 0.15 * time**2 / 2)
    swell = 0.125 * STEPS * time
    turns = phase + speed * np.where(labels[:, None] < 2, chirp, swell)
    envelope = np.where(labels[:, None] < 2, 1.0, 0.1 + 0.9 * time)
    pulse = amplitude * envelope * np.sin(2 * np.pi * turns)
    return np.where(labels[:, None] % 2 == 0, pulse, pulse[:, ::-1])
