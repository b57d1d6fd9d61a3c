"""The cost of one perturbed network, or of sixteen, in rows of lanes, for numba.

A row is one parameter or activation of sixteen networks ("wide"), or sixteen outputs of
one network. Either way the rows of a layer's weights are (inputs, columns) in order,
and a sum over inputs is a sum over rows. The first layer's sums with and without signs
are kept apart: both halves of an antithetic pair, and all slots of one sample, share
the one without.
"""

from typing import no_type_check

from numba import njit

from plexgrad.training.setting import BIASES, COLUMNS, INPUTS, OUTPUTS, ROW, WEIGHTS
from plexgrad.training.twins import activate, exp, flip, log
from plexgrad.training.vectors import (
    below,
    float_at,
    integer_at,
    largest,
    load,
    load_words,
    numbers,
    splat,
    store,
    total,
)

REST, ONE, PAIR = 0, 1, 2
"""What is evaluated: no perturbation, a positive one, or one of each sign."""


@njit(forceinline=True)
@no_type_check
def table(space, layer, column):
    """An entry of the table of layers."""
    return integer_at(space.layers + 40 * layer + 8 * column)


@njit(forceinline=True)
@no_type_check
def dot(x, w, columns, count):
    """Sum over inputs of activation times weight; four sums at once hide latency."""
    a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    step, i = ROW * columns, 0
    while i + 4 <= count:
        a = a + load(x) * load(w)
        b = b + load(x + ROW) * load(w + step)
        c = c + load(x + 2 * ROW) * load(w + 2 * step)
        d = d + load(x + 3 * ROW) * load(w + 3 * step)
        i, x, w = i + 4, x + 4 * ROW, w + 4 * step
    while i < count:
        a = a + load(x) * load(w)
        i, x, w = i + 1, x + ROW, w + step
    return (a + b) + (c + d)


@njit(forceinline=True)
@no_type_check
def signed_sum(x, signs, columns, count):
    """Sum over inputs of activation times the sign of the weight's code."""
    a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    step, i, s = ROW * columns, 0, signs
    while i + 4 <= count:
        a = a + flip(load(x), load_words(s))
        b = b + flip(load(x + ROW), load_words(s + step))
        c = c + flip(load(x + 2 * ROW), load_words(s + 2 * step))
        d = d + flip(load(x + 3 * ROW), load_words(s + 3 * step))
        i, x, s = i + 4, x + 4 * ROW, s + 4 * step
    while i < count:
        a = a + flip(load(x), load_words(s))
        i, x, s = i + 1, x + ROW, s + step
    return (a + b) + (c + d)


@njit(forceinline=True)
@no_type_check
def prepare_base(setting, space, theta):
    """The unperturbed first pre-activations of every sample that is shown."""
    inputs, columns = table(space, 0, INPUTS), table(space, 0, COLUMNS)
    weights, biases = table(space, 0, WEIGHTS), table(space, 0, BIASES)
    sign = splat(setting.bias)
    for sample in range(setting.batch):
        for j in range(columns):
            x = space.x + ROW * sample * inputs
            z = dot(x, theta + ROW * (weights + j), columns, inputs)
            z = z + sign * load(theta + ROW * (biases + j))
            store(space.base + ROW * (sample * columns + j), z)


@njit(forceinline=True)
@no_type_check
def spread(setting, space, values, layer):
    """Give every output of one network a row of its own, for the next layer."""
    for j in range(table(space, layer, OUTPUTS)):
        store(values + ROW * (setting.width + j), splat(float_at(values + 4 * j)))


@njit(forceinline=True)
@no_type_check
def sample_cost(setting, space, values, sample):
    """The cost of the outputs in the rows at `values`, in every lane."""
    last = setting.depth - 1
    outputs, rows = table(space, last, OUTPUTS), table(space, last, COLUMNS)
    y, zero, one = space.y + ROW * sample * rows, splat(0.0), splat(1.0)
    lane, width = numbers(), 1 if setting.wide else 16
    sum_, top = zero, splat(-3.4e38)
    if not setting.entropy:
        for j in range(rows):
            error = load(y + ROW * j) - load(values + ROW * j)
            if width == 16:
                error = below(lane, splat(outputs - 16 * j), error, zero)
            sum_ = sum_ + error * error
        if width == 16:
            sum_ = splat(total(sum_))
        return sum_ * splat(1.0 / outputs)
    for j in range(rows):
        z = load(values + ROW * j)
        if width == 16:
            z = below(lane, splat(outputs - 16 * j), z, splat(-3.4e38))
        top = below(top, z, z, top)
    if width == 16:
        top = splat(largest(top))
    for j in range(rows):
        part = exp(load(values + ROW * j) - top)
        if width == 16:
            part = below(lane, splat(outputs - 16 * j), part, zero)
        sum_ = sum_ + part
    if width == 16:
        sum_ = splat(total(sum_))
    scale, sum_ = log(sum_), zero
    for j in range(rows):
        part = load(y + ROW * j)
        part = part * ((load(values + ROW * j) - top) - scale)
        if width == 16:
            part = below(lane, splat(outputs - 16 * j), part, zero)
        sum_ = sum_ + part
    if width == 16:
        sum_ = splat(total(sum_))
    return (zero - one) * sum_


def _evaluation(how):
    """The mean cost over the batch, compiled for REST, ONE or PAIR alone."""
    perturbed, both = how != REST, how == PAIR

    @njit(forceinline=True)
    @no_type_check
    def first_layer(setting, space, sample, kind):
        inputs, columns = table(space, 0, INPUTS), table(space, 0, COLUMNS)
        weights, biases = table(space, 0, WEIGHTS), table(space, 0, BIASES)
        x, bias = space.x + ROW * sample * inputs, splat(setting.bias)
        size = splat(setting.amplitude)
        for j in range(columns):
            z = load(space.base + ROW * (sample * columns + j))
            if not perturbed:
                store(space.up + ROW * j, activate(kind, z))
            else:
                signs = space.signs + ROW * (weights + j)
                change = signed_sum(x, signs, columns, inputs)
                signs = space.signs + ROW * (biases + j)
                change = change + flip(bias, load_words(signs))
                change = change * size
                store(space.up + ROW * j, activate(kind, z + change))
                if both:
                    store(space.down + ROW * j, activate(kind, z - change))

    @njit(forceinline=True)
    @no_type_check
    def later_layer(setting, space, theta, layer, source, target, kind):
        inputs, columns = table(space, layer, INPUTS), table(space, layer, COLUMNS)
        weights, biases = table(space, layer, WEIGHTS), table(space, layer, BIASES)
        bias, size = splat(setting.bias), splat(setting.amplitude)
        for j in range(columns):
            q = ROW * (biases + j)
            z = bias * load(theta + q)
            up, down = z, z
            if perturbed:
                change = flip(bias * size, load_words(space.signs + q))
                up, down = z + change, z - change
            q = ROW * (weights + j)
            for i in range(source, source + ROW * inputs, ROW):
                w = load(theta + q)
                if not perturbed:
                    up = up + load(space.up + i) * w
                else:
                    change = flip(size, load_words(space.signs + q))
                    up = up + load(space.up + i) * (w + change)
                    if both:
                        down = down + load(space.down + i) * (w - change)
                q += ROW * columns
            store(space.up + target + ROW * j, activate(kind, up))
            if both:
                store(space.down + target + ROW * j, activate(kind, down))

    @njit(forceinline=True)
    @no_type_check
    def evaluate(setting, space, theta):
        last = setting.depth - 1
        far = ROW * setting.width
        up, down = splat(0.0), splat(0.0)
        for sample in range(setting.batch):
            source, target = 0, 0
            for layer in range(setting.depth):
                kind = setting.output if layer == last else setting.hidden
                if layer == 0:
                    first_layer(setting, space, sample, kind)
                else:
                    later_layer(setting, space, theta, layer, source, target, kind)
                source = target
                if setting.wide:
                    target = far - target
                elif layer < last:
                    spread(setting, space, space.up, layer)
                    if both:
                        spread(setting, space, space.down, layer)
                    source, target = far, 0
            up = up + sample_cost(setting, space, space.up + source, sample)
            if both:
                cost = sample_cost(setting, space, space.down + source, sample)
                down = down + cost
        share = splat(1.0 / setting.batch)
        return up * share, down * share

    return evaluate


at_rest, evaluated, evaluated_twice = map(_evaluation, (REST, ONE, PAIR))
