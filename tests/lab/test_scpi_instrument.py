"""The SCPI instrument: its grammar, its commands and its errors."""

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.scpi import Instrument
from plexgrad.lab.scpi.instrument import Connection
from plexgrad.lab.scpi.parser import message
from plexgrad.lab.scpi.syntax import ScpiError, block, resolved, spellings

XOR = pg.data.load("xor")


def chip():
    return lab.EmulatedMLP([2, 2, 1])


@pytest.fixture
def line():
    return Instrument(chip()).connection()


def blocks(answer):
    """The float32 blocks of an answer, unit by unit."""
    units, _ = message(answer)
    return [np.frombuffer(unit[0], "<f4") for unit in units]


def shown_first(line):
    both = block(XOR.x_train), block(XOR.y_train)
    assert line(b"DATA:SEND %s,%s,1\n" % both) == b""


def test_a_message_is_whole_only_at_its_last_byte():
    data = b'W:DATA  #14a\n;#;:Syst:err? "say ""so"";\t", -1.5e3\r\n'
    for end in range(len(data)):
        assert message(data[:end]) is None
    said = [":Syst:err?", 'say "so";\t', "-1.5e3"]
    assert message(data + b"*IDN?") == ([["W:DATA", b"a\n;#"], said], len(data))


def test_a_block_comes_back():
    random = np.random.default_rng(0)
    for size in (0, 1, 9, 250, 100_000):
        values = random.standard_normal(size).astype("<f4")
        units, end = message(b"X " + block(values) + b"\n")
        np.testing.assert_array_equal(np.frombuffer(units[0][1], "<f4"), values)
        assert end == len(block(values)) + 3
    assert block(b"abc") == b"#13abc"


@pytest.mark.parametrize(
    ("data", "number"),
    [(b"#0abc\n", -161), (b"#x\n", -161), (b"#9999999999\n", -161), (b'"a\n', -102)],
)
def test_what_is_no_message_is_an_error(data, number):
    with pytest.raises(ScpiError) as error:
        message(data)
    assert error.value.number == number


def test_headers_are_long_or_short_and_from_a_path():
    found = set(spellings("SYSTem:ERRor[:NEXT]?"))
    assert len(found) == 8
    assert {"SYST:ERR?", "SYSTEM:ERROR:NEXT?", "SYST:ERROR?"} <= found
    assert resolved("syst:vers?", "") == ("SYST:VERS?", "SYST:")
    assert resolved("err?", "SYST:") == ("SYST:ERR?", "SYST:")
    assert resolved("*opc?", "SYST:") == ("*OPC?", "SYST:")
    assert resolved(":COST?", "SYST:") == ("COST?", "")


def test_who_it_is(line):
    assert line(b"*idn?\n") == b"plexgrad,emulated MLP,EMU-0001,1\n"
    assert line(b"*OPC?;SYSTem:VERSion?;ERRor?\n") == b'1;1999.0;0,"No error"\n'
    assert line(b"*ESR?\n*ESR?\n") == b"128\n0\n"


def test_an_unknown_header_ends_in_the_queue_of_errors(line):
    assert line(b"COSTS?\n") == b""
    assert line(b"*IDN?;*TST?\n").startswith(b"plexgrad")
    assert line(b"SYST:ERR?\n") == b'-113,"Undefined header;COSTS?"\n'
    assert line(b"SYST:ERR?;ERR?\n") == b'-113,"Undefined header;*TST?";0,"No error"\n'


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"W:DATA\n", '-109,"Missing parameter;W:DATA takes 1, got 0"'),
        (b"*OPC? 1\n", '-108,"Parameter not allowed;*OPC? takes 0, got 1"'),
        (b"W:DATA 7\n", '-104,"Data type error;a block must come here, got 7"'),
        (b"PERT:REP two\n", "-104,\"Data type error;a number must come here, got 'two"),
        (b"PERT:REP 1.5\n", '-104,"Data type error;a whole number must come, got 1.5'),
        (b"W:DATA #13abc\n", '-161,"Invalid block data;9 numbers of 4 bytes, got 3'),
        (b"#13abc\n", '-102,"Syntax error;a header must come first"'),
        (b"W:DATA #0abc\n", '-161,"Invalid block data;a block must be #<digits>'),
        (b"COST?\n", '-200,"Execution error;this chip needs samples, got none"'),
        (b"DATA:SHOW #11a,#0,1\n", '-161,"'),
        (b"PERT:OUTP? #10\n", '-200,"Execution error;this chip needs samples'),
    ],
)
def test_errors_have_the_numbers_of_the_standard(line, said, error):
    assert line(said) == b""
    assert line(b"SYST:ERR?\n").decode().startswith(error)
    assert line(b"SYST:ERR?\n") == b'0,"No error"\n'


def test_a_driver_that_breaks_is_an_error_of_the_device(line):
    def burn(*_, **__):
        raise RuntimeError('it is "on fire"')

    line.session.device.measure = burn
    line(b"COST?\n")
    wanted = b"-300,\"Device-specific error;RuntimeError: it is 'on fire'\"\n"
    assert line(b"SYST:ERR?\n") == wanted


def test_the_queue_of_errors_is_finite(line):
    for _ in range(40):
        line(b"NONE\n")
    found = line(b";".join([b":SYST:ERR?"] * 33) + b"\n")
    assert found.count(b"-113") == 31
    assert b'-350,"Queue overflow";0,"No error"\n' in found
    line(b"NONE\n*CLS\n")
    assert line(b"SYST:ERR?\n") == b'0,"No error"\n'


def test_a_batch_costs_what_its_rows_cost_one_by_one(line):
    shown_first(line)
    signs = np.random.default_rng(1).choice([-1, 0, 1], (16, 9)).astype(np.int8)
    (costs,) = blocks(line(b"PERT:BATCH? 0.05,%s\n" % block(signs)))
    singles = [blocks(line(b"PERT:BATCH? 0.05,%s\n" % block(row))) for row in signs]
    np.testing.assert_allclose(costs, np.ravel(singles), rtol=1e-6)
    rows = signs * np.float32(0.05)
    (again,), (hits,) = (
        blocks(line(b"PERT:%s\n" % each))
        for each in (b"ROWS? " + block(rows.astype("<f4")), b"HITS?")
    )
    np.testing.assert_array_equal(again, costs)
    assert len(hits) == 16
    (theta,) = blocks(line(b"W:DATA?\n"))
    line(b"W:DATA %s\n" % block(theta + rows[3]))
    assert abs(float(line(b"COST?\n")) - costs[3]) < 1e-6


def test_parts_of_a_message_may_come_one_by_one(line):
    shown_first(line)
    whole = b"PERT:BATCH? 0.1,%s\n" % block(np.ones((2, 9), np.int8))
    wanted = line(whole)
    told = [line(whole[at : at + 1]) for at in range(len(whole))]
    assert b"".join(told) == wanted


def test_a_connection_is_a_function(line):
    assert isinstance(line, Connection)
    assert line(b"") == b""
    assert line(b"\n;;\n*OPC?\n") == b"1\n"
