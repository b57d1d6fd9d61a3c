"""Which errors mean that the link was lost, and are waited out.

Besides this package's own and those of the operating system, the errors of well-known
drivers are known by name, so that none of them has to be installed. Any other error is
a mistake in a program, and ends a run at once.
"""

from collections.abc import Sequence

from plexgrad.lab.device import LinkLost, Restarted

LOST: tuple[type[Exception], ...] = (LinkLost, Restarted, OSError, EOFError)
"""TimeoutError, ConnectionError and the errors of pyserial and pyusb are OSErrors."""

NAMED = {
    "pyvisa": ("VisaIOError", "InvalidSession"),
    "serial": ("SerialException",),
    "usb": ("USBError",),
    "zmq": ("ZMQError",),
    "requests": ("RequestException",),
    "urllib3": ("HTTPError",),
    "grpc": ("RpcError",),
    "nidaqmx": ("DaqError",),
    "pymodbus": ("ModbusException",),
}
"""Classes by the package that defines them; what they are derived from counts too."""

Transient = type[Exception] | Sequence[type[Exception]]


def kinds(transient: Transient) -> tuple[type[Exception], ...]:
    """One class or several as a tuple. Raises TypeError for anything else."""
    found = tuple(transient) if isinstance(transient, Sequence) else (transient,)
    for each in found:
        if not (isinstance(each, type) and issubclass(each, Exception)):
            raise TypeError(f"transient must be exception classes, got {each!r}")
    return found


def is_lost(error: BaseException, more: tuple[type[Exception], ...] = ()) -> bool:
    """Whether an error means that the device did not answer; `more` names others."""
    if isinstance(error, (*LOST, *more)):
        return True
    return any(
        each.__name__ in NAMED.get(each.__module__.partition(".")[0], ())
        for each in type(error).__mro__
    )
