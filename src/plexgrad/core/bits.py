r"""Random bits as a pure function of (key, slot, word), by add, rotate and xor only.

Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy
as 1, 2, 3", doi:10.1145/2063384.2063405). The counter is `(slot, pair)`; its two output
words are words `2 * pair` and `2 * pair + 1` of the slot, and bit `p % 32` of word
`p // 32` belongs to item `p`. A bit of 1 means the sign -1. The same few lines run in
NumPy, C or Verilog, so a chip can make its own codes from twelve bytes.

The shuffle is the swap-or-not network of Hoang, Morris and Rogaway (2012,
doi:10.1007/978-3-642-32009-5_1): a bijection on [0, n) for any n, item by item.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, Shaped, UInt32

STATIC_SLOT = 0xFFFF_FFFF
"""The slot whose bits hold what stays fixed for a run; no run may reach it."""

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD1_1BDA
_SHIFTS = np.arange(32, dtype=np.uint32)


def key_words(key: Key[Array, ""]) -> UInt32[Array, "2"]:
    """The two 32-bit words of a threefry key."""
    words = jax.random.key_data(key)
    if words.shape != (2,):
        raise ValueError(
            "key must be a threefry2x32 key (two 32-bit words), "
            f"got {jax.random.key_impl(key)} with {words.shape[-1]} words"
        )
    return words


def threefry2x32(
    key: UInt32[Array, "2"],
    high: Shaped[Array, "..."] | int,
    low: Shaped[Array, "..."] | int,
) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    """Threefry-2x32-20 of the counter `(high, low)`."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    x0 = jnp.asarray(high, jnp.uint32) + schedule[0]
    x1 = jnp.asarray(low, jnp.uint32) + schedule[1]
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            x0 = x0 + x1
            x1 = (x1 << rotation) | (x1 >> (32 - rotation))
            x1 = x1 ^ x0
        x0 = x0 + schedule[(block + 1) % 3]
        x1 = x1 + schedule[(block + 2) % 3] + jnp.uint32(block + 1)
    return x0, x1


def words(
    key: Key[Array, ""], slots: UInt32[Array, " slots"], count: int, first: int = 0
) -> UInt32[Array, "slots count"]:
    """`count` words of each slot from word `first` on, an even number."""
    pairs = jnp.arange(first // 2, first // 2 + -(-count // 2), dtype=jnp.uint32)
    one, other = threefry2x32(key_words(key), slots[:, None], pairs[None, :])
    both = jnp.stack([one, other], axis=-1).reshape(len(slots), -1)
    return both[:, :count]


def signs(
    key: Key[Array, ""], slots: UInt32[Array, " slots"], count: int, first: int = 0
) -> Float[Array, "slots count"]:
    """`count` independent signs, -1.0 or +1.0 in float32, for each slot.

    They are its items from `first` on, a multiple of 64.
    """
    return _unpacked(_words_once(key, slots, -(-count // 32), first // 32), count)


def sign_factors(
    key: Key[Array, ""],
    slots: UInt32[Array, " slots"],
    counts: Sequence[tuple[int, int]],
) -> list[tuple[Float[Array, "slots _"], Float[Array, "slots _"]]]:
    """Independent signs in pairs of pieces of these lengths, each from its own word on.

    The first of a pair lies slots last in memory, as what multiplies a matrix from the
    left is read; whole words are unpacked four times faster than cut ones.
    """
    sizes = [tuple(-(-count // 32) for count in pair) for pair in counts]
    packed = _words_once(key, slots, sum(map(sum, sizes)), slots_last=True)
    found, at = [], 0
    for (rows, columns), (first, second) in zip(counts, sizes, strict=True):
        left = packed[at : at + first]
        right = packed[at + first : at + first + second]
        down = _signs(left[:, None, :] >> _SHIFTS[None, :, None])
        row_signs = down.reshape(-1, len(slots))[:rows].T
        found.append((row_signs, _unpacked(right.T, columns)))
        at += first + second
    return found


def _unpacked(
    packed: UInt32[Array, "slots words"], count: int
) -> Float[Array, "slots count"]:
    ones = _signs(packed[:, :, None] >> _SHIFTS[None, None, :])
    return ones.reshape(len(packed), -1)[:, :count]


def _signs(words: UInt32[Array, "..."]) -> Float[Array, "..."]:
    """The lowest bit of every word as a sign."""
    return jax.lax.bitcast_convert_type(
        (words << 31) | jnp.uint32(0x3F80_0000), jnp.float32
    )


def _words_once(
    key: Key[Array, ""],
    slots: UInt32[Array, " slots"],
    count: int,
    first: int = 0,
    slots_last: bool = False,
) -> UInt32[Array, "..."]:
    """`words`, written to memory before anyone unpacks them.

    XLA would fuse the generator into the unpacking and run it again for each of a
    word's 32 bits, ten times slower at 100,000 signs. A loop is not fused, as long as
    the compiler cannot know that one turn is enough.
    """
    turns = jnp.where(slots[0] == jnp.uint32(STATIC_SLOT), 2, 1)

    def turn(*_: Array) -> UInt32[Array, "..."]:
        if not slots_last:
            return words(key, slots, count, first)
        pairs = jnp.arange(-(-count // 2), dtype=jnp.uint32)
        both = threefry2x32(key_words(key), slots[None, :], pairs[:, None])
        return jnp.stack(both, axis=1).reshape(-1, len(slots))[:count]

    shape = (count, len(slots)) if slots_last else (len(slots), count)
    return jax.lax.fori_loop(0, turns, turn, jnp.zeros(shape, jnp.uint32))


def static_signs(key: Key[Array, ""], count: int) -> Float[Array, " count"]:
    """`count` signs that stay fixed for the whole run."""
    return signs(key, jnp.array([STATIC_SLOT], jnp.uint32), count)[0]


def uniform(bits: UInt32[Array, "..."]) -> Float[Array, "..."]:
    """Words as float32 in (0, 1): the top 23 bits, centred in their bin."""
    return ((bits >> 9).astype(jnp.float32) + 0.5) * jnp.float32(2.0**-23)


def mix(x: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """A 32-bit integer hash (Wellons' lowbias32): a bijection on words."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB_352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846C_A68B)
    return x ^ (x >> 16)


def rounds(size: int) -> int:
    """Rounds of a shuffle of so many items."""
    return max(size - 1, 1).bit_length() + 6


def shuffle(
    index: UInt32[Array, "*shape"],
    size: int,
    seed: tuple[UInt32[Array, "..."], UInt32[Array, "..."]],
) -> UInt32[Array, "*shape"]:
    """Where the random permutation of [0, size) named by `seed` sends `index`."""
    for number in range(rounds(size)):
        pivot = mix(seed[0] + jnp.uint32(0x9E37_79B9 * (number + 1) & 0xFFFF_FFFF))
        pivot = pivot % jnp.uint32(size)
        salt = mix(seed[1] ^ jnp.uint32(0x85EB_CA6B * (number + 1) & 0xFFFF_FFFF))
        mirror = jnp.where(
            index <= pivot, pivot - index, pivot + jnp.uint32(size) - index
        )
        swap = mix(jnp.maximum(index, mirror) ^ salt) >> 31
        index = jnp.where(swap == 1, mirror, index)
    return index
