"""Functions of sixteen lanes for numba: twins of `core.bits`, and exp, log, tanh.

The bits are those of `core.bits`, which says where they come from. Polynomials are
those of Moshier's Cephes library (expf, logf, tanhf), with relative errors of about
1e-7; NaN comes out as NaN.
"""

from typing import no_type_check

from numba import njit

from plexgrad.training.vectors import (
    as_floats,
    as_words,
    below,
    load_words,
    splat,
    store,
)

MAGIC = 12582912.0
"""1.5 x 2^23: added to a small float, it leaves the nearest integer in the low bits."""


@njit(forceinline=True)
@no_type_check
def rotate(x, count):
    """Words rotated to the left."""
    return (x << count) | (x >> (32 - count))


@njit
@no_type_check
def threefry(key0, key1, high, low):
    """Threefry-2x32-20 of the counter (high, low), in every lane."""
    key2 = key0 ^ key1 ^ splat(0x1BD11BDA)
    a, b = high + key0, low + key1
    for block in range(5):
        if block % 2 == 0:
            a, b = _four_rounds(a, b, 13, 15, 26, 6)
        else:
            a, b = _four_rounds(a, b, 17, 29, 16, 24)
        if block % 3 == 0:
            a, b = a + key1, b + key2
        elif block % 3 == 1:
            a, b = a + key2, b + key0
        else:
            a, b = a + key0, b + key1
        b = b + splat(block + 1)
    return a, b


@njit(forceinline=True)
@no_type_check
def _four_rounds(a, b, one, two, three, four):
    a = a + b
    b = rotate(b, one) ^ a
    a = a + b
    b = rotate(b, two) ^ a
    a = a + b
    b = rotate(b, three) ^ a
    a = a + b
    b = rotate(b, four) ^ a
    return a, b


@njit(forceinline=True)
@no_type_check
def mix(x):
    """The integer hash of `core.bits.mix`, in every lane."""
    x = (x ^ (x >> 16)) * splat(0x7FEB352D)
    x = (x ^ (x >> 15)) * splat(0x846CA68B)
    return x ^ (x >> 16)


@njit
@no_type_check
def shuffle_seed(low, high, epoch):
    """The two words that name the permutation of an epoch (see `training.order`)."""
    flipped = epoch ^ splat(0xFFFFFFFF)
    return mix(low ^ mix(epoch)), mix(high + mix(flipped))


@njit
@no_type_check
def prepare_shuffle(first, second, size, rounds, table):
    """Write the pivots and salts of a permutation to the address `table`."""
    for number in range(rounds):
        step = splat(number + 1)
        pivot = mix(first + splat(0x9E3779B9) * step) % size
        store(table + 128 * number, pivot)
        store(table + 128 * number + 64, mix(second ^ (splat(0x85EBCA6B) * step)))


@njit
@no_type_check
def shuffle(index, size, rounds, table):
    """Where the prepared permutation of [0, size) sends `index`, in every lane."""
    for number in range(rounds):
        pivot, salt = table + 128 * number, table + 128 * number + 64
        index = _swap(index, size, load_words(pivot), load_words(salt))
    return index


@njit
@no_type_check
def shuffle_four(first, size, rounds, table, out):
    """`shuffle` of `first` and the next three, to `out`; together they wait less."""
    a, b, c, d = first, first + splat(1), first + splat(2), first + splat(3)
    for number in range(rounds):
        pivot = load_words(table + 128 * number)
        salt = load_words(table + 128 * number + 64)
        a, b = _swap(a, size, pivot, salt), _swap(b, size, pivot, salt)
        c, d = _swap(c, size, pivot, salt), _swap(d, size, pivot, salt)
    store(out, a)
    store(out + 64, b)
    store(out + 128, c)
    store(out + 192, d)


@njit(forceinline=True)
@no_type_check
def _swap(index, size, pivot, salt):
    mirror = pivot - index
    mirror = below(pivot, index, mirror + size, mirror)
    hashed = mix(below(index, mirror, mirror, index) ^ salt)
    return below(splat(0x7FFFFFFF), hashed, mirror, index)


@njit(forceinline=True)
@no_type_check
def sign_of(word):
    """The lowest bit of each word where a float has its sign."""
    return word << 31


@njit(forceinline=True)
@no_type_check
def flip(x, sign):
    """Floats with their sign flipped where the sign bit is set."""
    return as_floats(as_words(x) ^ sign)


@njit
@no_type_check
def exp(x):
    """e to the x, from 1.6e-38 to 3.4e38."""
    x = below(x, splat(-87.0), splat(-87.0), x)
    x = below(splat(88.7228), x, splat(88.7228), x)
    shifted = x * splat(1.44269504088896341) + splat(MAGIC)
    n = shifted - splat(MAGIC)
    r = x - n * splat(0.693359375)
    r = r + n * splat(2.12194440e-4)
    p = r * splat(1.9875691500e-4) + splat(1.3981999507e-3)
    p = p * r + splat(8.3334519073e-3)
    p = p * r + splat(4.1665795894e-2)
    p = p * r + splat(1.6666665459e-1)
    p = p * r + splat(5.0000001201e-1)
    p = p * (r * r) + r + splat(1.0)
    return as_floats(as_words(p) + (as_words(shifted) << 23))


@njit
@no_type_check
def log(x):
    """The natural logarithm of normal positive floats."""
    bits = as_words(x)
    e = as_floats((bits >> 23) | splat(0x4B000000)) - splat(8388608.0 + 126.0)
    m = as_floats((bits & splat(0x007FFFFF)) | splat(0x3F000000))
    root = splat(0.70710678)
    e = e - below(m, root, splat(1.0), splat(0.0))
    m = m + below(m, root, m, splat(0.0)) - splat(1.0)
    z = m * m
    p = m * splat(7.0376836292e-2) - splat(1.1514610310e-1)
    p = p * m + splat(1.1676998740e-1)
    p = p * m - splat(1.2420140846e-1)
    p = p * m + splat(1.4249322787e-1)
    p = p * m - splat(1.6668057665e-1)
    p = p * m + splat(2.0000714765e-1)
    p = p * m - splat(2.4999993993e-1)
    p = p * m + splat(3.3333331174e-1)
    p = p * m * z - e * splat(2.12194440e-4) - z * splat(0.5)
    return m + p + e * splat(0.693359375)


@njit(forceinline=True)
@no_type_check
def sigmoid(x):
    """The logistic function."""
    return splat(1.0) / (splat(1.0) + exp(splat(0.0) - x))


@njit(forceinline=True)
@no_type_check
def tanh(x):
    """The hyperbolic tangent."""
    sign = as_words(x) & splat(0x80000000)
    size = flip(x, sign)
    far = splat(1.0) - splat(2.0) / (exp(size + size) + splat(1.0))
    z = x * x
    p = z * splat(-5.70498872745e-3) + splat(2.06390887954e-2)
    p = p * z - splat(5.37397155531e-2)
    p = p * z + splat(1.33314422036e-1)
    p = p * z - splat(3.33332819422e-1)
    return below(size, splat(0.625), p * z * x + x, flip(far, sign))


SIGMOID, TANH, RELU = 1, 2, 3
"""What `activate` knows; anything else is linear."""


@njit
@no_type_check
def activate(kind, z):
    """An activation by its number."""
    if kind == SIGMOID:
        return sigmoid(z)
    if kind == TANH:
        return tanh(z)
    if kind == RELU:
        return below(z, splat(0.0), splat(0.0), z)
    return z
