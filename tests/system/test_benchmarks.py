"""The benchmark suite: one small case end to end, fair baselines, the comparison."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CASE = "49-4-4 one net"
OURS, SCAN = "plexgrad full-rank K=2", "(iii) JAX scan"


def suite(*arguments):
    command = [sys.executable, str(BENCHMARKS / "suite.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A quick run of one case, saved."""
    folder = tmp_path_factory.mktemp("results")
    arguments = ("--quick", "--device", "cpu", "--case", CASE, "--methods")
    done = suite(*arguments, "plexgrad,iii", "--out", folder, "--label", "a")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_a_quick_run_saves_rates_memory_and_verdicts(folder):
    results = json.loads((folder / "speed-a.json").read_text())
    rows = results["cases"][CASE]
    assert {OURS, SCAN} <= set(rows)
    for name in (OURS, SCAN):
        row = rows[name]
        assert row["status"] == "ok"
        assert row["evaluations_per_s"] > 0
        assert row["evaluations_per_s"] == pytest.approx(2 * row["updates_per_s"])
        assert len(row["rates"]) == len(row["blocks"]) == 2
        assert 50 < row["peak_mb"] < 2000
    assert results["limits"]["gemm_flops"] > 1e8
    assert results["limits"]["stream_bytes"] > 1e8
    checks = {check["target"]: check for check in results["targets"]}
    times = checks[f"{CASE}, full-rank K=2: at least 10 times {SCAN}"]
    assert times["measured"] > 0
    assert times["verdict"] in ("met", "missed")
    assert any("best engine" in name for name in checks)
    assert SCAN in (folder / "speed-a.md").read_text()


@pytest.mark.slow
def test_the_comparison_flags_what_became_slower_than_the_machine_did(folder):
    saved = folder / "speed-a.json"
    same = suite("--show", saved, "--compare", saved)
    assert same.returncode == 0, same.stderr
    assert "0 regression(s)" in same.stdout

    def slowed(label, *methods):
        results = json.loads(saved.read_text())
        for name in methods:
            row = results["cases"][CASE][name]
            row["rates"] = [rate / 9 for rate in row["rates"]]
            row["evaluations_per_s"] /= 9
        path = folder / f"{label}.json"
        path.write_text(json.dumps(results))
        return path

    worse = suite("--show", slowed("worse", OURS), "--compare", saved)
    assert worse.returncode == 1
    assert "**slower**" in worse.stdout
    assert "1 regression(s)" in worse.stdout
    every = json.loads(saved.read_text())["cases"][CASE]
    ran = [name for name, row in every.items() if row["status"] == "ok"]
    machine = suite("--show", slowed("machine", *ran), "--compare", saved)
    assert machine.returncode == 0, machine.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--case", "no such case"), "--case must name a case"),
        (("--show", "nothing.json"), "must be a saved run"),
        (("--quick", "--repeats", "0"), "--repeats must be at least 1"),
    ],
)
def test_bad_arguments_are_refused(arguments, said):
    done = suite(*arguments)
    assert done.returncode != 0
    assert said in done.stderr


def test_every_target_names_a_case_a_work_and_a_baseline_of_the_suite():
    script = """
from peers.cases import case_named
from peers.targets import TARGETS
for target in TARGETS:
    case = case_named(target.case)
    assert target.work in [work.name for work in case.works], target
    assert not target.against or target.against in case.baselines, target
"""
    check(script)


def test_baselines_compute_the_same_network_and_descend():
    script = """
import importlib.util
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from peers import jax_naive, ours
from peers.cases import CNN, LETTERS, MLP, XOR, Work

def installed(name):
    return importlib.util.find_spec(name) is not None

for problem in (XOR, LETTERS, MLP, CNN):
    net = ours.network(problem)
    assert net.parameters == problem.parameters, problem
    layers = tuple((jnp.asarray(w), jnp.asarray(b) + 0.1) for w, b in problem.layers())
    x, y = (jnp.asarray(part) for part in problem.samples(3))
    theirs = jax_naive.outputs(problem, layers, x)
    np.testing.assert_allclose(theirs, net(layers, x), atol=1e-5)
assert ours.network(CNN) == type(ours.network(CNN)).fashion_mnist()

problem = replace(LETTERS, learning_rate=0.05, seeds=2)
runners = {
    "iii": (jax_naive.scan(problem), 1),
    "iii'": (jax_naive.stepped(problem), 100),
    "iv": (jax_naive.vmapped(problem), 1),
    "iv-s": (jax_naive.over_seeds(problem), 40),
}
if installed("torch"):
    from peers import torch_eager
    runners["i"] = torch_eager.eager(problem), 100
    runners["ii"] = torch_eager.func_vmap(problem), 200
if installed("evosax"):
    from peers import evosax_es
    runners["v"] = evosax_es.open_es(replace(problem, learning_rate=0.01)), 1
for name, (runner, calls) in runners.items():
    before = runner.cost()
    runner.run(calls)
    assert runner.cost() < before - 1e-3, name
mine = ours.runner(problem, Work("", "Rademacher", 2), ours.Variant())
mine.run(1)
before = mine.cost()
mine.run(4000)
assert mine.cost() < before - 1e-3
"""
    check(script)


def check(script):
    """Run Python in the folder of the benchmarks, as the suite's workers do."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
