"""Golden records: results of studies kept in a repository, as data, plot and words.

`FOLDER/NAME/` gets `result.json`, `plot.png` and `README.md`, and `FOLDER/README.md` an
index of all of them; both pages are made from the results alone.
"""

from pathlib import Path

from plexgrad.core.files import write_atomically
from plexgrad.core.study_result import StudyResult, Table
from plexgrad.report import study_plots, study_words

INDEX = """# Studies

Figures and tables of the papers, made again by `plexgrad study NAME --scale SCALE`.
This page is made from the results beside it, by

```
plexgrad study --index docs/studies
```

"""


def write_golden(result: StudyResult, folder: str | Path) -> Path:
    """Keep a result under `folder`; the folder it got."""
    place = Path(folder) / result.study["name"]
    result.save(place)
    if result.plots:
        write_atomically(place / "plot.png", study_plots.png(result.plots))
    write_atomically(place / "README.md", _page(result).encode())
    return place


def write_index(folder: str | Path) -> Path:
    """Write `README.md` in `folder` from all results there, and their pages again."""
    results = [
        StudyResult.load(path) for path in sorted(Path(folder).glob("*/result.json"))
    ]
    if not results:
        raise FileNotFoundError(f"no result of a study below {folder}")
    rows = []
    for result in results:
        write_golden(result, folder)
        name = result.study["name"]
        rows.append(
            [
                f"[{name}]({name}/README.md)",
                result.study["title"],
                result.study["scale"],
                study_words.tally(result),
                study_words.cell(result.facts.get("evaluations")),
                dict(study_words.facts(result))["time of all cells"],
            ]
        )
    names = ("study", "what", "scale", "verdicts", "cost evaluations", "time")
    path = Path(folder) / "README.md"
    text = INDEX + "\n".join(_markdown(Table("", names, rows))) + "\n"
    write_atomically(path, text.encode())
    return path


def _page(result: StudyResult) -> str:
    about, words = result.study, study_words
    lines = [
        f"# {about['title']}",
        "",
        result.summary,
        "",
        f"After {about['source']}. {words.SCALES[about['scale']]}",
        "",
    ]
    if result.verdicts:
        rows = [
            [words.outcome(v), v.claim, words.target(v), words.ours(v), v.tolerance]
            for v in result.verdicts
        ]
        names = ("verdict", "claim", "wanted", "ours", "tolerance")
        lines += [f"## Verdicts: {words.tally(result)}", ""]
        lines += [*_markdown(Table("", names, rows)), ""]
    if result.plots:
        lines += ["![Filled: ours. Hollow: the paper's. Dashed: theory.](plot.png)", ""]
        lines += [f"- **{p.title}.** {p.caption}" for p in result.plots if p.caption]
        lines += [""]
    for table in result.tables:
        lines += [f"## {table.title}", "", *_markdown(table), ""]
        lines += [table.note, ""] if table.note else []
    if result.notes:
        lines += ["## What differs from the paper", ""]
        lines += [*(f"- {note}" for note in result.notes), ""]
    lines += ["## How it was made", ""]
    lines += [f"- {name}: `{value}`" for name, value in words.facts(result)]
    return "\n".join(lines) + "\n"


def _markdown(table: Table) -> list[str]:
    lead = study_words.words(table)
    rules = ["---" if n < lead else "--:" for n in range(len(table.columns))]
    rows = [[study_words.cell(value) for value in row] for row in table.rows]
    heads = [study_words.head(column) for column in table.columns]
    return [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        for row in (heads, rules, *rows)
    ]
