"""Vectors of sixteen floats or words for numba, as LLVM's own vector types.

Written so, a kernel is vectorised on every machine and by every compiler version: LLVM
cuts a vector into the widest registers that there are (one of AVX-512, two of AVX2,
four of NEON). Memory is read and written by address, unchecked: arrays would be
counted, by atomic instructions, at every call.
"""

import operator
from typing import no_type_check

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
_F, _I = ir.FloatType(), ir.IntType(32)
_FLOATS, _WORDS = ir.VectorType(_F, LANES), ir.VectorType(_I, LANES)


class Vector(types.Type):
    """Sixteen lanes of float32 or uint32 (as LLVM's i32, which has no sign)."""

    def __init__(self, name, element):
        self.element = element
        super().__init__(name)


floats = Vector("floats16", types.float32)
words = Vector("words16", types.uint32)


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _FLOATS if kind == floats else _WORDS)


def _constant(values):
    return ir.Constant(_WORDS, list(values))


def _splat(builder, value):
    vector = ir.VectorType(value.type, LANES)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, _I(0))
    return builder.shuffle_vector(first, first, ir.Constant(_WORDS, [0] * LANES))


def _pointer(builder, address, kind):
    return builder.inttoptr(address, kind.as_pointer())


def _reading(found, kind, align, what):
    @intrinsic
    @no_type_check
    def read(typing, at):
        def generate(context, builder, signature, arguments):
            return builder.load(_pointer(builder, arguments[0], kind), align=align)

        return found(types.int64), generate

    read.__doc__ = f"The {what} at an address."
    return read


load = _reading(floats, _FLOATS, 4, "vector of floats")
load_words = _reading(words, _WORDS, 4, "vector of words")
float_at = _reading(types.float32, _F, 4, "float32")
word_at = _reading(types.uint32, _I, 1, "32-bit word, aligned or not,")
integer_at = _reading(types.int64, ir.IntType(64), 8, "int64")


@intrinsic
@no_type_check
def store(typing, at, value):
    """Write a vector, or an integer of 32 or 64 bits, to an address."""

    def generate(context, builder, signature, arguments):
        at = _pointer(builder, arguments[0], arguments[1].type)
        builder.store(arguments[1], at, align=4)
        return context.get_dummy_value()

    return types.void(types.int64, value), generate


@intrinsic
@no_type_check
def splat(typing, value):
    """One float32 or uint32 in all lanes."""
    found = floats if isinstance(value, types.Float) else words
    element = found.element

    def generate(context, builder, signature, arguments):
        cast = context.cast(builder, arguments[0], value, element)
        return _splat(builder, cast)

    return found(value), generate


@intrinsic
@no_type_check
def numbers(typing):
    """The words 0 to 15."""

    def generate(context, builder, signature, arguments):
        return _constant(range(LANES))

    return words(), generate


@intrinsic
@no_type_check
def as_words(typing, vector):
    """The bits of floats as words."""
    return words(floats), lambda _, builder, __, a: builder.bitcast(a[0], _WORDS)


@intrinsic
@no_type_check
def as_floats(typing, vector):
    """Words as the bits of floats."""
    return floats(words), lambda _, builder, __, a: builder.bitcast(a[0], _FLOATS)


@intrinsic
@no_type_check
def below(typing, a, b, then, other):
    """`then` in the lanes where a < b, else (also where one is NaN) `other`."""

    def generate(context, builder, signature, v):
        compare = builder.fcmp_ordered if a == floats else builder.icmp_unsigned
        return builder.select(compare("<", v[0], v[1]), v[2], v[3])

    return then(a, b, then, other), generate


@intrinsic
@no_type_check
def shift_left(typing, vector, count):
    """Words shifted by as many bits each as `count` has in its lane."""
    return words(words, words), lambda _, builder, __, a: builder.shl(a[0], a[1])


@intrinsic(prefer_literal=True)
@no_type_check
def zipped(typing, even, odd, half):
    """Lanes of two vectors in turn: the first half of them, or the second."""
    first = half.literal_value * LANES // 2
    order = [first + n // 2 + LANES * (n % 2) for n in range(LANES)]

    def generate(context, builder, signature, a):
        return builder.shuffle_vector(a[0], a[1], _constant(order))

    return even(even, odd, half), generate


@intrinsic
@no_type_check
def gather(typing, at, offsets):
    """Items of the floats at an address, one for each lane."""

    def generate(context, builder, signature, arguments):
        data = _pointer(builder, arguments[0], _F)
        found = ir.Constant(_FLOATS, ir.Undefined)
        for lane in range(LANES):
            offset = builder.extract_element(arguments[1], _I(lane))
            offset = builder.zext(offset, ir.IntType(64))
            item = builder.load(builder.gep(data, [offset]))
            found = builder.insert_element(found, item, _I(lane))
        return found

    return floats(types.int64, words), generate


def _reduction(name, pick):
    """An intrinsic that folds all lanes into one, in halves: always the same order."""

    @intrinsic
    @no_type_check
    def fold(typing, vector):
        def generate(context, builder, signature, arguments):
            value, width = arguments[0], LANES
            while width > 1:
                width //= 2
                order = [(n + width) % LANES for n in range(LANES)]
                other = builder.shuffle_vector(value, value, _constant(order))
                value = pick(builder, value, other)
            return builder.extract_element(value, _I(0))

        return types.float32(floats), generate

    fold.__doc__ = f"The {name} of all lanes."
    return fold


total = _reduction("sum", lambda builder, a, b: builder.fadd(a, b))
largest = _reduction(
    "largest",
    lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b),
)


def _operator(symbol, of_floats, of_words):
    """Let an operator take two vectors, by these instructions of LLVM."""

    def made(kind, name):
        @intrinsic
        @no_type_check
        def apply(typing, a, b):
            def generate(context, builder, signature, v):
                # Contracted, a product and a sum become one instruction.
                flags = {"flags": ("contract",)} if kind == floats else {}
                return getattr(builder, name)(*v, **flags)

            return kind(kind, kind), generate

        return apply

    each = {
        kind: made(kind, name)
        for kind, name in ((floats, of_floats), (words, of_words))
        if name
    }

    @overload(symbol)
    @no_type_check
    def chosen(a, b):
        if isinstance(a, Vector) and a == b and a in each:
            apply = each[a]
            return lambda a, b: apply(a, b)
        return None


_operator(operator.add, "fadd", "add")
_operator(operator.sub, "fsub", "sub")
_operator(operator.mul, "fmul", "mul")
_operator(operator.truediv, "fdiv", None)
_operator(operator.xor, None, "xor")
_operator(operator.and_, None, "and_")
_operator(operator.or_, None, "or_")
_operator(operator.mod, None, "urem")


@overload(operator.lshift)
@no_type_check
def _left(a, b):
    if a == words and isinstance(b, types.Integer):
        return lambda a, b: shift_left(a, splat(b))
    return None


@intrinsic
@no_type_check
def shift_right(typing, vector, count):
    """Words shifted by as many bits each as `count` has in its lane."""
    return words(words, words), lambda _, builder, __, a: builder.lshr(a[0], a[1])


@overload(operator.rshift)
@no_type_check
def _right(a, b):
    if a == words and isinstance(b, types.Integer):
        return lambda a, b: shift_right(a, splat(b))
    return None
