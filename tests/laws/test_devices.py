"""Every device of ours passes the conformance kit, here and behind a link."""

import numpy as np
import pytest

from plexgrad.lab.checks import CHECKS
from plexgrad.lab.conform import FAILED, PASSED, conform
from plexgrad.lab.device import PROMISES, Device
from plexgrad.lab.find import demos
from plexgrad.lab.remote import Remote
from plexgrad.lab.server import Served
from plexgrad.lab.transports.in_process import InProcess

DEVICES = range(len(list(demos())))
every_device = pytest.mark.parametrize("number", DEVICES)


def device(number, linked):
    found = list(demos())[number]
    if linked:
        found.open()
        return Remote(InProcess(Served(found).connection), timeout_s=1.0)
    return found


@every_device
@pytest.mark.parametrize("linked", [False, True], ids=["here", "linked"])
def test_it_conforms(number, linked):
    it = device(number, linked)
    results = conform(it)
    assert [r for r in results if r.status == FAILED] == []
    assert len(results) == len(CHECKS)
    ran = {result.number for result in results if result.status == PASSED}
    assert ran >= {"K1", "K2", "K3", "K5", "K6", "K9", "K11", "K12"}
    assert not linked or ran >= {"K13", "K14", "K16"}


@every_device
def test_it_is_a_device_and_keeps_its_parameters(number):
    it = device(number, linked=False)
    assert isinstance(it, Device)
    for name, promise in PROMISES.items():
        assert not getattr(it.capabilities, name) or isinstance(it, promise)
    it.open()
    before = it.read_parameters()
    it.close()
    conform(it)
    np.testing.assert_array_equal(it.read_parameters(), before)
