"""One HTML page per record that needs nothing else: style and figures are inside."""

from pathlib import Path
from typing import Any

from plexgrad.core.files import write_atomically
from plexgrad.core.record import Record
from plexgrad.report import confusion, facts, plots, tables
from plexgrad.report.numbers import Spread, level_with_sd, seconds, short, spread
from plexgrad.report.rerun import rerun
from plexgrad.report.sentence import sentence

TEMPLATES = Path(__file__).parent / "templates"


def write_page(record: Record, folder: str | Path) -> Path:
    """Write `report.html` into `folder`, whole or not at all."""
    path = Path(folder) / "report.html"
    write_atomically(path, render(record).encode())
    return path


def render(record: Record) -> str:
    """The page as text. The same record gives the same text."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        # Names of tasks and classes come from outside and must stay text.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = {
        name: Markup(svg)  # drawn here, and its text is escaped
        for name, paint in _FIGURES.items()
        if (svg := paint(record)) is not None
    }
    page = environment.get_template("report.html.j2")
    return page.render(figures=figures, **_context(record))


_FIGURES = {
    "updates": plots.by_updates,
    "evaluations": plots.by_evaluations,
    "seconds": plots.by_seconds,
    "knobs": plots.knob_values,
    "cost": plots.cost,
    "angle": plots.angle,
    "confusion": confusion.heat_map,
}


def _context(record: Record) -> dict[str, Any]:
    metric = facts.headline_metric(record)
    return {
        "task": facts.task(record),
        "status": record.status,
        "sentence": sentence(record),
        "rerun": rerun(record),
        "warnings": facts.warnings(record),
        "tiles": _tiles(record, metric),
        "metric": facts.label(metric) if metric else "result",
        "method": facts.method(record),
        "reference": record.reference is not None,
        "several": facts.seeds(record) > 1,
        "quartiles": facts.seeds(record) >= 4,
        "some_knobs": len(facts.knobs(record)) < record.extra.get("parameters", 0),
        "law": "cosine_law" in record.extra,
        "batch": record.spec.get("batch"),
        "tables": {
            "metrics": tables.metrics(record),
            "comparison": tables.comparison(record),
            "price": tables.price(record),
            "evaluations": tables.evaluations(record),
            "throughput": tables.throughput(record),
            "settings": tables.settings(record),
            "versions": tables.versions(record),
            "mistakes": tables.mistakes(record),
            "divergence": tables.divergence(record),
        },
        "source": record.extra.get("source"),
    }


def _tiles(record: Record, metric: str | None) -> list[dict[str, str]]:
    """The big numbers: what each is, the number, what to know about it."""
    tiles = []
    for kind, (name, each) in zip(
        ("first", "second"), facts.methods(record), strict=False
    ):
        over = spread(each.final.get(metric or "", []))
        if metric is None or not over.seeds:
            continue
        value, plus, rest = level_with_sd(metric, over).partition(" ±")
        note = f"{facts.label(metric)}, {_of_seeds(over)}"
        tiles.append(_tile(name, value, note, kind, plus + rest))
    counted, speed = record.evaluations, record.throughput
    if "per_seed" in counted:
        note = (
            f"per seed, {short(counted['total'])} in all" if "total" in counted else ""
        )
        tiles.append(_tile("evaluations", short(counted["per_seed"]), note))
    if "evaluations_per_s" in speed:
        note = "all seeds together"
        if "seconds" in speed:
            note = f"for {seconds(speed['seconds'])}, {note}"
        value = short(speed["evaluations_per_s"])
        tiles.append(_tile("evaluations per second", value, note))
    return tiles


def _tile(
    name: str, value: str, note: str, kind: str = "", rest: str = ""
) -> dict[str, str]:
    return {"name": name, "value": value, "note": note, "kind": kind, "rest": rest}


def _of_seeds(over: Spread) -> str:
    if over.seeds == 1:
        return "one seed"
    some = over.seeds if over.finite == over.seeds else f"{over.finite} of {over.seeds}"
    return f"mean ± sd of {some} seeds"
