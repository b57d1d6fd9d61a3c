"""Whose the device is: sessions, takeovers, numbers, and hosts of both versions."""

import time
from pathlib import Path

import numpy as np
import pytest

from plexgrad import lab
from plexgrad.lab.device import Restarted, Shown
from plexgrad.lab.frames import Deframer, Frame
from plexgrad.lab.messages import NUMBER, Command, Status
from plexgrad.lab.perturbations import Codes, Update
from plexgrad.lab.remote import Remote
from plexgrad.lab.server import Served
from plexgrad.lab.transports.in_process import InProcess
from plexgrad.lab.transports.recording import Replay
from plexgrad.lab.transports.tcp import TCP, TCPListener

CODES = Codes((1, 2), 0, 1, 0.125)


def chip():
    return lab.EmulatedMLP([2, 2, 1], low=-1, high=1)


def host(served, **more):
    return Remote(InProcess(served.connection), **more)


def shared(served, **more):
    """A host at a line that all hosts share, as a terminal is."""
    line = served.shared_line()
    return Remote(InProcess(lambda: lambda data: line(data)), **more)


def raw(served, code, session, payload, line=None, version=2):
    """What is answered to a frame that somebody makes up."""
    whole = session + payload if version == 2 else payload
    name = 0 if version == 2 else session
    said = Frame(1, name, code, whole, version).encode()
    (reply,) = Deframer().feed((line or served.connection())(said))
    return reply


def test_who_lost_the_line_keeps_the_device_for_the_lease():
    served = Served(chip(), lease_s=60)
    first, second = host(served), host(served)
    first.open()
    before = first.read_parameters()
    first.transport.close()
    with pytest.raises(BlockingIOError, match=r"free in [56]\d\.\d s or .*--take"):
        second.open()
    np.testing.assert_array_equal(first.read_parameters(), before)
    first.transport.close()
    taking = host(served, take=True)
    taking.open()
    with pytest.raises(BlockingIOError):
        first.read_parameters()
    taking.close()
    second.open()


def test_a_host_that_lives_cannot_be_replaced_and_a_silent_one_only_on_request():
    served = Served(chip(), lease_s=60)
    first = host(served)
    first.open()
    for take in (False, True):
        with pytest.raises(BlockingIOError, match="its host is at work"):
            host(served, take=take).open()
    served.tenure.heard -= 61
    with pytest.raises(BlockingIOError, match="its host is silent or has hung up"):
        host(served).open()
    host(served, take=True).open()


def test_on_a_shared_line_the_lease_decides():
    served = Served(chip(), lease_s=60)
    first = shared(served)
    first.open()
    for take in (False, True):
        with pytest.raises(BlockingIOError, match="if its host is gone, it is free in"):
            shared(served, take=take).open()
    served.tenure.heard -= 61
    shared(served).open()


def test_a_long_measurement_is_a_sign_of_life():
    device = chip()
    served = Served(device, lease_s=60)
    first = shared(served)
    first.open()
    read = device.read_parameters

    def slow():
        served.tenure.heard -= 100
        return read()

    device.read_parameters = slow
    first.read_parameters()
    with pytest.raises(BlockingIOError):
        shared(served).open()


def test_over_tcp_an_open_connection_is_a_sign_of_life():
    served = Served(chip(), lease_s=0.05)
    with TCPListener(served.connection) as listener:
        first = Remote(TCP.of(listener.url))
        first.open()
        time.sleep(0.1)
        second = Remote(TCP.of(listener.url))
        with pytest.raises(BlockingIOError, match="silent"):
            second.open()
        second.close()
        first.transport.close()
        while served.tenure.line is not None:
            time.sleep(0.01)
        second.open()
        second.close()


def test_a_session_is_good_on_its_own_line_alone():
    served = Served(chip())
    mine = host(served)
    mine.open()
    told = mine._session
    assert len(told.name) == 8
    order = NUMBER.pack(mine._number + 1) + b"\1\1\1\0\0\0\0\0\0\0" + b"\0\0"
    reply = raw(served, Command.WRITE, told.name, order)
    assert reply.code == Status.SESSION
    assert served.changes == 0


def test_a_session_of_version_1_cannot_be_guessed():
    device = chip()
    served = Served(device)
    old = host(served)
    old.transport.version = 1
    old = Remote(old.transport)
    old.open()
    before = device.theta.copy()
    stranger = served.connection()
    order = NUMBER.pack(old._number + 1) + b"\1\1\1\0\0\0\0\0\0\0" + b"\0\0"
    for session in range(0, 1 << 16, 97):
        guess = (old._session.name + session) & 0xFFFF
        reply = raw(served, Command.WRITE, guess, order, stranger, version=1)
        assert reply.code == Status.SESSION
    np.testing.assert_array_equal(device.theta, before)
    old.write_parameters(before)


def test_another_order_with_the_number_of_one_that_was_made_is_not_answered_as_made():
    device = chip()
    served = Served(device)
    mine = host(served)
    mine.open()
    one, other = (Update(CODES, np.float32([c])) for c in (0.5, -0.5))
    mine.update(one)
    after = device.theta.copy()
    mine._number -= 1  # as if the answer had been lost
    mine.update(one)
    np.testing.assert_array_equal(device.theta, after)
    mine._number -= 1
    with pytest.raises(Restarted, match="made another order"):
        mine.update(other)
    np.testing.assert_array_equal(device.theta, after)
    assert served.changes == 1
    mine.update(other)
    assert served.changes == 2


def test_numbers_are_another_s_for_another_host():
    served = Served(chip(), lease_s=0)
    first = shared(served)
    first.open()
    for value in (0.1, 0.2):
        first.update(Update(CODES, np.float32([value])))
    number = first._number
    second = shared(served)
    second.open()
    assert abs(second._number - number) > 2
    second.update(Update(CODES, np.float32([0.3])))
    with pytest.raises(Restarted):
        first.update(Update(CODES, np.float32([0.4])))


def test_late_copies_of_older_orders_are_not_answered_as_made():
    served = Served(chip())
    mine = host(served)
    mine.open()
    for value in (0.1, 0.2):
        mine.update(Update(CODES, np.float32([value])))
    late = NUMBER.pack(mine._number - 1) + b"\0\0\0\0"
    line, name = mine.transport._line, mine._session.name
    assert raw(served, Command.WRITE, name, late, line).code == Status.SESSION
    assert served.changes == 2


@pytest.mark.parametrize("of_host", [1, 2])
@pytest.mark.parametrize("of_device", [1, 2])
def test_both_versions_of_hosts_and_devices_work_together(of_host, of_device):
    device = chip()
    line = old_line(Served(device)) if of_device == 1 else Served(device).connection
    transport = InProcess(line)
    transport.version = of_host
    remote = Remote(transport)
    with remote:
        assert remote._session.version == min(of_host, of_device)
        remote.write_parameters(np.full(9, 0.5, np.float32))
        np.testing.assert_array_equal(device.theta, np.full(9, 0.5))
        remote.transport.close()
        np.testing.assert_array_equal(remote.read_parameters(), device.theta)


def old_line(served):
    """Lines to a device that knows version 1 alone: it reads a token, and no more."""

    def connect():
        line, deframer = served.connection(), Deframer((1,))

        def hear(data):
            said = b""
            for frame in deframer.feed(data):
                short = frame.payload[:4] if frame.code == 1 else frame.payload
                old = Frame(frame.sequence, frame.session, frame.code, short)
                said += line(old.encode())
            return said

        return hear

    return connect


def test_an_answer_to_another_host_s_hello_is_not_taken():
    served = Served(chip())
    asked = []

    def connect():
        line = served.connection()

        def hear(data):
            said = line(data)
            asked.append(data)
            if len(asked) > 1:
                return said
            (frame,) = Deframer().feed(said)
            wrong = frame.payload.replace(b'"to":"', b'"to":"0')
            return Frame(frame.sequence, 0, frame.code, wrong, 2).encode()

        return hear

    remote = Remote(InProcess(connect))
    remote.open()
    assert remote.read_parameters().shape == (9,)


def test_a_damaged_hello_lets_nobody_in():
    served = Served(chip())
    remote = host(served)
    remote.open()
    said = Frame(5, 0, Command.HELLO, b"\1\2\3\4\2\1\7\7\7\7" + b"\0" * 4).encode()
    (reply,) = Deframer().feed(served.connection()(said))
    assert reply.code == Status.DAMAGED
    assert remote.read_parameters().shape == (9,)


def test_a_recording_of_version_1_still_plays():
    path = Path(__file__).parent / "recorded" / "version-1.jsonl"
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[0], [1], [1], [0]], np.float32)
    codes = Codes((1, 2), 0, 2, 0.125, "antithetic")
    shown = Shown(handle="train", index=np.arange(4, dtype=np.uint32)[None])
    with Remote(Replay(path)) as device:
        device.load_samples(x, y, "train")
        device.write_parameters(np.linspace(-1, 1, 9, dtype=np.float32))
        found = device.step(Update(codes, np.float32([0.5, -0.25])), codes, shown)
        theta = device.read_parameters()
    assert found.cost.shape == (4,)
    assert theta[0] == -1.03125
    assert device.transport.left == 0
