r"""Sinusoidal code: every parameter hums its own note.

$\tilde\theta_p(t) = \sqrt2\,\Delta\,\sin(2\pi f_p t / N + \varphi_p)$ with distinct
whole frequencies $0 < f_p < N/2$, shuffled by the key, and phases drawn by the key. The
period N is the smallest power of two above 2P + 1, and all gradients come from one FFT
of the cost.
Frequency division multiplexing: McCaughan et al. 2023, doi:10.1063/5.0157645.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree, UInt32

from plexgrad.core import bits
from plexgrad.core.code import AbstractCode
from plexgrad.core.layout import Layout


def sine(turns: UInt32[Array, "..."]) -> Float[Array, "..."]:
    """Sine of an angle in 2**-32 turns, within 3e-7.

    A series of adds and multiplies, which is vectorised where a library's sine is not.
    """
    signed = jax.lax.bitcast_convert_type(turns, jnp.int32).astype(jnp.float32)
    x = signed * jnp.float32(2 * jnp.pi / 2**32)
    x = jnp.where(jnp.abs(x) > jnp.pi / 2, jnp.sign(x) * jnp.float32(jnp.pi) - x, x)
    square = x * x
    series = jnp.float32(0.0)
    for order in (11, 9, 7, 5, 3):
        series = (1 + series) * square * jnp.float32(-1 / (order * (order - 1)))
    return x * (1 + series)


@dataclass(frozen=True)
class Sinusoid(AbstractCode):
    """Distinct frequencies, exact after one `period`; `amplitude` is each one's rms."""

    amplitude: float = 1e-2

    def period(self, like: PyTree | Layout) -> int:
        return 1 << (2 * Layout.of(like).size + 1).bit_length()

    def notes(
        self, key: Key[Array, ""], like: PyTree | Layout
    ) -> tuple[UInt32[Array, " P"], UInt32[Array, " P"]]:
        """Frequency (cycles per period) and phase (2**-32 turns) of every parameter."""
        layout = Layout.of(like)
        low, high = bits.key_words(key)
        index = jnp.arange(1, layout.size + 1, dtype=jnp.uint32)
        # Odd multipliers and a shifted xor permute [0, 2**width) and leave 0 alone.
        width = self.period(layout).bit_length() - 2
        mask = jnp.uint32((1 << width) - 1)
        frequency = (index * (low | jnp.uint32(1))) & mask
        frequency = frequency ^ (frequency >> (width // 2 + 1))
        frequency = (frequency * (high | jnp.uint32(1))) & mask
        return frequency, bits.mix(bits.mix(index ^ low) + high)

    def block(
        self, key: Key[Array, ""], slots: UInt32[Array, " slots"], like: PyTree | Layout
    ) -> PyTree:
        layout = Layout.of(like)
        frequency, phase = self.notes(key, layout)
        # A phase accumulator, as in a synthesiser: a turn is 2**32 and wraps exactly.
        step = frequency << (33 - self.period(layout).bit_length())
        turns = slots[:, None] * step[None, :] + phase[None, :]
        return layout.unflatten(sine(turns) * (2**0.5 * self.amplitude))

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
        quarter = jnp.uint32(1 << 30)
        wave = sine(phase) * line.real - sine(phase + quarter) * line.imag
        return layout.unflatten(wave * (2**0.5 / (len(slots) * self.amplitude)))

    @classmethod
    def demo(cls) -> "Sinusoid":
        return cls(1e-2)
