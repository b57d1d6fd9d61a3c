"""Your own lab as a device: wrap a set_voltages / read_power pair, and train it.

Here a made-up mesh of eight heaters steers light to an output; the more arrives, the
better. Replace `set_voltages` and `read_power` by calls to your instruments.

python examples/wrap_your_lab.py, or from the command line:
plexgrad chip calibrate python:examples/wrap_your_lab.py:device
"""

import numpy as np

import plexgrad as pg
from plexgrad import lab

LAB = np.random.default_rng(7)
PHASES = LAB.uniform(0, 2 * np.pi, 8)  # what fabrication left in each path
NOW = np.zeros(8)


def set_voltages(volts):
    """Your DAC."""
    NOW[:] = volts


def read_power():
    """Your power meter: here the light of eight paths interferes."""
    field = np.exp(1j * (PHASES + 0.5 * NOW**2)).mean()
    return abs(field) ** 2 + 1e-3 * LAB.standard_normal()


heaters = lab.Knobs((8,), low=0.0, high=5.0, step=5 / 4096, unit="V", name="heaters")
device = lab.Wrapped(
    set_voltages, read=lambda: 1 - read_power(), knobs=heaters, noise_std=1e-3
)
estimator = pg.estimators.WeightPerturbation(pg.codes.Rademacher(0.05), "antithetic")

if __name__ == "__main__":
    record = lab.train(
        device,
        data=None,  # the cost is what `read` gives; no samples are shown
        estimator=estimator,
        rule=pg.Rule("sgd", learning_rate=0.1),
        slots=2000,
        key=0,
    )
    cost = record.curves["train_cost"][:, 0]
    print(f"light at the output: {1 - cost[0]:.2f} before, {1 - cost[-1]:.2f} after")
    print(f"{record.evaluations['total']} readings, {record.status}")
