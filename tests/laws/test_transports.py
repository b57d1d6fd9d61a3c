"""Every transport keeps every law: echo, split reads, time-out, reopen."""

import time

import pytest

from plexgrad.lab.device import LinkLost
from plexgrad.lab.find import open_transport, transports
from plexgrad.lab.transports.recording import Replay
from plexgrad.lab.transports.transport import Line, drill

every_transport = pytest.mark.parametrize("cls", transports())


@pytest.fixture
def line(cls):
    with cls.demo() as line:
        yield line
        line.close()


@every_transport
def test_an_echo_comes_back_and_it_reopens(line):
    assert isinstance(line, Line)
    drill(line)


@every_transport
def test_a_closed_line_is_a_lost_one(cls, line):
    if cls is Replay:  # it knows one story only
        drill(line)
        with pytest.raises(ValueError, match="must be the end"):
            line.send(b"more")
        return
    line.open()
    line.close()
    line.close()
    with pytest.raises(LinkLost):
        line.send(b"hello")
    with pytest.raises(LinkLost):
        line.receive(0.01)


@every_transport
def test_silence_ends_in_time(cls, line):
    if cls is Replay:
        return
    line.open()
    began = time.monotonic()
    assert line.receive(0.05) == b""
    assert time.monotonic() - began < 30


@every_transport
def test_its_url_opens_it(cls, line):
    if not cls.scheme:
        with pytest.raises(ValueError, match="has no URL"):
            cls.of("anything")
        return
    again = open_transport(line.url)
    assert type(again) is cls
    assert again.url == line.url
