"""ZeroMQ: trained over it, keys on both ends, and no public address without them."""

import stat

import numpy as np
import pytest

from plexgrad import lab
from plexgrad.lab import find
from plexgrad.lab.conform import FAILED, conform
from plexgrad.lab.device import LinkLost
from plexgrad.lab.remote import Remote
from plexgrad.lab.serve import serve
from plexgrad.lab.server import Served
from plexgrad.lab.transports.curve_keys import make_keys
from plexgrad.lab.transports.zeromq import ZMQ, ZMQListener

pytest.importorskip("zmq")


def chip():
    return lab.EmulatedMLP([2, 2, 1])


@pytest.fixture
def keys(tmp_path):
    make_keys(tmp_path / "keys")
    return tmp_path / "keys"


def test_a_chip_behind_keys_conforms(keys):
    with serve(chip(), f"zmq://127.0.0.1:0?keys={keys}") as listener:
        assert listener.url.startswith("zmq://127.0.0.1:")
        results = conform(find.device_at(listener.url))
    assert [result for result in results if result.status == FAILED] == []


def test_only_known_keys_are_let_in(keys, tmp_path):
    make_keys(tmp_path / "others")
    # A host that knows the server, but not the other way round.
    server = (keys / "server.key").read_bytes()
    (tmp_path / "others" / "server.key").write_bytes(server)
    with serve(chip(), f"zmq://127.0.0.1:0?keys={keys}") as listener:
        place = listener.url.partition("?")[0]
        for words in (f"{place}?keys={tmp_path / 'others'}", place):
            line = ZMQ.of(f"{words}{'&' if '?' in words else '?'}connect_s=0.5")
            with pytest.raises(LinkLost):
                line.open()
            line.close()
        device = find.device_at(listener.url)
        device.open()
        device.close()


def test_secret_keys_are_for_the_user_alone(keys):
    for who in ("server", "client"):
        mode = (keys / f"{who}.key_secret").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
    with pytest.raises(FileExistsError, match="keys already"):
        make_keys(keys)


def test_a_public_address_needs_keys(tmp_path):
    with (
        pytest.raises(ValueError, match="must be served with keys"),
        serve(chip(), "zmq://0.0.0.0:0"),
    ):
        pass
    with pytest.raises(FileNotFoundError, match="no key at .*plexgrad chip keys"):
        ZMQListener(lambda: lambda data: data, "0.0.0.0", 0, str(tmp_path))


def test_nobody_is_told_and_a_server_that_comes_back_is_found():
    with pytest.raises(LinkLost, match="nobody"):
        ZMQ("127.0.0.1", 1, connect_s=0.3).open()
    served = Served(chip())
    with ZMQListener(served.connection) as first:
        port = int(first.url.rpartition(":")[2])
        device = Remote(ZMQ("127.0.0.1", port, connect_s=1), timeout_s=0.5)
        device.open()
        before = device.read_parameters()
    with pytest.raises(LinkLost):
        device.read_parameters()
    with ZMQListener(served.connection, port=port):
        np.testing.assert_array_equal(device.read_parameters(), before)
        assert device.link.reconnects > 0
        device.close()
