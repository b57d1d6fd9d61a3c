"""Training slots per second of one network on 1, 2 and 4 chips with slow links.

    python benchmarks/several.py

The chips are emulated in this process; a call sleeps for the latency of its link, and
each row of it for the settling of a cost, as chips on a bench do: what is timed is how
well the waiting is shared. A second table counts calls per second over real transports.
"""

import time

import jax

jax.config.update("jax_num_cpu_devices", 1)

import numpy as np  # noqa: E402

import plexgrad as pg  # noqa: E402
from plexgrad import lab  # noqa: E402
from plexgrad.lab import find  # noqa: E402
from plexgrad.lab.serve import serve  # noqa: E402

CHIPS = (1, 2, 4)
SLOTS = 1024
CASES = (
    ("5 ms link, 0.5 ms a cost, window 64", 5e-3, 5e-4, 64, 0),
    ("5 ms link, 16 rows a call, window 64", 5e-3, 0.0, 64, 16),
    ("5 ms link alone, window 64", 5e-3, 0.0, 64, 0),
    ("1 ms a cost, window 8", 0.0, 1e-3, 8, 0),
)


class Slow:
    """An emulated chip whose calls and rows take their time."""

    def __init__(self, number, call_s, row_s, most):
        self.chip = lab.EmulatedMLP(serial=f"EMU-{number}")
        object.__setattr__(self.chip.capabilities, "max_rows", most)
        self.call_s, self.row_s = call_s, row_s

    def __getattr__(self, name):
        return getattr(self.chip, name)

    def measure(self, perturbations, shown, want="cost", repeats=1):
        found = self.chip.measure(perturbations, shown, want, repeats)
        rows = len(found.cost if found.cost is not None else found.outputs)
        time.sleep(self.call_s + self.row_s * rows)
        return found

    def step(self, update, perturbations, shown):
        if update is not None:
            self.chip.update(update)
        return self.measure(perturbations, shown)


def slots_per_s(count, call_s, row_s, window, most):
    """Slots per second of a run on so many chips."""
    data = pg.data.load("nist7x7")
    devices = [Slow(n, call_s, row_s, most) for n in range(count)]
    record = pg.lab.train(
        devices,
        data,
        estimator=pg.estimators.WeightPerturbation(
            pg.codes.Rademacher(0.01), "antithetic"
        ),
        rule=pg.Rule("sgd", learning_rate=0.5),
        clock=pg.Clock(tau_theta=window),
        slots=SLOTS,
        key=0,
        batch=32,
        points=[0],
    )
    # Scores at the end are not training.
    return record.evaluations["slots"] / record.throughput["seconds"]


def calls_per_s(at):
    """Calls for one cost of 220 parameters that are sent, per second."""
    with serve(lab.EmulatedMLP(data=False), at) as listener:
        device = find.device_at(listener.url)
        device.open()
        data = pg.data.load("nist7x7")
        shown = lab.Shown(
            data.x_train[None, :32].reshape(1, 32, -1), data.y_train[:32][None]
        )
        rows = np.zeros((1, 220), np.float32)
        device.measure(rows, shown)
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < 2:
            device.measure(rows, shown)
            count += 1
        device.close()
    return count / 2


def main():
    """Both tables."""
    print("| chips | " + " | ".join(map(str, CHIPS)) + " | speed-up |")
    print("| --- |" + " --- |" * (len(CHIPS) + 1))
    for name, *case in CASES:
        speeds = [slots_per_s(count, *case) for count in CHIPS]
        each = " | ".join(f"{speed:,.0f} slots/s" for speed in speeds)
        print(f"| {name} | {each} | {speeds[-1] / speeds[0]:.2f} |", flush=True)
    print("\n| transport | calls/s |\n| --- | --- |")
    for at in ("tcp://127.0.0.1:0", "zmq://127.0.0.1:0", "pty"):
        print(f"| {at.partition(':')[0]} | {calls_per_s(at):,.0f} |", flush=True)


if __name__ == "__main__":
    main()
