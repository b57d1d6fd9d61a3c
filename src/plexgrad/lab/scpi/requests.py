"""What the host says of perturbations, in the commands of the SCPI instrument."""

import numpy as np

from plexgrad.lab.perturbations import Codes, Perturbations
from plexgrad.lab.scpi.syntax import block


def query(what: Perturbations, want: str) -> bytes:
    """The query for a measurement: seeds, signs, or the offsets themselves."""
    if isinstance(what, Codes):
        return b"PERT:CODE? %s,%s" % (numbers(what), what.reference.encode())
    rows = np.ascontiguousarray(what, "<f4")
    if want == "outputs":
        return b"PERT:OUTP? " + block(rows)
    largest = np.float32(np.abs(rows).max(initial=0))
    signs = np.sign(rows)
    if np.array_equal(signs * largest, rows):
        return b"PERT:BATCH? %.9g,%s" % (largest, block(signs.astype(np.int8)))
    return b"PERT:ROWS? " + block(rows)


def numbers(codes: Codes) -> bytes:
    """Key, start, count, hold and amplitude, as text."""
    whole = *codes.key, codes.start, codes.count, codes.hold
    return b"%d,%d,%d,%d,%d,%.17g" % (*whole, codes.amplitude)


def same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Whether two arrays, or none, are equal."""
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
