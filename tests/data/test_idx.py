"""The IDX format: whatever is written is read, and no damage goes unnoticed."""

import gzip

import hypothesis
import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pytest

from plexgrad.data.idx import TYPES, decode, unpacked

any_array = st.sampled_from(sorted(TYPES.values())).flatmap(
    lambda kind: arrays.arrays(
        np.dtype(kind).newbyteorder("="),
        arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
    )
)


@hypothesis.given(array=any_array)
def test_round_trip(encode_idx, array):
    read = decode("here", encode_idx(array))
    assert read.dtype == array.dtype
    assert read.shape == array.shape
    assert read.tobytes() == array.tobytes()


@hypothesis.given(array=any_array, cut=st.integers(1, 600), more=st.binary(min_size=1))
def test_a_missing_or_additional_byte_is_noticed(encode_idx, array, cut, more):
    data = encode_idx(array)
    with pytest.raises(ValueError, match="^here must"):
        decode("here", data[: -min(cut, len(data))])
    with pytest.raises(ValueError, match=r"here must be .*\(trailing bytes\)"):
        decode("here", data + more)


@hypothesis.given(code=st.sampled_from(sorted(TYPES)), rest=st.binary(max_size=64))
def test_arbitrary_bytes_give_their_array_or_a_value_error(code, rest):
    try:
        array = decode("here", bytes([0, 0, code]) + rest)
    except ValueError:
        return
    assert rest.endswith(array.astype(array.dtype.newbyteorder(">")).tobytes())


LONG = b"\0\0\x08\1\0\0\1\0" + bytes(range(256))
HUGE = b"\0\0\x08\4" + b"\xff" * 16


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0\0", r"must start with an IDX magic number of 4 bytes, got b'\\x00\\x00'"),
        (b"\1\2\x08\1", r"magic number 00 00 \.\. \.\., got 01 02 08 01"),
        (b"\0\0\x0a\1\0\0\0\0", "must have an IDX type of 0x08, .*, got 0x0a"),
        (b"\0\0\x08\0\7", "must have at least 1 axis, got 0"),
        (b"\0\0\x08\3\0\0\0\1", "must have a header of 16 bytes for 3 axes, got 8"),
        (b"\0\0\x08\1\0\0\0\3ab", r"must be 11 bytes for shape \(3,\), got 10 .trunc"),
        (b"\0\0\x08\1\0\0\0\1ab", r"must be 9 bytes .* got 10 \(trailing bytes\)"),
        (HUGE, r"got 20 \(truncated\)"),
    ],
)
def test_a_bad_header_is_refused_by_name_rule_and_value(data, message):
    with pytest.raises(ValueError, match=f"^here .*{message}"):
        decode("here", data)


def test_a_plain_file_and_a_packed_one_hold_the_same(tmp_path):
    data = b"\0\0\x08\1\0\0\0\3abc"
    (tmp_path / "plain").write_bytes(data)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(data, mtime=0))
    assert unpacked(tmp_path / "plain", 11) == data
    assert unpacked(tmp_path / "packed.gz", 11) == data


def test_no_more_is_unpacked_than_the_header_states_and_the_set_can_have(tmp_path):
    header = b"\0\0\x08\1\0\0\0\3"
    (tmp_path / "long.gz").write_bytes(gzip.compress(header + bytes(2**20), mtime=0))
    assert len(unpacked(tmp_path / "long.gz", 99)) == 12
    with pytest.raises(ValueError, match=r"must hold at most 10 bytes, got .* 11"):
        unpacked(tmp_path / "long.gz", 10)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.gz must be a file, got none"):
        unpacked(tmp_path / "nowhere.gz", 99)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "must be a gzip file, got one that starts with nothing"),
        (b"<html>", "must be a gzip file, got one that starts with 3c 68"),
        (
            gzip.compress(LONG, mtime=0)[:-9],
            "must be a whole gzip file, got: Compressed",
        ),
        (
            gzip.compress(b"data", mtime=0)[:-8] + b"\0" * 8,
            "must be a whole gzip file, got: CRC",
        ),
        (
            gzip.compress(b"data", mtime=0)[:10] + b"\xff" * 9,
            "must be a whole gzip file, got:",
        ),
        (gzip.compress(b"data", mtime=0) + b"more", "must be a whole gzip file, got:"),
    ],
)
def test_a_damaged_gzip_is_refused(tmp_path, data, message):
    path = tmp_path / "file.gz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"file.gz {message}"):
        unpacked(path, 999)
