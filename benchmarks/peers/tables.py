"""The results of a run as Markdown."""

from typing import Any

from peers.cases import BASELINES, case_named
from peers.targets import ratio

LEGEND = """\
Evaluations and updates per second are medians over blocks. x(i) to x(v) are ratios to
the baselines of the same case. GEMM is evaluations per second times the flops of a
dense evaluation over the measured limit, stream the same with 4 P bytes read per
evaluation: an engine that avoids work may pass 100 %. Peak is that of a process which
does one call and nothing else, JAX included. Compilation is short where a row above
compiled the same program."""


def head(results: dict[str, Any]) -> str:
    """What was measured on, and the limits."""
    machine, limits = results["machine"], results["limits"]
    versions = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    by = ", ".join(f"{k} {v / 1e9:.3g}" for k, v in limits["gemm_by"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        f"{', '.join(machine['devices'])}; {versions}.\n\n"
        f"Measured limits: GEMM {limits['gemm_flops'] / 1e9:.3g} GFLOP/s ({by}), "
        f"stream {limits['stream_bytes'] / 1e9:.3g} GB/s. Load before the run: "
        f"{results['load']:.2f}. A process that only imports JAX: "
        f"{_number(limits['import_mb'])} MB."
    )


def case_table(name: str, results: dict[str, Any]) -> str:
    """One case: a row per method, a column per baseline that ran."""
    rows, problem = results["cases"][name], case_named(name).problem
    beside = {
        row["id"]: row
        for row in rows.values()
        if row["kind"] == "baseline" and row["status"] == "ok"
    }
    columns = [
        "method",
        "K",
        "evaluations/s",
        "updates/s",
        *(f"x({name})" for name in BASELINES if name in beside),
        "GEMM",
        "stream",
        "peak MB",
        "compile s",
        "note",
    ]
    limits = results["limits"]
    lines = []
    for method, row in rows.items():
        if row["status"] != "ok":
            blank = ["-"] * (len(columns) - 2)
            if row.get("peak_mb"):
                blank[-2] = _peak(row)
            lines.append([method, *blank, row["status"]])
            continue
        rate = row["evaluations_per_s"]
        lines.append(
            [
                method,
                f"{row['per_update']:.0f}",
                f"{rate:.3g}",
                f"{row['updates_per_s']:.3g}",
                *(
                    _times(ratio(row, beside[key]))
                    for key in BASELINES
                    if key in beside
                ),
                f"{rate * problem.flops / limits['gemm_flops']:.1%}",
                f"{rate * 4 * problem.parameters / limits['stream_bytes']:.1%}",
                _peak(row),
                f"{row['compile_s']:.2g}",
                row["note"],
            ]
        )
    title = (
        f"### {name}\n\nP = {problem.parameters}, batch {problem.batch}, "
        f"{problem.seeds} seed(s), {problem.flops:,} dense flops per evaluation.\n\n"
    )
    return title + markdown(columns, lines)


def target_table(checks: list[dict[str, Any]]) -> str:
    """The targets and their verdicts."""
    lines = [
        [
            check["target"],
            _times(check["measured"]),
            check["verdict"],
            check["with"],
        ]
        for check in checks
    ]
    return markdown(["target", "measured", "verdict", "with"], lines)


def page(results: dict[str, Any]) -> str:
    """The whole run."""
    parts = [f"# Speed, {results['label']}", head(results), LEGEND]
    parts += [case_table(name, results) for name in results["cases"]]
    if results["targets"]:
        parts += ["### Targets", target_table(results["targets"])]
    return "\n\n".join(parts) + "\n"


def markdown(columns: list[str], lines: list[list[str]]) -> str:
    """A table."""
    rule = ["---"] * len(columns)
    return "\n".join(f"| {' | '.join(line)} |" for line in [columns, rule, *lines])


def _times(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:.0f}"


def _peak(row: dict[str, Any]) -> str:
    device = row.get("device_peak_mb")
    more = "" if device is None else f" + {device:.0f} on the device"
    return _number(row.get("peak_mb")) + more
