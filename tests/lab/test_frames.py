"""Frames: published vectors, and nothing damaged passes for whole."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plexgrad.lab
from plexgrad.lab import frames as lab_frames
from plexgrad.lab import stuffing
from plexgrad.lab.checksums import SLAB, crc16, crc32c
from plexgrad.lab.frames import MAX_FRAME, Deframer, Frame
from plexgrad.lab.stuffing import stuffed, unstuffed

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
both = st.one_of(
    frames,
    st.builds(
        Frame,
        st.integers(0, 2**16 - 1),
        st.just(0),
        st.integers(0, 255),
        st.binary(max_size=300),
        st.just(2),
    ),
)


@given(st.lists(both, max_size=5), st.lists(st.integers(1, 40), min_size=1))
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
@given(both, st.data())
def test_up_to_three_flipped_bits_never_give_another_payload(frame, data):
    """Bits that turn into the end of a frame or move a zero are found as well."""
    wire = bytearray(frame.encode())
    bits = st.integers(0, 8 * len(wire) - 1)
    for bit in data.draw(st.lists(bits, min_size=1, max_size=3, unique=True)):
        wire[bit // 8] ^= 1 << bit % 8
    deframer = Deframer((frame.version,))
    assert all(found == frame for found in deframer.feed(bytes(wire) + b"\0"))


@pytest.mark.parametrize("version", [1, 2])
def test_after_garbage_the_next_frame_is_found(version):
    deframer, frame = Deframer(), Frame(3, 2 - version, 5, b"payload", version)
    assert deframer.feed(b"\x09half") == []
    assert deframer.feed(b"\0" + frame.encode()) == [frame]
    assert deframer.damaged == 1


# RFC 3720, appendix B.4, and the usual check value.
CASTAGNOLI = [
    (b"123456789", 0xE3069283),
    (b"", 0),
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
]


@pytest.mark.parametrize(("data", "crc"), CASTAGNOLI)
def test_the_second_checksum_is_castagnoli_s(data, crc):
    assert crc32c(data) == crc


@pytest.mark.parametrize(
    "size", [1, 19, 20, 21, 255, 256, 257, 511, 512, 513, SLAB - 1, SLAB + 257]
)
def test_blocks_are_joined_as_a_loop_would(size):
    data = np.random.default_rng(size).bytes(size)
    table = [crc32c(bytes([n ^ 255])) ^ 0xFF000000 for n in range(256)]
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    assert crc32c(data) == crc ^ 0xFFFFFFFF


@given(st.lists(st.sampled_from([0, 1, 2, 253, 254, 255, 508, 600]), max_size=8))
def test_many_zeros_are_stuffed_as_few_are(runs):
    """Beyond MANY zeros another path is taken; it gives the same bytes."""
    data = b"\0".join((HIGH * 3)[:run] for run in runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stuffing, "MANY", -1)
        said = stuffed(data)
    assert said == stuffed(data)
    assert unstuffed(said) == data


BODIES = {
    "empty": b"",
    "a step": bytes.fromhex("0700000001000b0000000700") + bytes(range(60)),
    "zeros": bytes(300),
    "ones": b"\1" * 40,
    "small numbers": np.arange(100, dtype="<u4").tobytes(),
    "no zeros": HIGH * 2,
    "sparse": (b"\0" * 50 + b"\2") * 6,
    "random": np.random.default_rng(0).bytes(400),
    "a frame in a frame": Frame(1, 0, 7, b"change all", 2).encode() * 3,
}


def flipped(wire, *bits):
    wrong = bytearray(wire)
    for bit in bits:
        wrong[bit // 8] ^= 1 << bit % 8
    return bytes(wrong)


@pytest.mark.parametrize("name", BODIES)
def test_no_single_wrong_bit_makes_another_frame(name):
    """Every bit of a frame between two others, their ends included."""
    before, after = Frame(1, 0, 6, b"\0\1", 2), Frame(3, 0, 5, b"rest", 2)
    frame = Frame(2, 0, 7, BODIES[name], 2)
    wire = before.encode() + frame.encode() + after.encode()
    for bit in range(8 * len(wire)):
        found = Deframer((2,)).feed(flipped(wire, bit) + b"\0")
        assert len(found) < 3
        assert set(found) < {before, frame, after}, bit


@pytest.mark.parametrize("name", BODIES)
def test_a_frame_that_was_cut_is_found_by_its_sizes_alone(name, monkeypatch):
    """With a check sum that finds nothing, a cut frame is still no frame."""
    monkeypatch.setattr(lab_frames, "crc32c", lambda data: 0)
    wire = Frame(2, 0, 7, BODIES[name], 2).encode()
    assert len(Deframer((2,)).feed(wire)) == 1
    for at in range(len(wire) - 1):
        cut = wire[:at] + b"\0" + wire[at + 1 :]
        assert Deframer((2,)).feed(cut) == []


def test_two_bits_32767_apart_are_seen():
    """The distance at which CRC-16/CCITT-FALSE is blind."""
    payload = bytes(range(1, 251)) * 30
    first, second = (Frame(1, 0, 7, payload, version) for version in (1, 2))
    body, wire = unstuffed(first.encode()[:-1]), second.encode()
    for start in range(400, 8 * len(payload) - 32767, 97):
        one, other = (8 * (bit // 8) + 7 - bit % 8 for bit in (start, start + 32767))
        assert Deframer((2,)).feed(flipped(wire, one, other)) == []
        # What two wrong bits on the wire make of version 1.
        (found,) = Deframer((1,)).feed(stuffed(flipped(body, one, other)) + b"\0")
        assert found != first


def test_random_damages_never_make_another_frame():
    random = np.random.default_rng(5)
    frame = Frame(9, 0, 8, BODIES["sparse"] + BODIES["small numbers"], 2)
    wire = frame.encode()
    for _ in range(5000):
        wrong = bytearray(wire)
        start = int(random.integers(len(wire)))
        size = int(random.integers(1, 40))
        wrong[start : start + size] = random.bytes(int(random.integers(40)))
        found = Deframer((2,)).feed(bytes(wrong) + b"\0")
        assert all(each == frame for each in found)


def test_a_frame_of_64_mib_is_the_last_that_goes():
    with pytest.raises(ValueError, match=f"a frame must be {MAX_FRAME} bytes at most"):
        Frame(1, 0, 7, bytes(MAX_FRAME), 2).encode()


HOST = {"each", "host", "loading", "loop", "saved", "samples", "ways", "windows"}


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
