"""Valid files, and what becomes of them when they are damaged or made to harm.

Everything is drawn from one generator, so that a seed names an input for good.
"""

import copy
import json
import random
from typing import Any

from plexgrad.core.record import DIGEST, digest

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    "x" * 300,
    "\x1b[2J",
    "\ud800",
    "$\\frac{",
    [],
    {},
    [[]],
    [None],
    {"a": None},
    {"kind": "MLP"},
    -1,
    0,
    1,
    2**31,
    2**53 + 1,
    2**64,
    -(2**63),
    10**400,
    0.5,
    -0.0,
    1e-320,
    1e308,
    -1e308,
    1e400,
    float("nan"),
)
"""Values that a field was not made for."""


def bytes_of(rng: random.Random, sample: bytes) -> bytes:
    """The sample with up to four places changed, added, left out or doubled."""
    data = bytearray(sample)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1) if rng.random() < 0.7 else rng.randrange(64)
        size = rng.choice((1, 2, 4, 8, 16, 64, 1024))
        match rng.randrange(8):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                data[at : at + size] = bytes(size)
            case 2:
                data[at : at + size] = b"\xff" * size
            case 3:
                del data[at : at + size]
            case 4:
                data[at:at] = rng.randbytes(size)
            case 5:
                data[at:at] = data[: at + size][-size:]
            case 6:
                del data[at:]
            case 7 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def plain_of(rng: random.Random, sample: Any) -> Any:
    """The sample with up to three of its parts changed, left out, doubled or moved."""
    whole = copy.deepcopy(sample)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(whole))
        if not places:
            break
        holder, key = rng.choice(places)
        match rng.randrange(6):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(rng.choice(ODD))
            case 3:
                del holder[key]
            case 4:
                other, there = rng.choice(places)
                if isinstance(other, dict | list) and _has(other, there):
                    holder[key] = copy.deepcopy(other[there])
            case 5 if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case 5:
                holder[str(rng.choice(ODD))] = holder.pop(key)
    return whole


def json_of(rng: random.Random, sample: bytes) -> bytes:
    """A JSON sample: half the time its bytes are changed, half the time its parts.

    Parts are changed as by somebody who makes the digest anew.
    """
    if rng.random() < 0.3:
        return bytes_of(rng, sample)
    if rng.random() < 0.01:
        return rng.choice((b"[", b'{"a":', b'["')) * rng.choice((99, 5000, 200_000))
    try:
        whole = plain_of(rng, json.loads(sample))
    except (ValueError, RecursionError):  # it was changed before
        return bytes_of(rng, sample)
    if isinstance(whole, dict) and DIGEST in whole:
        whole[DIGEST] = digest(whole)
    return json.dumps(whole).encode()


def lines_of(rng: random.Random, sample: bytes) -> bytes:
    """A sample of a line of JSON each: lines are changed, moved or left out."""
    lines = sample.splitlines()
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        match rng.randrange(4):
            case 0 | 1:
                lines[at] = json_of(rng, lines[at] or b"{}")
            case 2 if len(lines) > 1:
                del lines[at]
            case 3:
                lines.insert(rng.randrange(len(lines)), lines[at])
    return b"\n".join(lines) + rng.choice((b"\n", b""))


def toml_of(rng: random.Random, sample: bytes) -> bytes:
    """A TOML sample: bytes are changed, or words by others."""
    if rng.random() < 0.5:
        return bytes_of(rng, sample)
    words = sample.decode().split(" ")
    odd = ("-1", "1e308", "nan", "''", "[]", "{}", "true", "2000-01-01", "9" * 400)
    odd = (*odd, "[" * 9000, "a" + ".a" * 5000 + "=1\n")
    for _ in range(rng.randint(1, 3)):
        words[rng.randrange(len(words))] = rng.choice((*odd, rng.choice(words)))
    return " ".join(words).encode()


def _places(whole: Any) -> Any:
    """Every place in plain data: what holds it, and its key."""
    waiting = [whole]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict):
            pairs = list(holder.items())
        else:
            pairs = list(enumerate(holder[:40]))
        for key, value in pairs:
            yield holder, key
            if isinstance(value, dict | list):
                waiting.append(value)


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)
