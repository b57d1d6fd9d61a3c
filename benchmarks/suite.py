"""The speed of plexgrad beside its peers, on one machine in one run.

    python benchmarks/suite.py [--case NAME] [--sweep] [--compare FILE]

Every case is timed in a process of its own, all methods of the case interleaved; peak
memory is that of one more short process per method. Results go to
`results/speed-LABEL.json` and `.md`, and with `--sweep` to plots beside them. Nothing
else should run on the machine meanwhile.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from peers import compare, curves, tables
from peers.cases import MAIN, SWEEP, Case
from peers.targets import checked
from peers.worker import said

HERE = Path(__file__).parent
FORMAT = 1
LIMIT_S = 900
"""Seconds after which a process of the suite is given up."""


def asked(request: dict[str, Any]) -> dict[str, Any]:
    """The answer of a process started for this request.

    Raises RuntimeError with its last words if it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "peers.worker", json.dumps(request)]
        try:
            done = subprocess.run(
                [*command, str(answer)],
                cwd=HERE,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"took more than {LIMIT_S} s") from None
        if done.returncode or not answer.is_file():
            words = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
            raise RuntimeError(said(RuntimeError(words[-1])))
        return json.loads(answer.read_text())


def measure_memory(case: Case, rows: dict[str, Any], base: dict[str, Any]) -> None:
    """Put the peak memory into every row of plexgrad's choice and the baselines."""
    names = [
        name
        for name, row in rows.items()
        if row["status"] in ("ok", "memory only") and row.get("automatic", True)
    ]

    def one(name: str) -> dict[str, Any]:
        request = {**base, "do": "memory", "case": case.name, "method": name}
        try:
            return asked(request)
        except RuntimeError as error:
            return {"memory_note": str(error)}

    # Memory does not mind a neighbour, but two processes may not fit on one GPU.
    with ThreadPoolExecutor(2 if base["on_cpu"] else 1) as pool:
        for name, found in zip(names, pool.map(one, names), strict=True):
            rows[name] |= found


def run(options: argparse.Namespace, cases: list[Case]) -> dict[str, Any]:
    """The whole measurement; saved after every case."""
    base = {"device": options.device, "quick": options.quick}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        print(f"The load is {load:.2f}: timings will be noisy.", file=sys.stderr)
    limits = asked({**base, "do": "limits"})
    machine, versions = limits.pop("machine"), limits.pop("versions")
    base["on_cpu"] = machine["backend"] == "cpu"
    results: dict[str, Any] = {
        "format": FORMAT,
        "label": options.label or machine["backend"],
        "quick": options.quick,
        "machine": machine,
        "versions": versions,
        "limits": limits,
        "load": load,
        "cases": {},
        "targets": [],
    }
    print(tables.head(results), flush=True)
    request = {
        **base,
        "do": "time",
        "block_s": 0.02 if options.quick else 0.25,
        "methods": options.methods.split(",") if options.methods else [],
    }
    for case in cases:
        repeats = options.repeats or (2 if options.quick else 3 if case.curve else 5)
        try:
            block_s = min(request["block_s"], 0.1 if case.curve else 1.0)
            more = {"case": case.name, "repeats": repeats, "block_s": block_s}
            rows = asked({**request, **more})
        except RuntimeError as error:
            print(f"\n### {case.name}\n\nfailed: {error}", flush=True)
            results.setdefault("failed", {})[case.name] = str(error)
            continue
        if case.curve is None and not options.no_memory:
            measure_memory(case, rows, base)
        results["cases"][case.name] = rows
        print(f"\n{tables.case_table(case.name, results)}", flush=True)
        save(results, options.out)
    again = asked({**base, "do": "limits"})
    limits["again"] = {name: again[name] for name in limits if name != "import_mb"}
    for name in ("gemm_flops", "stream_bytes"):
        # A limit is the most that was seen; the second look shows how it drifted.
        limits[name] = max(limits[name], again[name])
    results["targets"] = checked(results)
    save(results, options.out)
    return results


def save(results: dict[str, Any], folder: Path) -> Path:
    """Write the JSON, the page and the plots."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"speed-{results['label']}"
    path = folder / f"{stem}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    (folder / f"{stem}.md").write_text(tables.page(results))
    curves.draw(results, folder, stem)
    return path


def load(path: Path) -> dict[str, Any]:
    """A saved run. Raises ValueError if the file does not hold one."""
    try:
        results = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name} must be a saved run: {error}") from error
    if not isinstance(results, dict) or results.get("format") != FORMAT:
        raise ValueError(f"{path.name} must be a saved run of format {FORMAT}")
    return results


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--case", default="", help="only the case of this name, or those with it")
    add("--methods", default="", help="only methods with these words, or ids; a,b,c")
    add("--sweep", action="store_true", help="also the curves against P, K, batch")
    add("--quick", action="store_true", help="a smoke run: short blocks, two repeats")
    add("--repeats", type=int, help="blocks per method (default 5, curves 3)")
    add("--device", default="auto", choices=("auto", "cpu", "gpu"))
    add("--label", help="name of the saved run (default: the backend)")
    add("--out", type=Path, default=HERE / "results", help="folder of the results")
    add("--no-memory", action="store_true", help="skip the memory processes")
    add("--compare", type=Path, help="a saved run to hold beside this one")
    add("--show", type=Path, help="show a saved run instead of measuring")
    add("--list", action="store_true", help="names of the cases")
    options = parser.parse_args()
    if options.repeats is not None and options.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {options.repeats}")
    return options


def main() -> int:
    """Measure or show; 1 if a row became slower than in the run compared with."""
    options = arguments()
    every = [*MAIN, *(SWEEP if options.sweep or options.list else ())]
    word = options.case.lower()
    cases = [case for case in every if case.name.lower() == word] or [
        case for case in every if word in case.name.lower()
    ]
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    try:
        old = load(options.compare) if options.compare else None
        if options.show:
            results = load(options.show)
            results["targets"] = checked(results)
            print(tables.page(results))
        elif not cases:
            raise ValueError(f"--case must name a case of --list, got {options.case!r}")
        else:
            results = run(options, cases)
            print(f"\n### Targets\n\n{tables.target_table(results['targets'])}")
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    if old is None:
        return 0
    found = compare.compared(results, old)
    print(f"\n{compare.comparison_table(found, results, old)}")
    return 1 if compare.regressions(found) else 0


if __name__ == "__main__":
    sys.exit(main())
