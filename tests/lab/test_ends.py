"""Ends under attack: they stay up, keep little, and go on serving their host."""

import errno
import os
import socket
import time
from contextlib import contextmanager

import numpy as np
import pytest

from plexgrad import lab
from plexgrad.lab import find, server
from plexgrad.lab.device import LinkLost
from plexgrad.lab.frames import Frame
from plexgrad.lab.messages import Status
from plexgrad.lab.remote import Remote
from plexgrad.lab.serve import serve
from plexgrad.lab.server import FULL, Served
from plexgrad.lab.transports import curve_keys, serial_port, tcp, zeromq
from plexgrad.lab.transports.curve_keys import make_keys
from plexgrad.lab.transports.tcp import TCPListener

ENDS = ("tcp", "scpi", "zmq", "pty")


def chip():
    return lab.EmulatedMLP([2, 2, 1])


@contextmanager
def hosted(at):
    """A served chip with a host that has it; both must work at the end."""
    with serve(chip(), at) as listener:
        host = find.device_at(listener.url)
        host.open()
        before = host.read_parameters()
        yield listener, host
        np.testing.assert_array_equal(host.read_parameters(), before)
        host.close()
        assert listener.failed == 0


def dial(listener):
    place = listener.url.rpartition("/")[2].partition(":")
    line = socket.create_connection((place[0], int(place[2])), timeout=5)
    line.settimeout(5)
    return line


def is_hung_up(line):
    """Whether the other end hung up, after whatever it said."""
    with line:
        try:
            while line.recv(1 << 16):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
    return True


@pytest.mark.parametrize("at", ["tcp://127.0.0.1:0", "scpi://127.0.0.1:0"])
def test_out_of_descriptors_it_waits_and_goes_on(at, monkeypatch):
    if at.startswith("scpi"):
        pytest.importorskip("pyvisa_py")
    accept, tries = socket.socket.accept, []

    def full(self):
        tries.append(time.monotonic())
        if len(tries) <= 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", full)
    with hosted(at):
        assert len(tries) > 3
        assert tries[3] - tries[0] > 2 * tcp.PAUSE_S


def test_places_are_counted_and_the_host_keeps_its_own(monkeypatch):
    monkeypatch.setattr(tcp, "ROOM_S", 60)
    with TCPListener(Served(chip()).connection, most=3, full=FULL) as listener:
        host = find.device_at(listener.url)
        host.open()
        strangers = [dial(listener) for _ in range(2)]
        with dial(listener) as fourth:
            assert fourth.recv(100) == FULL
            assert fourth.recv(100) == b""
        another = Remote(tcp.TCP.of(listener.url), timeout_s=2, attempts=2)
        with pytest.raises(LinkLost, match="places .* are taken|hung up"):
            another.open()
        another.close()
        assert host.read_parameters().shape == (9,)
        for each in strangers:
            each.close()
        host.close()


def test_a_stranger_makes_room_for_who_comes(monkeypatch):
    monkeypatch.setattr(tcp, "ROOM_S", 0.01)
    with TCPListener(Served(chip()).connection, most=2) as listener:
        host = find.device_at(listener.url)
        host.open()
        first = dial(listener)
        time.sleep(0.05)
        second = dial(listener)
        assert is_hung_up(first)
        assert host.read_parameters().shape == (9,)
        second.close()
        host.close()


@pytest.mark.parametrize("said", [b"", b"\0", b"GET / HTTP/1.1\r\n\r\n"])
def test_who_does_not_say_hello_is_hung_up(said, monkeypatch):
    monkeypatch.setattr(tcp, "HELLO_S", 0.2)
    monkeypatch.setattr(tcp, "TICK_S", 0.05)
    with hosted("tcp://127.0.0.1:0") as (listener, _):
        line = dial(listener)
        line.sendall(said)
        assert is_hung_up(line)
        time.sleep(0.3)  # the host is silent for longer, and stays


def test_a_stranger_s_unfinished_frame_is_not_kept():
    line = Served(chip()).connection()
    line(b"\1" * 1000)
    assert line._deframer.held == 1000
    said = line(b"\1" * server.STRANGER_BYTES)
    assert Frame.decode(said[:-1]).code == Status.DAMAGED
    assert line._deframer.held == 0


def test_somebody_who_never_reads_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(tcp, "SEND_S", 0.2)
    monkeypatch.setattr(tcp, "TICK_S", 0.05)
    listener = TCPListener(lambda: lambda data: bytes(1 << 24))
    with listener:
        deaf = dial(listener)
        deaf.sendall(b"x")
        with dial(listener) as other:
            other.sendall(b"x")
            assert other.recv(1)
        time.sleep(0.5)
        assert deaf not in listener._lines
        assert is_hung_up(deaf)


def test_what_answers_may_fail_and_only_its_line_ends():
    def fails(data):
        raise ZeroDivisionError

    hears = iter([fails, lambda data: data])
    with TCPListener(lambda: next(hears)) as listener:
        first, second = dial(listener), dial(listener)
        first.sendall(b"x")
        assert is_hung_up(first)
        second.sendall(b"x")
        assert second.recv(1) == b"x"
        second.close()
        assert listener.failed == 1


def test_a_terminal_goes_on_after_a_fault_and_is_for_its_user_alone(monkeypatch):
    monkeypatch.setattr(serial_port, "PAUSE_S", 0.0)

    def fails(data):
        raise ZeroDivisionError

    hears = iter([fails, lambda data: data, None])
    with serial_port.PtyListener(lambda: next(hears)) as listener:
        name = listener.url.partition(":")[2]
        assert os.stat(name).st_mode & 0o777 == 0o600
        line = serial_port.Serial.of(listener.url)
        line.open()
        line.send(b"x")
        while not listener.failed:
            time.sleep(0.01)
        line.send(b"y")
        assert line.receive(5) == b"y"
        line.close()


@pytest.mark.parametrize("parts", [0, 2, 3, 50])
def test_a_message_of_another_number_of_parts_is_ignored(parts):
    zmq = pytest.importorskip("zmq")
    with (
        hosted("zmq://127.0.0.1:0") as (listener, host),
        zmq.Context() as context,
        context.socket(zmq.DEALER) as line,
    ):
        line.linger = 0
        line.connect(listener.url.replace("zmq", "tcp"))
        line.send_multipart([b"x"] * parts if parts else [b""])
        for _ in range(3):
            host.read_parameters()


def test_a_long_message_of_a_stranger_is_not_looked_at(monkeypatch):
    zmq = pytest.importorskip("zmq")
    heard = []

    class Stranger:
        stranger_s = 0.1

        def answers(self, data):
            heard.append(len(data))
            yield b"heard"

    with (
        zeromq.ZMQListener(Stranger) as listener,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as line,
    ):
        line.linger, line.rcvtimeo = 0, 5000
        line.connect(listener.url.replace("zmq", "tcp"))
        line.send(bytes(zeromq.STRANGER_BYTES + 1))
        line.send(b"x")
        assert line.recv() == b"heard"
    assert heard == [1]


def test_a_host_too_many_is_told_and_names_are_forgotten(monkeypatch):
    zmq = pytest.importorskip("zmq")
    monkeypatch.setattr(zeromq, "ROOM_S", 60)
    listener = zeromq.ZMQListener(Served(chip()).connection, most=3, full=FULL)
    with listener, zmq.Context() as context:
        host = find.device_at(listener.url)
        host.open()
        lines = [context.socket(zmq.DEALER) for _ in range(5)]
        for each in lines:
            each.linger, each.rcvtimeo = 0, 5000
            each.connect(listener.url.replace("zmq", "tcp"))
            each.send(b"\1\0")  # a damaged frame, which is answered
        told = [each.recv() for each in lines]
        assert told.count(FULL) == 3
        assert len(listener._lines) == 3
        monkeypatch.setattr(zeromq, "HELLO_S", 0.0)
        while len(listener._lines) > 1:
            time.sleep(0.02)
        assert host.read_parameters().shape == (9,)
        host.close()
        for each in lines:
            each.close()
        assert listener.failed == 0


def test_a_key_that_is_taken_away_is_refused_at_once(tmp_path):
    pytest.importorskip("zmq")
    keys = tmp_path / "keys"
    make_keys(keys)
    public = keys / "clients" / "client.key"
    kept = public.read_bytes()
    with serve(chip(), f"zmq://127.0.0.1:0?keys={keys}") as listener:
        url = f"{listener.url}&connect_s=0.3"
        host = Remote(zeromq.ZMQ.of(url), timeout_s=0.2, attempts=2)
        host.open()
        before = host.read_parameters()
        public.unlink()
        with pytest.raises(LinkLost):
            host.write_parameters(before + 1)
        with pytest.raises(LinkLost, match="does not let these keys in|nobody"):
            zeromq.ZMQ.of(url).open()
        public.write_bytes(kept)
        host.open()
        np.testing.assert_array_equal(host.read_parameters(), before)
        host.close()


def test_known_keys_need_no_descriptor(tmp_path, monkeypatch):
    """Strangers who take all descriptors do not lock out a host that is known."""
    pytest.importorskip("zmq")
    monkeypatch.setattr(curve_keys, "SETTLED_NS", 0)
    make_keys(tmp_path)
    clients = curve_keys.Clients(tmp_path)
    public = tmp_path / "clients" / "client.key"
    key = curve_keys.load_keys(public)[0].decode()
    assert clients.knows(key)
    assert not clients.knows(key[::-1])
    assert not clients.knows(None)
    (tmp_path / "clients" / "nonsense.key").write_bytes(b"\xff no key")
    assert clients.knows(key)

    def none_left(*_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(curve_keys, "load_keys", none_left)
        assert clients.knows(key)
        public.unlink()
        assert not clients.knows(key)
    assert not clients.knows(key)


@pytest.mark.parametrize("at", ENDS)
def test_an_end_without_keys_says_who_can_drive_the_chip(at):
    if at == "zmq":
        pytest.importorskip("zmq")
    with serve(chip(), "pty" if at == "pty" else f"{at}://127.0.0.1:0") as listener:
        who = "program of this user" if at == "pty" else "user of this machine"
        assert f"every {who} can drive this chip" in listener.notice


def test_a_public_end_says_so_and_one_with_keys_is_silent(tmp_path):
    with TCPListener(lambda: lambda data: data, "0.0.0.0") as listener:
        assert "everybody who reaches 0.0.0.0 can drive" in listener.notice
    pytest.importorskip("zmq")
    make_keys(tmp_path)
    with serve(chip(), f"zmq://127.0.0.1:0?keys={tmp_path}") as listener:
        assert listener.notice == ""
