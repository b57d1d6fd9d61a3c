"""The firmware's end of a link: versions, sessions, damage, samples in parts."""

from importlib.util import find_spec

import numpy as np
import pytest

from plexgrad.lab import remote
from plexgrad.lab.device import Refused, Restarted, Shown
from plexgrad.lab.frames import Deframer, Frame
from plexgrad.lab.mcu.board import Board
from plexgrad.lab.mcu.cortex import CortexLine
from plexgrad.lab.mcu.twin import TwinMCU
from plexgrad.lab.messages import NUMBER, Command, Status
from plexgrad.lab.messages import update as update_bytes
from plexgrad.lab.perturbations import Codes, Update
from plexgrad.lab.remote import Remote
from plexgrad.lab.transports.transport import Line
from plexgrad.lab.uploads import Part, mark

pytestmark = pytest.mark.skipif(
    find_spec("unicorn") is None, reason="needs the extra mcu"
)
BOARD = Board((3, 4, 2))
CODES = Codes((7, 11), 0, 1, 0.125)
ONE, OTHER = (Update(CODES, np.float32([c])) for c in (0.5, -0.5))


def opened(line: Line | None = None, version=2):
    line = line or CortexLine(BOARD)
    line.version = version
    device = Remote(line)
    device.open()
    return device


def said(device, frame):
    """What the board answers to a frame, a DAMAGED or two among it."""
    return Deframer().feed(device.transport._powered().hear(frame))


@pytest.mark.parametrize("version", [1, 2])
def test_hosts_of_both_versions_are_answered_in_theirs(version):
    device = opened(version=version)
    assert device._session.version == version
    theta = np.linspace(-1, 1, 26).astype(np.float32)
    device.write_parameters(theta)
    np.testing.assert_allclose(device.read_parameters(), theta, atol=2**-21)


def test_a_host_of_version_1_may_follow_one_of_version_2_and_the_other_way_round():
    line = CortexLine(BOARD)
    for version in (2, 1, 2, 1):
        device = opened(line, version)
        device.update(ONE)
        assert device._session.version == version


def test_sessions_are_64_bits_and_never_the_same():
    device = opened()
    names = set()
    for _ in range(50):
        device.open()
        names.add(device._session.name)
    assert len(names) == 50
    assert {len(name) for name in names} == {8}
    assert len({name[:4] for name in names}) > 45


def test_another_order_with_the_number_of_one_that_was_made_is_not_answered_as_made():
    device = opened()
    device.update(ONE)
    after = device.read_parameters()
    device._number -= 1
    device.update(ONE)
    np.testing.assert_array_equal(device.read_parameters(), after)
    device._number -= 1
    with pytest.raises(Restarted, match="made another order"):
        device.update(OTHER)
    np.testing.assert_array_equal(device.read_parameters(), after)


def test_the_last_host_has_the_board_and_numbers_are_its_own():
    line = CortexLine(BOARD)
    first = opened(line)
    for _ in range(3):
        first.update(ONE)
    second = opened(line)
    assert abs(second._number - first._number) > 2
    second.update(ONE)
    with pytest.raises(Restarted):
        first.update(OTHER)


def test_no_single_wrong_bit_changes_the_weights():
    """Every bit of an update, its ends included, on the wire to the board."""
    device = opened()
    before = device.read_parameters()
    order = device._session.name + NUMBER.pack(device._number + 1) + update_bytes(ONE)
    wire = b"\0" + Frame(9, 0, Command.UPDATE, order, 2).encode()
    for bit in range(8 * len(wire)):
        wrong = bytearray(wire)
        wrong[bit // 8] ^= 1 << bit % 8
        # The zero in front may go: then the frame behind it is whole.
        if bit < 8:
            continue
        found = said(device, bytes(wrong) + b"\0")
        assert {frame.code for frame in found} == {Status.DAMAGED}, bit
    np.testing.assert_array_equal(device.read_parameters(), before)
    (done,) = said(device, wire)
    assert (done.code, done.sequence, done.version) == (Status.OK, 9, 2)


def test_a_frame_of_version_1_is_damage_where_version_2_is_spoken():
    device = opened()
    (found,) = said(device, Frame(9, 0, Command.READ, bytes(4)).encode())
    assert (found.code, found.version) == (Status.DAMAGED, 2)
    (found,) = said(device, Frame(9, 0, Command.HELLO, bytes(14)).encode())
    assert found.code == Status.DAMAGED
    assert device.read_parameters().shape == (26,)


def samples(count, seed=0):
    random = np.random.default_rng(seed)
    x = random.uniform(-1.2, 1.2, (count, 3)).astype(np.float32)
    return x, random.uniform(0, 1, (count, 2)).astype(np.float32)


def costs(device, key, count):
    index = np.arange(count, dtype=np.uint32)[None]
    return device.measure(CODES, Shown(handle=key, index=index)).cost


def test_samples_in_parts_are_those_of_the_twin_and_resumed(monkeypatch):
    monkeypatch.setattr(remote, "PART_BYTES", 400)
    device, twin, told = opened(), TwinMCU(BOARD), []
    for key, count in (("a", 7), ("train", 301), ("b", 90), ("train", 150)):
        for each in (device, twin):
            each.load_samples(*samples(count, count), key)
    for key, count in (("a", 7), ("b", 90), ("train", 150)):
        np.testing.assert_array_equal(
            costs(device, key, count), costs(twin, key, count)
        )
    x, y = samples(200, 5)
    part = Part("train", 200, mark(x, y), 0, x[:60], y[:60])
    assert device._have(part) == 60
    with pytest.raises(Refused, match="under this name"):
        costs(device, "train", 60)
    device.on_loading = lambda done, total: told.append((done, total))
    device.transport.close()
    device.load_samples(x, y, "train")
    twin.load_samples(x, y, "train")
    assert told[0] == (60, 200)
    assert told[-1] == (200, 200)
    np.testing.assert_array_equal(
        costs(device, "train", 200), costs(twin, "train", 200)
    )
    calls = device.link.calls
    device.load_samples(x, y, "train")
    assert device.link.calls == calls + 1


def test_a_set_that_the_board_has_no_room_for_is_refused_before_it_is_sent(monkeypatch):
    monkeypatch.setattr(remote, "PART_BYTES", 400)
    device = opened()
    out = device.link.bytes_out
    many = np.zeros((1_100_000, 3), np.float32), np.zeros((1_100_000, 2), np.float32)
    with pytest.raises(Refused, match="must fit into the memory"):
        device.load_samples(*many, "train")
    assert device.link.bytes_out - out < 200


def test_a_request_longer_than_the_board_takes_is_refused_with_numbers():
    device = opened()
    rows = np.ones((65000, 26), np.float32)
    with pytest.raises(ValueError, match="must be 6291456 bytes at most, got 6"):
        device.measure(rows, Shown(handle="train", index=np.zeros((1, 1), np.uint32)))
