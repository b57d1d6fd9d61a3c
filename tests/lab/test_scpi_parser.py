"""SCPI under attack: linear time, bounded memory, and an instrument that goes on."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plexgrad import lab
from plexgrad.lab.scpi import Instrument, instrument, session
from plexgrad.lab.scpi.commands import COMMANDS
from plexgrad.lab.scpi.parser import LINE_BYTES, UNITS, Parser
from plexgrad.lab.scpi.syntax import ScpiError, block


def chip():
    return lab.EmulatedMLP([2, 2, 1])


def heard(parser, data, step):
    """What comes out for data in chunks: messages, and the numbers of errors."""
    out = []
    for at in range(0, len(data), step):
        parser.feed(data[at : at + step])
        while True:
            try:
                units = parser.next()
            except ScpiError as error:
                out.append(error.number)
                continue
            if units is None:
                break
            out.append(units)
    return out


@pytest.mark.parametrize(
    "said",
    [b";", b"a", b" ", b'"', b'""', b"\n", b"#0\n", b'"a\n', b"#15", b"#9268435455"],
)
def test_time_is_linear_and_memory_bounded(said):
    """Parsed again from the start with each chunk, semicolons alone took 6 s here."""
    parser, size = Parser(), 1 << 13 if said.startswith((b"#0", b'"a')) else 1 << 18
    began = time.process_time()
    heard(parser, said * (size // len(said)), 64)
    assert time.process_time() - began < 3
    awaited = said.startswith(b"#9")
    assert parser.held <= (size if awaited else LINE_BYTES)


@pytest.mark.parametrize(
    ("said", "number"),
    [(b";a" * (UNITS + 1), -223), (b"a" * (LINE_BYTES + 1), -223), (b'"a', -102)],
)
def test_what_is_too_much_is_left_out_up_to_a_line_feed(said, number):
    assert heard(Parser(), said + b"\n*OPC?\n", 1 << 20) == [number, [["*OPC?"]]]


pieces = st.sampled_from(
    [b";", b"\n", b" ", b",", b'"', b"#", b"1", b"9", b"a?", b":", b"#12", b"#0", b"\0"]
)
bytes_of_sorts = st.lists(pieces | st.binary(max_size=6), max_size=40).map(b"".join)


@settings(max_examples=300)
@given(bytes_of_sorts, st.integers(1, 7))
def test_where_it_is_cut_makes_no_difference(data, step):
    whole, cut = Parser(), Parser()
    assert heard(whole, data, len(data) or 1) == heard(cut, data, step)
    assert whole.held == cut.held <= len(data)


items = st.one_of(
    st.sampled_from(
        [b"0", b"1", b"-1", b"1e999", b"nan", b"1e300", b'"train"', b"direct", b"4e9"]
    ),
    st.binary(max_size=40).map(block),
    st.integers(1, 9).map(lambda n: block(np.full(n, np.nan, "<f4"))),
    st.just(block(np.zeros(9, "<f4"))),
    st.just(block(np.ones(2, "<u4"))),
)
units = st.tuples(st.sampled_from(sorted(COMMANDS)), st.lists(items, max_size=8)).map(
    lambda unit: unit[0].encode() + b" " + b",".join(unit[1])
)


@settings(max_examples=150)
@given(st.lists(st.lists(units, max_size=4).map(b";:".join), max_size=6))
def test_an_instrument_survives_whatever_is_ordered(lines):
    served = Instrument(chip())
    line = served.connection()
    for each in lines:
        line(each + b"\n")
    assert line(b"*CLS;*OPC?\n") == b"1\n"
    assert np.isfinite(served.device.theta).all()
    assert len(line.session.errors) <= session.QUEUE


@settings(max_examples=150)
@given(bytes_of_sorts)
def test_an_instrument_survives_garbage(data):
    served = Instrument(chip())
    line = served.connection()
    line(data)
    assert len(line.session.errors) <= session.QUEUE
    assert served.connection()(b"*OPC?\n") == b"1\n"


def test_a_message_is_answered_at_most_so_much(monkeypatch):
    monkeypatch.setattr(instrument, "ANSWER_BYTES", 100)
    line = Instrument(chip()).connection()
    assert line(b"W:DATA?;DATA?;DATA?\n") == b""
    assert line(b"SYST:ERR?\n").startswith(b'-430,"Query DEADLOCKED')


def test_lines_share_the_room_for_what_is_not_whole(monkeypatch):
    monkeypatch.setattr(session, "SMALL_BYTES", 100)
    monkeypatch.setattr(session, "ROOM_BYTES", 1000)
    served = Instrument(chip())
    one, other = served.connection(), served.connection()
    assert one(b"*OPC?\n") == other(b"*OPC?\n") == b"1\n"
    one(b"W:DATA #3900" + bytes(800))
    other(b"W:DATA #3900" + bytes(800))
    assert other._parser.held == 0
    assert other(b"\nSYST:ERR?\n").startswith(b'-225,"Out of memory')
    assert one._parser.held > 800
    one.close()
    other(b"W:DATA #3900" + bytes(800))
    assert other._parser.held > 800


def test_who_said_no_command_yet_keeps_little():
    line = Instrument(chip()).connection()
    line(b"W:DATA #8%08d" % 60_000_000)
    line(bytes(instrument.SMALL_BYTES))
    assert line._parser.held == 0
    assert line(b"\nSYST:ERR?\n").startswith(b'-225,"Out of memory')


def test_samples_that_are_shown_take_room_too(monkeypatch):
    monkeypatch.setattr(session, "SMALL_BYTES", 100)
    monkeypatch.setattr(session, "ROOM_BYTES", 1000)
    line = Instrument(chip()).connection()
    line(
        b"DATA:SEND %s,%s,1\n"
        % (block(np.zeros(200, "<f4")), block(np.zeros(100, "<f4")))
    )
    assert line(b"SYST:ERR?\n").startswith(b'-225,"Out of memory')
    assert line.session.size == 0


def test_who_says_nothing_that_there_is_stays_a_stranger():
    line = Instrument(chip()).connection()
    line._heard_at -= 20
    line(b"GET / HTTP/1.1\r\n")
    assert line.stranger_s > 19
    line(b"*OPC?\n")
    line(b"*OPC?\n")
    assert line.stranger_s == 0
    line._heard_at -= 30
    assert line.stranger_s == 0
    line(b"W:DA")
    line._heard_at -= 30
    assert line.stranger_s > 29
    line(b"TA?\n")
    line._heard_at -= 700
    assert line.stranger_s > 99


def test_a_number_comes_back():
    line = Instrument(chip()).connection()
    assert line(b"SYST:ECHO? 4294967295;:SYST:ECHO? 0\n") == b"4294967295;0\n"
    assert line(b"SYSTem:ECHO? -1;:*ESE 200;*ESE?\n") == b"200\n"
    assert line(b"SYST:ERR?\n").startswith(b'-200,"Execution error;number must be')
