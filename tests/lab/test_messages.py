"""What is inside a frame comes out as it went in, in as few bytes as can be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexgrad.lab import messages
from plexgrad.lab.capabilities import Capabilities, Knobs
from plexgrad.lab.device import LinkLost, Measurement, Shown
from plexgrad.lab.frames import Frame
from plexgrad.lab.hello import Hello, answered
from plexgrad.lab.messages import Reader
from plexgrad.lab.perturbations import REFERENCES, Codes, Update
from plexgrad.lab.session import Session, busy

codes = st.builds(
    Codes,
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.integers(0, 2**31),
    st.integers(1, 1000),
    st.floats(2**-9, 1.0, width=32),
    st.sampled_from(REFERENCES),
    st.integers(1, 100),
)


@given(codes)
def test_codes_are_26_bytes(what):
    data = messages.codes(what)
    assert len(data) == 26
    assert messages.read_codes(Reader(data)) == what


@pytest.mark.parametrize(
    "index",
    [
        np.arange(7, 39, dtype=np.uint32)[None],
        np.array([[3, 1], [70000, 2]], np.uint32),
        np.array([[3, 4], [8, 9]], np.uint32),
    ],
)
def test_held_samples_by_number(index):
    data = messages.shown(Shown(handle="train", index=index))
    found = messages.read_shown(Reader(data))
    np.testing.assert_array_equal(found.index, index)
    assert found.handle == "train"


def test_a_run_of_samples_is_a_few_bytes():
    run = np.arange(100, 132, dtype=np.uint32)[None]
    assert len(messages.shown(Shown(handle="train", index=run))) < 30


def test_measurements_and_answers():
    x = np.random.default_rng(0).random((2, 3, 4), np.float32)
    rows = np.ones((4, 5), np.float32)
    what = messages.measure(rows, Shown(x, x), "outputs", 7)
    found, shown, want, repeats = messages.read_measure(Reader(what))
    np.testing.assert_array_equal(found, rows)
    np.testing.assert_array_equal(shown.x, x)
    assert (want, repeats) == ("outputs", 7)
    marks = np.array([False, True, False])
    answer = Measurement(
        np.float32([1, 2]),
        None,
        np.float32([3, 4]),
        5.5,
        0.25,
        "measured",
        False,
        marks,
    )
    back = messages.read_answer(messages.answer(answer))
    np.testing.assert_array_equal(back.cost, answer.cost)
    np.testing.assert_array_equal(back.hits, answer.hits)
    np.testing.assert_array_equal(back.saturated, marks)
    assert back.outputs is None
    assert (back.timestamp, back.device_seconds, back.clock, back.settle_ok) == (
        5.5,
        0.25,
        "measured",
        False,
    )


def test_updates():
    update = Update(Codes((1, 2), 3, 4, 0.5), np.arange(4, dtype=np.float32))
    back = messages.read_update(Reader(messages.update(update)))
    assert back.codes == update.codes
    np.testing.assert_array_equal(back.coefficients, update.coefficients)
    with pytest.raises(ValueError, match=r"coefficients must have shape \(4,\)"):
        Update(update.codes, np.zeros(3, np.float32))


@given(st.binary(max_size=60))
def test_a_payload_that_is_not_one_is_refused(data):
    for read in (messages.read_measure, messages.read_update):
        try:
            read(Reader(data))
        except ValueError:
            continue


def test_capabilities_survive_json():
    can = Capabilities(
        (
            Knobs((2, 3), -1, 1, 0.25, "V", start=(-0.5, 0.5)),
            Knobs((3,), 0, 5, name="b"),
        ),
        inputs=4,
        makes_codes=("rademacher",),
    )
    assert Capabilities.from_json({**can.to_json(), "of a later version": 1}) == can
    assert can.parameters == 9
    assert can.where(2) == "weights[2] (V)"
    assert can.where(7) == "b[1]"
    np.testing.assert_array_equal(
        can.held(np.array([-2, 0.1, 0.13, 2, 0.9, -0.37, 4.5, 6, 1], np.float32)),
        np.float32([-1, 0, 0.25, 1, 1, -0.25, 4.5, 5, 1]),
    )


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Knobs((3,), 1, 1), "high must be above low=1, got 1"),
        (lambda: Knobs((3,), 0, 1, 2), "step must be at most the range 1, got 2"),
        (lambda: Knobs((3,), 0, 1, start=(0, 2)), r"start must lie in \[0, 1\]"),
        (lambda: Knobs((0,), 0, 1), "shape must be an integer of at least 1, got 0"),
        (lambda: Capabilities((), returns=("hits",)), "returns must hold cost or"),
        (lambda: Capabilities((), max_rows=-1), "max_rows must be at least 0, got -1"),
        (lambda: Capabilities((), fused=True), "fused must come with applies_updates"),
        (lambda: Codes((0, 0), 0, 0, 0.1), "count must be an integer of at least 1"),
        (lambda: Codes((0, 0), 0, 1, 0.0), "amplitude must be above 0, got 0"),
    ],
)
def test_complaints(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize("said", [b"[" * 200_000, b"3", b"[]", b'{"groups": [7]}'])
def test_what_a_device_says_of_itself_is_read_with_care(said):
    with pytest.raises((ValueError, LinkLost)):
        Capabilities.from_json(answered(Hello(1, 2), 1, said))


def told(**changed):
    """What a device of version 2 answers to the hello of token 1."""
    who = {"vendor": "v", "model": "m", "serial": "s"}
    right = {
        "frame": 2,
        "to": f"{1:016x}",
        "session": "0" * 16,
        "room": 4096,
        "parts": True,
        "made": None,
        "boot": 7,
        "last": 3,
        "identity": who,
        "capabilities": {"groups": []},
    }
    return messages.plain(right | changed)


def test_a_hello_is_answered_with_fields_of_a_later_version_too():
    found = answered(Hello(1, 2), 2, told(later=1))
    assert Session.of(found).room == 4096


@pytest.mark.parametrize(
    "wrong",
    [
        {"session": None},
        {"session": 5},
        {"session": "00"},
        {"frame": 1, "session": 1 << 16},
        {"frame": [2]},
        {"last": "3"},
        {"last": -1},
        {"last": 2**32 - 1},
        {"room": None},
        {"made": "x"},
        {"boot": []},
        {"identity": None},
        {"identity": {"vendor": "v"}},
        {"capabilities": None},
    ],
)
def test_a_hello_that_is_answered_with_nonsense_is_no_link(wrong):
    with pytest.raises(LinkLost):
        answered(Hello(1, 2), 2, told(**wrong))


@pytest.mark.parametrize("said", [b"{}", b"[]", b'{"free_s":"x","take":true}', b"\xff"])
def test_a_busy_answer_that_makes_no_sense_is_no_link(said):
    with pytest.raises(LinkLost):
        busy("tcp://x", Frame(1, 0, 0, said, 2))
    assert "tcp://x is in use" in busy("tcp://x", Frame(1, 0, 0, said))


def test_a_device_elsewhere_cannot_ask_for_all_memory():
    one = {"low": 0, "high": 1}
    with pytest.raises(ValueError, match="the parameters must be 67108864 at most"):
        Capabilities.from_json({"groups": [{"shape": [10**12], **one}]})
