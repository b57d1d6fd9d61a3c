"""A lab's own functions as a device: set some knobs, read some numbers.

Anything that can be set and read becomes a device, however it is reached: an
instrument's driver, a DLL, a web page. See examples/wrap_your_lab.py.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from plexgrad.core.validate import at_least
from plexgrad.lab.capabilities import Capabilities, Knobs
from plexgrad.lab.device import Identity, Measurement, Shown
from plexgrad.lab.perturbations import Codes, Perturbations
from plexgrad.lab.transient import Transient, kinds


class Wrapped:
    """A device from `set_knobs(theta)` and `read()`.

    Without `show`, `read()` gives the cost itself: a number to lower. With
    `show(x)`, which presents one sample, it gives the outputs for that sample, and the
    host makes the cost. `settle_s` is waited after every set, `input_settle_s` after
    every show. `at_rest` (P,) are the values to begin with, and those that stay set
    when the device is closed; by default the middle of the range. Errors of the classes
    `transient` mean that the link was lost, as those of well-known drivers do anyway
    (see `lab.transient`): they are waited out.

    While `lingers` is on, as in a run, knobs go from one perturbation to the next
    without a return to rest between, two sets per antithetic slot: they rest when the
    parameters are read, when something fails, and at `close`.
    """

    def __init__(
        self,
        set_knobs: Callable[[np.ndarray], Any],
        read: Callable[[], Any],
        knobs: Knobs | tuple[Knobs, ...],
        show: Callable[[np.ndarray], Any] | None = None,
        inputs: int = 0,
        outputs: int = 1,
        at_rest: np.ndarray | None = None,
        identity: Identity | None = None,
        settle_s: float | int = 0.0,
        input_settle_s: float | int = 0.0,
        transient: Transient = (),
        **more: Any,
    ) -> None:
        self.transient = kinds(transient)
        at_least("settle_s", settle_s, 0.0)
        at_least("input_settle_s", input_settle_s, 0.0)
        self.set_knobs, self.read, self.show = set_knobs, read, show
        self.capabilities = Capabilities(
            knobs if isinstance(knobs, tuple) else (knobs,),
            inputs=inputs,
            outputs=outputs,
            returns=("cost",) if show is None else ("outputs",),
            perturbs_by_writing=True,
            settle_s=settle_s,
            input_settle_s=input_settle_s,
            **more,
        )
        self.identity = identity or Identity("a lab", "wrapped functions", "none")
        self._perturbed = False
        middle = (self.capabilities.low + self.capabilities.high) / 2
        self.theta = self.capabilities.held(middle if at_rest is None else at_rest)
        self.lingers = False
        self._now: np.ndarray | None = None  # what is set, if that is known

    def open(self) -> None:
        self._now = None
        self._set(self.theta)

    def close(self) -> None:
        """The knobs go to rest, if they can be reached: see `rests`."""
        self.lingers = False
        if self._perturbed or self._now is not None:
            self._perturbed = True  # until they are known to rest
            with contextlib.suppress(Exception):
                self._rest()

    @property
    def rests(self) -> bool:
        """Whether the knobs are at rest, as far as is known."""
        return not self._perturbed

    def identify(self) -> Identity:
        return self.identity

    def write_parameters(
        self, theta: np.ndarray, index: np.ndarray | None = None
    ) -> None:
        whole = self.theta.copy()
        whole[slice(None) if index is None else index] = theta
        self.theta = self.capabilities.held(whole)
        if not self.lingers:
            self._set(self.theta)

    def read_parameters(self) -> np.ndarray:
        """What was set last, at rest: knobs that can only be set are believed."""
        self._rest()
        return self.theta.copy()

    def measure(
        self,
        perturbations: Perturbations,
        shown: Shown,
        want: str = "cost",
        repeats: int = 1,
    ) -> Measurement:
        if isinstance(perturbations, Codes):
            raise ValueError("wrapped functions make no codes; send arrays")
        can, began = self.capabilities, time.perf_counter()
        wanted = self.theta[None] + perturbations
        rows = np.clip(wanted, can.low, can.high)
        each = len(rows) // shown.groups
        found = []
        try:
            for number, row in enumerate(rows):
                self._perturbed = True
                self._set(row.astype(np.float32))
                sample = None if shown.x is None else shown.x[number // each]
                turns = [self._told(sample) for _ in range(repeats)]
                found.append(np.mean(turns, axis=0))
        except BaseException:
            with contextlib.suppress(Exception):
                self._rest()
            raise
        if not self.lingers:
            self._rest()
        told = np.asarray(found, np.float32)
        common = {
            "device_seconds": time.perf_counter() - began,
            "clock": "measured",
            "saturated": (rows != wanted).any(axis=0),
        }
        if self.show is None:
            return Measurement(cost=told.reshape(len(rows)), **common)
        return Measurement(outputs=told, **common)

    def _told(self, sample: np.ndarray | None) -> np.ndarray:
        """The cost, or the outputs (batch, outputs) of a group's samples."""
        if self.show is None:
            return np.asarray(self.read(), np.float32).reshape(())
        if sample is None:
            raise ValueError("samples must be sent with every measurement, got none")
        told = []
        for x in sample:
            self.show(x)
            if self.capabilities.input_settle_s:
                time.sleep(self.capabilities.input_settle_s)
            told.append(np.asarray(self.read(), np.float32).reshape(-1))
        return np.stack(told)

    def _rest(self) -> None:
        self._set(self.theta)
        self._perturbed = False

    def _set(self, theta: np.ndarray) -> None:
        """Set the knobs, unless they are there."""
        if self._now is not None and np.array_equal(theta, self._now):
            return
        self._now = None
        self.set_knobs(theta)
        self._now = theta.copy()
        if self.capabilities.settle_s:
            time.sleep(self.capabilities.settle_s)
