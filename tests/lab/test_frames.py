"""Frames: published vectors, and nothing damaged passes for whole."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plexgrad.lab
from plexgrad.lab.frames import Deframer, Frame, crc16, stuffed, unstuffed

HIGH = bytes(range(1, 255))

# Cheshire & Baker 1999 (doi:10.1109/90.769765), section III, and its boundary cases at
# 254 bytes without a zero.
VECTORS = [
    (b"", b"\x01"),
    (b"\0", b"\x01\x01"),
    (b"\0\0", b"\x01\x01\x01"),
    (b"\0\x11\0", b"\x01\x02\x11\x01"),
    (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
    (b"\x11\x22\x33\x44", b"\x05\x11\x22\x33\x44"),
    (b"\x11\0\0\0", b"\x02\x11\x01\x01\x01"),
    (HIGH, b"\xff" + HIGH),
    (b"\0" + HIGH, b"\x01\xff" + HIGH),
    (HIGH + b"\xff", b"\xff" + HIGH + b"\x02\xff"),
    (HIGH[1:] + b"\xff\0", b"\xff" + HIGH[1:] + b"\xff\x01\x01"),
    (HIGH[2:] + b"\xff\0\x01", b"\xfe" + HIGH[2:] + b"\xff\x02\x01"),
    (
        b"\x45\0\0\x2c\x4c\x79\0\0\x40\x06\x4f\x37",
        b"\x02\x45\x01\x04\x2c\x4c\x79\x01\x05\x40\x06\x4f\x37",
    ),
]


@pytest.mark.parametrize(("data", "said"), VECTORS)
def test_published_vectors(data, said):
    assert stuffed(data) == said
    assert unstuffed(said) == data


def test_the_checksum_is_ccitt_false():
    assert crc16(b"123456789") == 0x29B1
    assert crc16(b"") == 0xFFFF


@given(st.binary(max_size=2000))
def test_stuffing_has_no_zeros_and_an_inverse(data):
    said = stuffed(data)
    assert b"\0" not in said
    assert len(said) <= len(data) + 1 + len(data) // 254
    assert unstuffed(said) == data


@given(st.binary(max_size=300))
def test_anything_else_is_refused_or_is_something_stuffed(data):
    try:
        found = unstuffed(data)
    except ValueError:
        return
    assert data in (b"", stuffed(found), stuffed(found) + b"\x01")


frames = st.builds(
    Frame,
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 255),
    st.binary(max_size=300),
)


@given(st.lists(frames, max_size=5), st.lists(st.integers(1, 40), min_size=1))
def test_frames_come_whole_however_they_are_cut(sent, cuts):
    stream = b"".join(frame.encode() for frame in sent)
    deframer, got, turn = Deframer(), [], 0
    while stream:
        size = cuts[turn % len(cuts)]
        got += deframer.feed(stream[:size])
        stream, turn = stream[size:], turn + 1
    assert got == sent
    assert deframer.damaged == 0


@settings(derandomize=True)
@given(frames, st.data())
def test_up_to_three_flipped_bits_never_give_another_payload(frame, data):
    """Bits that turn into the end of a frame or move a zero are found as well."""
    wire = bytearray(frame.encode())
    bits = st.integers(0, 8 * len(wire) - 1)
    for bit in data.draw(st.lists(bits, min_size=1, max_size=3, unique=True)):
        wire[bit // 8] ^= 1 << bit % 8
    deframer = Deframer()
    assert all(found == frame for found in deframer.feed(bytes(wire) + b"\0"))


def test_after_garbage_the_next_frame_is_found():
    deframer, frame = Deframer(), Frame(3, 4, 5, b"payload")
    assert deframer.feed(b"\x09half") == []
    assert deframer.feed(b"\0" + frame.encode()) == [frame]
    assert deframer.damaged == 1


HOST = {"each", "host", "loop", "saved", "samples", "ways", "windows"}


def test_below_the_host_loop_there_is_only_numpy():
    room = Path(plexgrad.lab.__file__).parent
    files = [file for file in room.rglob("*.py") if file.stem not in HOST]
    assert len(files) > 20
    for file in files:
        if file == room / "__init__.py" or file.parent.name == "calibrate":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [each.name for each in node.names]
            found = [getattr(node, "module", None) or "", *names]
            wrong = {"jax", "jax.numpy", "optax", "plexgrad.training", "bits"}
            assert not wrong.intersection(found), (file.name, found)


def test_words_of_numpy_are_those_of_jax():
    import jax
    import jax.numpy as jnp

    from plexgrad.core import bits
    from plexgrad.lab.words import Generator, signs

    key = jax.random.key(2**31 + 7)
    one, other = np.asarray(jax.random.key_data(key)).tolist()
    slots = np.array([0, 1, 5, 255, 256, 2**31, 2**32 - 2], np.uint32)
    for count in (1, 31, 64, 65, 220):
        wanted = np.asarray(bits.signs(key, jnp.asarray(slots), count))
        np.testing.assert_array_equal(signs((one, other), slots, count), wanted)
        generator = Generator((one, other), count)
        for turn in (slots[:4], slots[3:5], slots[-1:], slots[:1]):
            found = generator.signs(turn)
            np.testing.assert_array_equal(found, signs((one, other), turn, count))
