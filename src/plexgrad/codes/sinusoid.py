r"""Sinusoidal code: every parameter hums its own note.

$\tilde\theta_p(t) = \sqrt2\,\Delta\,\sin(2\pi f_p t / N + \varphi_p)$ with distinct
whole frequencies $0 < f_p < N/2$, shuffled by the key, and phases drawn by the key. The
period N is the smallest power of two above 2P + 1, and all gradients come from one FFT
of the cost.
Frequency division multiplexing: McCaughan et al. 2023, doi:10.1063/5.0157645.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.core import bits
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout


@dataclass(frozen=True)
class Sinusoid(AbstractCode):
    """Distinct frequencies, exact after one `period`; `amplitude` is each one's rms."""

    amplitude: float = 1e-2

    def period(self, like: PyTree | Layout) -> int:
        return 1 << (2 * Layout.of(like).size + 1).bit_length()

    def notes(
        self, key: Key[Array, ""], like: PyTree | Layout
    ) -> tuple[UInt32[Array, " P"], Float[Array, " P"]]:
        """Frequency (cycles per period) and phase (radians) of every parameter."""
        layout = Layout.of(like)
        low, high = bits.key_words(key)
        index = jnp.arange(1, layout.size + 1, dtype=jnp.uint32)
        # Odd multipliers and a shifted xor permute [0, 2**width) and leave 0 alone.
        width = self.period(layout).bit_length() - 2
        mask = jnp.uint32((1 << width) - 1)
        frequency = (index * (low | jnp.uint32(1))) & mask
        frequency = frequency ^ (frequency >> (width // 2 + 1))
        frequency = (frequency * (high | jnp.uint32(1))) & mask
        drawn = bits.uniform(bits.mix(bits.mix(index ^ low) + high))
        return frequency, 2 * jnp.pi * drawn

    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        layout = Layout.of(like)
        period = self.period(layout)
        frequency, phase = self.notes(key, layout)
        cycles = (slots[:, None] * frequency[None, :]) & jnp.uint32(period - 1)
        angle = cycles.astype(jnp.float32) * (2 * jnp.pi / period) + phase[None, :]
        return layout.unflatten(jnp.sin(angle) * (2**0.5 * self.amplitude))

    def demodulate(
        self,
        key: Key[Array, ""],
        slots: UInt32[Array, " slots"],
        signal: Float[Array, " slots"],
        like: PyTree | Layout,
    ) -> PyTree:
        """One FFT of the cost folded to a period; for few slots, the correlation."""
        layout = Layout.of(like)
        period = self.period(layout)
        if len(slots) * layout.size < 4 * period * period.bit_length():
            return super().demodulate(key, slots, signal, layout)
        frequency, phase = self.notes(key, layout)
        folded = jnp.zeros(period, signal.dtype).at[slots % jnp.uint32(period)]
        line = jnp.fft.rfft(folded.add(signal))[frequency]
        wave = jnp.sin(phase) * line.real - jnp.cos(phase) * line.imag
        return layout.unflatten(wave * (2**0.5 / (len(slots) * self.amplitude)))

    @classmethod
    def demo(cls) -> "Sinusoid":
        return cls(1e-2)
