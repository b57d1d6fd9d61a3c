"""One HTML page of a calibration that needs nothing else, drawn from it alone."""

import shlex
from pathlib import Path

from plexgrad.core.files import write_atomically
from plexgrad.lab.calibrate import Calibration
from plexgrad.report import calibration_plots
from plexgrad.report.page import TEMPLATES
from plexgrad.report.platform_file import write_platform
from plexgrad.report.tune_plot import draw_tune

UNITS = {
    "latency_s": "s",
    "bytes_per_s": "bytes/s",
    "settle_s": "s",
    "drift_per_s": "/s",
}


def write_calibration(found: Calibration, folder: str | Path) -> Path:
    """Write page, data and plots into `folder`; the path of the page."""
    folder = Path(folder)
    found.save(folder)
    write_platform(found, folder)
    calibration_plots.draw_calibration(found, folder / "calibration.png")
    if found.recommendation is not None:
        draw_tune(found.recommendation, folder / "recommendation.png")
    path = folder / "calibration.html"
    write_atomically(path, render_calibration(found, folder).encode())
    return path


def command(found: Calibration, folder: str | Path) -> str:
    """What trains as recommended, in a shell of the place where `folder` is named."""
    words = ["plexgrad", "chip", "train", found.url, *filter(None, [found.task])]
    return shlex.join([*words, "--calibration", str(folder)])


def render_calibration(found: Calibration, folder: str | Path = ".") -> str:
    """The page as text. The same calibration in the same folder gives the same text."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = [
        (title, Markup(svg), said) for title, svg, said in calibration_plots.svgs(found)
    ]
    page = environment.get_template("calibration.html.j2")
    return page.render(
        it=found,
        figures=figures,
        tiles=tiles(found),
        rows=comparison(found),
        parameters=found.capabilities.parameters,
        asked=shlex.join(
            ["plexgrad", "chip", "calibrate", found.url, *filter(None, [found.task])]
        ),
        command=command(found, folder),
    )


def tiles(found: Calibration) -> list[tuple[str, str, str]]:
    """Name, number and note of what matters most."""
    told = [
        (
            "round trip",
            f"{1e3 * found.link.latency_s:.3g} ms",
            f"{found.link.costs_per_s:,.0f} costs per second in calls of "
            f"{found.link.rows}",
        ),
        ("noise of one cost", f"{found.noise.std:.2g}", f"at {found.noise.level:.3g}"),
    ]
    if not found.settling.errors:
        return told
    told += [
        (
            "settled after",
            f"{1e3 * found.settling.settled_s:.3g} ms",
            "from when a write returns",
        ),
        (
            "knobs",
            f"{found.capabilities.parameters:,}",
            f"{len(found.knobs.dead)} dead, {len(found.knobs.saturated)} saturated, "
            f"{len(found.cells.stuck)} stuck"
            + (f", {n} undecided" if (n := len(found.knobs.undecided)) else ""),
        ),
    ]
    if (advice := found.recommendation) is not None:
        told += [
            ("amplitude", f"{advice.amplitude:.3g}", "recommended"),
            ("tau_theta", str(advice.tau_theta), "slots of an update"),
            ("eta", f"{advice.eta:.3g}", f"for {advice.rule}"),
        ]
    return told


def comparison(found: Calibration) -> list[tuple[str, str, str, str, str]]:
    """Capability, declared, measured, verdict and note, as words."""
    return [
        (
            each.name,
            _said(each.declared, each.name),
            _said(each.measured, each.name),
            each.verdict,
            each.note,
        )
        for each in found.compared
    ]


def calibration_lines(found: Calibration) -> list[str]:
    """The calibration in a few lines of text."""
    lines = [f"{name:<20}{value:<14}{note}" for name, value, note in tiles(found)]
    lines += [f"! {sentence}" for sentence in found.faults]
    return lines


def _said(value: float | bool, name: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g} {UNITS.get(name, '')}".strip() if value else "–"
