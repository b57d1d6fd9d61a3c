"""Errors of well-known drivers are a lost link; mistakes in a program are not."""

import numpy as np
import pytest

import plexgrad as pg
from plexgrad import lab
from plexgrad.lab.bench import Bench
from plexgrad.lab.device import LinkLost
from plexgrad.lab.transient import NAMED, is_lost, kinds


def foreign(package, name, base=Exception):
    """A class as a package that may not be installed defines it, and one below it."""
    made = type(name, (base,), {"__module__": f"{package}.errors"})
    return type(f"Special{name}", (made,), {"__module__": "somewhere"})


class Own(RuntimeError):
    """An error that only a lab's own driver has."""


FOREIGN = [foreign(package, name) for package, all_ in NAMED.items() for name in all_]
SYSTEM = [TimeoutError, ConnectionResetError, BrokenPipeError, OSError, EOFError]
MISTAKES = [TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError, Own]


def wrapped(fails, **more):
    """Eight knobs; the reading of number 20 raises what it is told to, once."""
    knobs, reads = np.zeros(8), []

    def read():
        reads.append(1)
        if len(reads) == 20:
            raise fails("a made-up failure")
        return float(((knobs - 2) ** 2).sum())

    return lab.Wrapped(
        lambda theta: knobs.__setitem__(slice(None), theta),
        read,
        lab.Knobs((8,), 0.0, 5.0, unit="V"),
        **more,
    )


def run(device, **more):
    return lab.train(
        device,
        None,
        estimator=pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.05), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=0.02),
        slots=20,
        key=0,
        points=2,
        **more,
    )


@pytest.mark.parametrize("error", SYSTEM + FOREIGN, ids=lambda each: each.__name__)
def test_a_link_error_of_a_driver_is_waited_out(error):
    record = run(wrapped(error))
    assert record.status == "finished"
    assert record.extra["lab"]["recoveries"] == 1


@pytest.mark.parametrize("where", ["train", "Wrapped"])
def test_others_are_named(where):
    more = {"transient": Own}
    device = wrapped(Own, **(more if where == "Wrapped" else {}))
    record = run(device, **(more if where == "train" else {}))
    assert record.extra["lab"]["recoveries"] == 1


@pytest.mark.parametrize("error", MISTAKES, ids=lambda each: each.__name__)
def test_a_mistake_ends_a_run_at_once_and_shows_where(error):
    with pytest.raises(error, match="a made-up failure") as caught:
        run(wrapped(error))
    assert any(entry.name == "read" for entry in caught.traceback)


def test_a_class_of_the_same_name_elsewhere_is_not_one_of_them():
    assert not is_lost(foreign("mine", "VisaIOError")("x"))
    assert is_lost(foreign("pyvisa", "VisaIOError")("x"))


def test_the_last_error_of_a_driver_that_stays_away_is_told():
    device = wrapped(foreign("pyvisa", "VisaIOError"))
    with Bench(device, 0.0) as bench:
        device.read = device.set_knobs = lambda *_: (_ for _ in ()).throw(
            foreign("pyvisa", "VisaIOError")("VI_ERROR_CONN_LOST")
        )
        with pytest.raises(LinkLost, match="VI_ERROR_CONN_LOST"):
            bench.measure(np.zeros((1, 8), np.float32), lab.Shown())


@pytest.mark.usefixtures("own_complaints")
@pytest.mark.parametrize("wrong", ["Own", [3], KeyboardInterrupt])
def test_what_is_no_class_of_exceptions_is_refused(wrong):
    with pytest.raises(TypeError, match="transient must be exception classes"):
        kinds(wrong)
