"""Where rank-1 signs fall behind independent ones: large steps, and heavy tails.

    python benchmarks/tails.py [--show] [--quick]

The first table is the final accuracy on digits (the setting of `efficiency.py`, 64
pairs and a batch of 64) against the constant learning rate of Adam, for both codes at
equal evaluations. The second is about one slot: the kurtosis of the signal, the change
of the cost, on a network that backpropagation trained so far. Independent signs sum
many small parts, so theirs is near the 3 of a normal draw; where a layer's gradient is
a single outer product (batch 1), rank-1 signs give a product of two sums, with 9. The
variance of the estimate's length along the gradient, over |g|^2, is (kurtosis - 1) / K.

Results are saved to benchmarks/results/tails.json.
"""

import argparse
import json
from pathlib import Path

import jax

jax.config.update("jax_num_cpu_devices", 2)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402

import plexgrad as pg  # noqa: E402
from plexgrad.core.files import write_atomically  # noqa: E402
from plexgrad.core.layout import Layout  # noqa: E402
from plexgrad.core.probe import Slots, WeightProbe  # noqa: E402
from plexgrad.training.recorded import machine  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "tails.json"
CODES = ("Rademacher", "RankOne")
RATES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08)
PAIRS, BATCH, UPDATES = 64, 64, 3000
AFTER = (0, 30, 300, 3000)


def chip():
    """The network and cost of the digits preset."""
    net = pg.nets.MLP([64, 32, 10], "tanh")
    return pg.chips.Simulated(net, pg.nets.CrossEntropy(0.1))


def accuracies(name, eta, updates, seeds):
    """Test accuracy of every seed, the mean over the last tenth of the points."""
    code = getattr(pg.codes, name)(1e-2)
    record = pg.train(
        chip(),
        pg.data.load("digits"),
        estimator=pg.estimators.WeightPerturbation(code, "antithetic"),
        rule=pg.Rule("adam", learning_rate=eta),
        clock=pg.Clock(tau_x=PAIRS, tau_theta=PAIRS),
        slots=updates * PAIRS,
        key=0,
        seeds=seeds,
        batch=BATCH,
        points=40,
        angles=False,
    )
    return record.curves["test_accuracy"][-4:].mean(axis=0)


def kurtosis(params, name, batch, slots, repeats):
    """Fourth moment over squared variance of the signal, for each of some batches."""
    data, found = pg.data.load("digits"), []
    code, layout = getattr(pg.codes, name)(1e-3), Layout.of(params)
    measure = jax.jit(chip().measure)
    random = np.random.default_rng(0)
    for number in range(repeats):
        chosen = random.integers(0, len(data.x_train), batch)
        shown = jnp.asarray(data.x_train[chosen]), jnp.asarray(data.y_train[chosen])
        probe = WeightProbe(
            jax.random.key(number), Slots.range(slots), code, layout, "antithetic"
        )
        held = jax.tree.map(lambda leaf: leaf[None], shown)
        signal = np.asarray(measure(params, probe, held, probe.key).signal, float)
        found.append(np.mean(signal**4) / np.mean(signal**2) ** 2)
    return found


def trained(updates):
    """A network after so many exact updates of Adam."""
    data, model = pg.data.load("digits"), chip()
    rule, params = optax.adam(0.01), model.init(jax.random.key(0))
    x, y = jnp.asarray(data.x_train), jnp.asarray(data.y_train)

    def step(carry, key):
        params, state = carry
        chosen = jax.random.randint(key, (BATCH,), 0, len(x))
        gradient = jax.grad(model.loss)(params, (x[chosen], y[chosen]))
        update, state = rule.update(gradient, state)
        return (optax.apply_updates(params, update), state), None

    keys = jax.random.split(jax.random.key(1), updates)
    (params, _), _ = jax.lax.scan(step, (params, rule.init(params)), keys)
    accuracy = model.score(params, jnp.asarray(data.x_test), jnp.asarray(data.y_test))
    return params, float(accuracy[1])


def study(quick):
    """Both tables as plain data."""
    rates, updates, seeds = (RATES, UPDATES, 16) if not quick else (RATES[:1], 8, 2)
    slots, repeats = (20_000, 12) if not quick else (100, 2)
    steps, tails = [], []
    for eta in rates:
        found = {name: accuracies(name, eta, updates, seeds) for name in CODES}
        steps.append({"eta": eta, **{n: a.tolist() for n, a in found.items()}})
        print(step_line(steps[-1]), flush=True)
    for after in AFTER if not quick else AFTER[:1]:
        params, accuracy = trained(after)
        for batch in (1, BATCH):
            row = {"updates": after, "accuracy": accuracy, "batch": batch}
            for name in CODES:
                row[name] = kurtosis(params, name, batch, slots, repeats)
            tails.append(row)
            print(tail_line(row), flush=True)
    evaluations = 2 * PAIRS * updates
    return {
        "machine": machine(),
        "evaluations": evaluations,
        "steps": steps,
        "tails": tails,
    }


def step_line(row):
    """A row of the first table; the error is that of the difference of the means."""
    one, two = (100 * np.asarray(row[name]) for name in CODES)
    error = (one.var(ddof=1) / len(one) + two.var(ddof=1) / len(two)) ** 0.5
    cells = [f"{row['eta']:.4g}"]
    cells += [f"{found.mean():.2f} ± {found.std():.2f}" for found in (one, two)]
    cells.append(f"{two.mean() - one.mean():+.2f} ± {error:.2f}")
    return "| " + " | ".join(cells) + " |"


def tail_line(row):
    """A row of the second table: medians, and the range, over batches."""
    cells = [
        f"{row['updates']:,}",
        f"{100 * row['accuracy']:.1f} %",
        f"{row['batch']}",
    ]
    for name in CODES:
        found = row[name]
        cells.append(f"{np.median(found):.2f} ({min(found):.2f} to {max(found):.2f})")
    return "| " + " | ".join(cells) + " |"


def show(saved):
    """Print both tables."""
    seeds = len(saved["steps"][0][CODES[0]])
    print(f"\n{seeds} seeds, {saved['evaluations']:,} evaluations each, % ± sd\n")
    print("| η | " + " | ".join(CODES) + " | difference ± s.e. |")
    print("| --- | --- | --- | --- |")
    print("\n".join(step_line(row) for row in saved["steps"]))
    print(
        "\n| exact updates | accuracy | batch | kurtosis: " + " | ".join(CODES) + " |"
    )
    print("| --- | --- | --- | --- | --- |")
    print("\n".join(tail_line(row) for row in saved["tails"]))


def main():
    """Run the study, save it, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test")
    parser.add_argument("--show", action="store_true", help="print the saved results")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    if not asked.show:
        saved = study(asked.quick)
        write_atomically(asked.out, json.dumps(saved, indent=1).encode())
    show(json.loads(asked.out.read_text()))


if __name__ == "__main__":
    main()
