"""One process of the suite: times a case, or measures the memory of one method.

Started by `suite.py` as `python -m peers.worker REQUEST ANSWER`, with the request as
JSON; the answer is written to a file, since libraries may print.
"""

import importlib.util
import json
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from peers.cases import BASELINES, NEEDS, Case, case_named
from peers.timing import Runner, Timed, interleave, peak_mb, warm


def prepare(device: str) -> None:
    """Choose the device, before JAX wakes: "cpu", "gpu", or "auto" for JAX's own."""
    if device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    # As the command line does it: a CPU device per core, to which seeds are dealt.
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    if device == "gpu" and jax.default_backend() != "gpu":
        raise ValueError(f"device must be one that JAX has, got {device!r}")


def cached_compilation(folder: str) -> None:
    """Let the repeats of a run find what its first call compiled."""
    import jax

    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def baseline(case: Case, name: str) -> Callable[[], Runner]:
    """The maker of a baseline; imports its library only when called."""
    import jax

    def make() -> Runner:
        gpu = jax.default_backend() == "gpu"
        if NEEDS.get(name) == "torch":
            from peers import torch_eager

            method = torch_eager.eager if name == "i" else torch_eager.func_vmap
            return method(case.problem, gpu)
        if NEEDS.get(name) == "evosax":
            from peers import evosax_es

            return evosax_es.open_es(case.problem)
        from peers import jax_naive

        return {
            "iii": jax_naive.scan,
            "iii'": jax_naive.stepped,
            "iv": jax_naive.vmapped,
            "iv-s": jax_naive.over_seeds,
        }[name](case.problem)

    return make


def methods(case: Case) -> Iterator[tuple[str, dict[str, Any], Callable[[], Runner]]]:
    """Name, facts and maker of every method of a case, plexgrad's own first."""
    from peers import ours

    for work in case.works:
        for variant in ours.variants():
            # A curve shows what one gets; memory alone is that of the choice.
            if not variant.automatic and (case.curve or not work.timed):
                continue
            facts = {
                "kind": "plexgrad",
                "work": work.name,
                "automatic": variant.automatic,
                "jax_alone": variant.jax_alone,
                "timed": work.timed,
            }

            def make(work: Any = work, variant: Any = variant) -> Runner:
                return ours.runner(case.problem, work, variant)

            yield variant.row(work), facts, make
    for name in case.baselines:
        facts = {"kind": "baseline", "id": name, "timed": True}
        yield f"({name}) {BASELINES[name]}", facts, baseline(case, name)


def wanted(name: str, facts: dict[str, Any], only: list[str]) -> bool:
    """Whether a method is chosen: by its id, or by a word in its name."""
    return not only or any(
        word == facts.get("id") if word in BASELINES else word in name for word in only
    )


def missing(facts: dict[str, Any]) -> bool:
    """Whether the optional library of a baseline is not there."""
    need = NEEDS.get(facts.get("id", ""))
    return need is not None and importlib.util.find_spec(need) is None


def said(error: Exception) -> str:
    """The first line of a complaint, without paths of this machine."""
    line = next(iter(str(error).splitlines()), "")
    return re.sub(r"(?<![\w.])/[\w./-]+", "...", line)[:200]


def time_case(case: Case, request: dict[str, Any]) -> dict[str, Any]:
    """Every method of the case, interleaved."""
    rows: dict[str, dict[str, Any]] = {}
    ready: dict[str, Timed] = {}
    seconds, repeats = request["block_s"], request["repeats"]
    for name, facts, make in methods(case):
        if not wanted(name, facts, request["methods"]):
            continue
        rows[name] = facts
        if not facts["timed"]:
            facts["status"] = "memory only"
            continue
        if missing(facts):
            facts["status"] = "not installed"
            continue
        try:
            ready[name] = warm(make(), repeats, seconds)
        except (TypeError, ValueError) as error:
            ours = facts["kind"] == "plexgrad" and not facts["automatic"]
            facts["status"] = f"{'refused' if ours else 'failed'}: {said(error)}"
        except Exception as error:  # one method must not end the others
            facts["status"] = f"failed: {type(error).__name__}: {said(error)}"
    for name, timed in ready.items():
        choice = ready.get(f"plexgrad {rows[name].get('work')}", timed)
        if timed.guess < choice.guess / 2:
            # It cannot be the best engine: two blocks say enough.
            timed.repeats = min(timed.repeats, 2)
    interleave(list(ready.values()), seconds)
    for name, timed in ready.items():
        rows[name] |= summary(timed)
    return rows


def summary(timed: Timed) -> dict[str, Any]:
    """Rates of a method from its blocks."""
    runner = timed.runner
    rates = [runner.evaluations * calls / spent for calls, spent in timed.blocks]
    median = statistics.median(rates)
    return {
        "status": "ok",
        "evaluations_per_s": median,
        "updates_per_s": median * runner.updates / runner.evaluations,
        "per_update": runner.evaluations / runner.updates,
        "rates": rates,
        "blocks": timed.blocks,
        "compile_s": timed.compile_s,
        "note": runner.note,
    }


def memory(case: Case, method: str) -> dict[str, Any]:
    """Peak memory of a process that does one call of one method and nothing else."""
    import jax

    for name, _, make in methods(case):
        if name == method:
            make().run(1)
            break
    else:
        raise ValueError(f"method must be one of the case {case.name}, got {method!r}")
    stats = jax.devices()[0].memory_stats() or {}
    peak = stats.get("peak_bytes_in_use")
    return {
        "peak_mb": peak_mb(),
        "device_peak_mb": None if peak is None else peak / 1e6,
    }


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What the suite asked for."""
    prepare(request["device"])
    if request["do"] == "limits":
        from peers import limits

        import_mb = peak_mb()
        return {
            **limits.measured(request["quick"]),
            "import_mb": import_mb,
            "machine": limits.machine(),
            "versions": limits.versions(),
        }
    case = case_named(request["case"])
    if request["do"] == "memory":
        return memory(case, request["method"])
    with tempfile.TemporaryDirectory() as folder:
        cached_compilation(folder)
        return time_case(case, request)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(answer(json.loads(sys.argv[1]))))
