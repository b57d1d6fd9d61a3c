"""One HTML page per study that needs nothing else, drawn from its result alone."""

from pathlib import Path

from plexgrad.core.files import write_atomically
from plexgrad.core.study_result import StudyResult
from plexgrad.report import study_plots, study_words
from plexgrad.report.page import TEMPLATES


def write_study_page(result: StudyResult, folder: str | Path) -> Path:
    """Write `report.html` into `folder`, whole or not at all."""
    path = Path(folder) / "report.html"
    write_atomically(path, render_study(result).encode())
    return path


def render_study(result: StudyResult) -> str:
    """The page as text. The same result gives the same text."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = [(plot, Markup(study_plots.svg(plot))) for plot in result.plots]
    page = environment.get_template("study.html.j2")
    return page.render(
        result=result,
        figures=figures,
        words=study_words,
        scale=study_words.SCALES.get(result.study.get("scale", ""), ""),
    )


def study_lines(result: StudyResult) -> list[str]:
    """The result in a few lines of text: the summary and every verdict."""
    lines = [result.study.get("title", ""), result.summary, ""]
    for verdict in result.verdicts:
        beside = f" (wanted {study_words.target(verdict)}, {verdict.tolerance})"
        lines.append(
            f"{study_words.outcome(verdict):<14}{verdict.claim}: "
            f"{study_words.ours(verdict)}{beside}"
        )
    return lines
