"""Ctrl-C, a kill and a closed terminal: the first asks, the second is at once."""

import signal
import threading

import pytest

from plexgrad.core.signals import SIGNALS, heard, listening


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_asks_and_the_second_is_at_once(number):
    before, told = signal.getsignal(number), []
    with listening(tell=told.append) as here:
        signal.raise_signal(number)
        assert (here.came, here.at_once) == (SIGNALS[number], False)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert here.at_once
    assert told == ["stopping at the next safe place (again: at once)"]
    assert signal.getsignal(number) is before
    assert not heard.came


@pytest.mark.parametrize("number", SIGNALS)
def test_where_nothing_asks_the_first_is_at_once(number):
    with listening(asks=False):
        with listening():
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert not heard.at_once


def test_what_others_have_set_stays(monkeypatch):
    seen, number = [], signal.SIGHUP
    before = signal.signal(number, lambda *_: seen.append("mine"))
    try:
        with listening() as here:
            signal.raise_signal(number)
            assert not here.came
        signal.signal(number, signal.SIG_IGN)  # as nohup does
        with listening() as here:
            signal.raise_signal(number)
            assert not here.came
    finally:
        signal.signal(number, before)
    assert seen == ["mine"]


def test_a_thread_hears_but_sets_nothing():
    came = []

    def work():
        with listening() as here:
            came.append(here.came)

    with listening(tell=lambda _: None):
        signal.raise_signal(signal.SIGTERM)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert came == ["SIGTERM"]


def test_a_terminal_that_is_gone_stops_no_stop():
    def gone(text):
        raise OSError(5, "Input/output error")

    with listening(tell=gone) as here:
        signal.raise_signal(signal.SIGINT)
        assert here.came == "Ctrl-C"
