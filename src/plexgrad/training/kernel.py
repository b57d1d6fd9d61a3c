"""The whole time loop of a tiny network as one compiled function, by numba.

The same loop as `training.discrete`, chunk by chunk (see `training.plan`), with the
same bits; only sums are taken in another order. Sixteen networks in the lanes of a
vector, or sixteen outputs of one: see `training.forward`.
"""

import hashlib
from pathlib import Path
from typing import no_type_check

from numba import njit

from plexgrad.training.forward import (
    at_rest,
    evaluated,
    evaluated_twice,
    prepare_base,
    table,
)
from plexgrad.training.setting import COLUMNS, INPUTS, OUTPUTS, ROW
from plexgrad.training.twins import (
    flip,
    prepare_shuffle,
    shuffle,
    shuffle_four,
    shuffle_seed,
    sign_of,
    threefry,
)
from plexgrad.training.vectors import (
    as_words,
    below,
    float_at,
    gather,
    integer_at,
    load,
    load_words,
    numbers,
    shift_right,
    splat,
    store,
    word_at,
    zipped,
)


@njit(forceinline=True)
@no_type_check
def draw_signs(setting, space, code, pattern):
    """The signs of one pattern, one row per row of parameters."""
    key0, key1, high = load_words(code), load_words(code + ROW), splat(pattern)
    signs, words = space.signs, space.words
    if setting.wide:
        count = setting.parameters
        for first in range(0, count, 64):
            one, two = threefry(key0, key1, high, splat(first // 64))
            for q in range(first, min(first + 32, count)):
                store(signs + ROW * q, sign_of(one))
                one = one >> 1
            for q in range(first + 32, min(first + 64, count)):
                store(signs + ROW * q, sign_of(two))
                two = two >> 1
        return
    for first in range(0, -(-setting.parameters // 64), 16):
        one, two = threefry(key0, key1, high, numbers() + splat(first))
        store(words + 8 * first, zipped(one, two, 0))
        store(words + 8 * first + ROW, zipped(one, two, 1))
    lane, q, bit = numbers(), 0, 0
    for layer in range(setting.depth):
        outputs, columns = table(space, layer, OUTPUTS), table(space, layer, COLUMNS)
        for _ in range(table(space, layer, INPUTS) + 1):
            for column in range(columns):
                at = bit + 16 * column
                word = splat(word_at(words + (at >> 3)) >> (at & 7))
                store(signs + ROW * q, sign_of(shift_right(word, lane)))
                q += 1
            bit += outputs


@njit(forceinline=True)
@no_type_check
def choose(setting, space, data, number):
    """Write the samples of a batch to `space.chosen`: a row each, or a word each."""
    index, size = space.chosen, splat(setting.size)
    key0, key1 = load_words(data), load_words(data + ROW)
    if setting.replacement:
        if setting.wide:
            for first in range(0, setting.batch, 2):
                one, two = threefry(key0, key1, splat(number), splat(first // 2))
                store(index + ROW * first, one % size)
                store(index + ROW * first + ROW, two % size)
        else:
            for first in range(0, setting.batch, 32):
                low = numbers() + splat(first // 2)
                one, two = threefry(key0, key1, splat(number), low)
                store(index + 4 * first, zipped(one, two, 0) % size)
                store(index + 4 * first + ROW, zipped(one, two, 1) % size)
        return
    per_epoch = setting.size // setting.batch
    epoch = number // per_epoch
    position = number % per_epoch * setting.batch
    if epoch != integer_at(space.now):
        one, two = shuffle_seed(key0, key1, splat(epoch))
        prepare_shuffle(one, two, size, setting.rounds, space.rounds)
        store(space.now, epoch)
        store(space.now + 8, -1)
    # Several places of the order at a time: one alone would take as long.
    ahead = index + ROW * setting.batch
    if setting.wide:
        for n in range(setting.batch):
            block = (position + n) // 4
            if block != integer_at(space.now + 8):
                places = splat(4 * block)
                shuffle_four(places, size, setting.rounds, space.rounds, ahead)
                store(space.now + 8, block)
            chosen = load_words(ahead + ROW * ((position + n) % 4))
            store(index + ROW * n, chosen)
        return
    for n in range(setting.batch):
        block = (position + n) // 16
        if block != integer_at(space.now + 8):
            places = splat(16 * block) + numbers()
            chosen = shuffle(places, size, setting.rounds, space.rounds)
            store(ahead, chosen)
            store(space.now + 8, block)
        store(index + 4 * n, word_at(ahead + 4 * ((position + n) % 16)))


@njit(forceinline=True)
@no_type_check
def show(setting, space, data, xs, ys, number):
    """Load the batch of this number."""
    choose(setting, space, data, number)
    last = setting.depth - 1
    inputs, outputs = table(space, 0, INPUTS), table(space, last, OUTPUTS)
    rows = table(space, last, COLUMNS)
    for n in range(setting.batch):
        if setting.wide:
            index = load_words(space.chosen + ROW * n)
            at = index * splat(inputs)
            for i in range(inputs):
                store(space.x + ROW * (n * inputs + i), gather(xs, at + splat(i)))
            at = index * splat(outputs)
            for j in range(outputs):
                store(space.y + ROW * (n * outputs + j), gather(ys, at + splat(j)))
        else:
            sample = int(word_at(space.chosen + 4 * n))
            for i in range(inputs):
                x = splat(float_at(xs + 4 * (sample * inputs + i)))
                store(space.x + ROW * (n * inputs + i), x)
            for j in range(rows):
                y = load(ys + 4 * (sample * outputs + 16 * j))
                store(space.y + ROW * (n * rows + j), y)


@njit(forceinline=True)
@no_type_check
def add_signed(signs, values, rows, amount):
    """Add `amount`, with each row's signs, to every row of `values`."""
    for at in range(0, ROW * rows, ROW):
        signed = flip(amount, load_words(signs + at))
        store(values + at, load(values + at) + signed)


@njit(forceinline=True)
@no_type_check
def write(setting, theta, gradient, trace):
    """One step of gradient descent, with momentum if any; the gradient is cleared."""
    rate, keep = splat(setting.rate), splat(setting.momentum)
    scale, zero = splat(setting.shrinkage), splat(0.0)
    for at in range(0, ROW * setting.rows, ROW):
        step = load(gradient + at) * scale
        store(gradient + at, zero)
        if setting.with_momentum:
            kept = step + keep * load(trace + at)
            store(trace + at, kept)
            step = step + keep * kept if setting.nesterov else kept
        store(theta + at, load(theta + at) - rate * step)


@njit(forceinline=True)
@no_type_check
def run_chunks(
    setting, space, theta, gradient, trace, cost, marks, code, data, xs, ys, first, last
):
    """Chunks `first` to `last` (not included) of one network, or of sixteen."""
    store(space.now, -1)
    store(space.now + 8, -1)
    shown = drawn = -1
    zero, never = splat(0.0), splat(0xFFFFFFFF)
    exponent = splat(0x7F800000)
    each = setting.chunk // setting.groups
    direct = setting.tau_theta == 1 and not setting.with_momentum
    gain = 1.0 / (setting.amplitude * setting.tau_theta)
    if direct:
        gain = -gain * setting.rate * setting.shrinkage
    for chunk in range(first, last):
        window, inside = chunk // setting.per_window, chunk % setting.per_window
        part = inside % setting.per_segment * setting.chunk
        start = window * setting.tau_theta + part
        start += inside // setting.per_segment * setting.segment
        levels = zero
        for group in range(setting.groups):
            begin = start + group * setting.hold
            sample = begin // setting.tau_x
            if sample != shown:
                show(setting, space, data, xs, ys, sample)
                shown = sample
            prepare_base(setting, space, theta)
            rest = zero
            if not setting.antithetic:
                rest, _ = at_rest(setting, space, theta)
                levels = levels + rest
            for slot in range(begin, begin + each):
                pattern = slot // setting.tau_p
                if pattern != drawn:
                    draw_signs(setting, space, code, pattern)
                    drawn = pattern
                if setting.antithetic:
                    up, down = evaluated_twice(setting, space, theta)
                    signal = (up - down) * splat(0.5)
                    levels = levels + (up + down) * splat(0.5 / each)
                else:
                    up, _ = evaluated(setting, space, theta)
                    signal = up - rest
                if part + slot - start >= setting.segment:
                    continue
                bits = as_words(signal) & exponent
                found = load_words(marks)
                bad = below(bits, exponent, never, splat(slot))
                store(marks, below(bad, found, bad, found))
                amount = signal * splat(gain)
                values = theta if direct else gradient
                add_signed(space.signs, values, setting.rows, amount)
        level = levels * splat(1.0 / setting.groups)
        if inside > 0:
            before = load(cost)
            level = before + (level - before) * splat(1.0 / (inside + 1))
        store(cost, level)
        if inside == setting.per_window - 1 and not direct:
            write(setting, theta, gradient, trace)


def _stamp():
    """A hash of all that the kernel is made of, so that a kept one is never stale."""
    names = ("vectors", "twins", "setting", "forward", "kernel")
    sources = [(Path(__file__).parent / f"{name}.py").read_bytes() for name in names]
    return int(hashlib.sha256(b"".join(sources)).hexdigest()[:12], 16)


@no_type_check
def _compiled():
    stamp = _stamp()

    def run_units(setting, space, arrays, units, first, last):
        """All chunks of some units, one unit after the other.

        `arrays` are addresses; in the first seven, units have so many rows.
        """
        theta, gradient, trace, cost, marks, code, order, xs, ys = arrays
        begin, end = units
        size = ROW * setting.rows
        for unit in range(begin, end):
            run_chunks(
                setting,
                space,
                theta + unit * size,
                gradient + unit * size,
                trace + unit * size,
                cost + unit * ROW,
                marks + unit * ROW,
                code + unit * 2 * ROW,
                order + unit * 2 * ROW,
                xs,
                ys,
                first,
                last,
            )
        return stamp

    try:
        return njit(nogil=True, cache=True)(run_units)
    except RuntimeError:  # no folder can be written to
        return njit(nogil=True)(run_units)


run_units = _compiled()
