"""Compiled programs that a process keeps, so that a second run of a kind need not wait.

A program is known by what it is made of: plexgrad's and optax's own functions by name
and by what they close over, frozen dataclasses by their fields, plain data and arrays
by value. What is made of anything else (a user's function may read what changes) has
no such name, and is traced and compiled anew.
"""

import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache, partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

KEPT = 64
"""Programs kept; the one that was not asked for longest goes first."""

OURS = frozenset({"plexgrad", "optax", "jax", "jaxlib", "numpy", "chex"})
"""Packages whose functions depend on nothing but their arguments."""

MOST_BYTES = 2**20
"""Size of the largest array that is compared by value."""

PLAIN = (int, str, bytes, type(None), type(Ellipsis), CodeType)
SOLID = (type, BuiltinFunctionType, np.dtype, np.ufunc, jax.sharding.Mesh)
ARRAYS = (np.ndarray, np.generic, jax.Array)


class _Unknown(Exception):
    pass


@dataclass(frozen=True)
class _Wanted:
    name: Hashable
    make: Callable[[], Any] = field(compare=False)


@lru_cache(KEPT)
def _made(wanted: _Wanted) -> Any:
    return wanted.make()


def kept(parts: Any, make: Callable[[], Any]) -> Any:
    """What `make` made, or what it made before of equal `parts`."""
    try:
        return _made(_Wanted(_name(parts, ()), make))
    except _Unknown:
        return make()


def forget() -> None:
    """Let go of all programs."""
    _made.cache_clear()


def _name(thing: Any, within: tuple[int, ...]) -> Hashable:
    """Hashable, and equal for things that make equal programs; or raises `_Unknown`."""
    if id(thing) in within:
        raise _Unknown
    kind: Any = type(thing)
    if isinstance(thing, PLAIN):
        return kind, thing
    if isinstance(thing, float):  # nan is itself, and -0.0 is not 0.0
        return kind, thing.hex()
    if isinstance(thing, SOLID) or _is_public(thing):
        return thing
    if isinstance(thing, ARRAYS):
        return kind, _array(thing)
    return kind, _names(_parts(thing, kind), (*within, id(thing)))


def _parts(thing: Any, kind: Any) -> Sequence[Any]:
    if isinstance(thing, Mapping):
        return *thing, *thing.values()
    if isinstance(thing, tuple | list):
        return thing
    if isinstance(thing, partial):
        return thing.func, thing.args, thing.keywords
    if isinstance(thing, MethodType):
        return thing.__func__, thing.__self__
    if not _ours(thing):
        raise _Unknown
    if isinstance(thing, FunctionType):
        cells = thing.__closure__ or ()
        told = (
            thing.__module__,
            thing.__code__,
            thing.__defaults__,
            thing.__kwdefaults__,
        )
        return *told, *map(_content, cells)
    if is_dataclass(kind) and vars(kind)["__dataclass_params__"].frozen:
        return [getattr(thing, each.name) for each in fields(kind)]
    raise _Unknown


def _names(things: Any, within: tuple[int, ...]) -> tuple[Hashable, ...]:
    return tuple(_name(thing, within) for thing in things)


def _ours(thing: Any) -> bool:
    # Of an instance, this is the module of its class.
    return str(getattr(thing, "__module__", "")).partition(".")[0] in OURS


def _is_public(thing: Any) -> bool:
    """Whether a function or the like is found, unpatched, where its name says."""
    path = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
    if not isinstance(path, str) or not _ours(thing):
        return False
    found: Any = sys.modules.get(thing.__module__)
    for step in path.split("."):
        found = getattr(found, step, None)
    return found is thing


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in it yet
        raise _Unknown from None


def _array(thing: Any) -> Hashable:
    if isinstance(thing, jax.core.Tracer) or thing.dtype == object:
        raise _Unknown
    keys = jnp.issubdtype(thing.dtype, jax.dtypes.prng_key)
    values = jax.random.key_data(thing) if keys else thing
    if values.nbytes > MOST_BYTES:
        raise _Unknown
    weak = bool(getattr(thing, "weak_type", False))
    return str(thing.dtype), thing.shape, weak, np.asarray(values).tobytes()
