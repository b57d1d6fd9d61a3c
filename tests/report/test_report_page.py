"""The page: needs nothing from elsewhere, is sound HTML, says what its record says."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from plexgrad.core.record import Record
from plexgrad.report import write_page
from plexgrad.report.page import render

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Checker(HTMLParser):
    """Collects text, ids and attributes; fails on a tag that does not match."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.tags, self.text = [], [], [], []
        self.attributes = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def check(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids)), "an id stands twice"
    assert "script" not in checker.tags
    return checker


def says(html: str) -> str:
    return " ".join(" ".join(check(html).text).split())


@pytest.fixture(scope="module")
def page(make_record):
    return render(make_record())


def test_page_loads_nothing(page):
    checker = check(page)
    loading = {"src", "href", "xlink:href", "srcset", "data", "action", "poster"}
    links = [value for name, value in checker.attributes if name in loading]
    assert all(value.startswith("#") for value in links)
    assert "://" not in page
    assert "@import" not in page
    urls = re.findall(r"url\(([^)]*)\)", page)
    assert urls
    assert all(url.startswith("#") for url in urls)
    assert {url[1:] for url in [*urls, *links]} <= set(checker.ids)


def test_page_says_what_the_record_says(page, make_record):
    text, record = says(page), make_record()
    for words in (
        "digits",
        "A 64–32–10 MLP with 2,410 parameters on a simulated chip, trained by weight "
        "perturbation (Rademacher code, amplitude 0.01, antithetic reference) for "
        "400,000 slots, in 1,562 updates by adam, one every 256 slots. "
        "Repeated with 8 seeds.",
        "mean ± sd of 8 seeds",
        "6,400,000",
        "1.25 M",
        "theory, 72°",
        "has a backward pass beside it",
        "plexgrad train --from record.json",
        "as scikit-learn ships them",
        "2 cores of an x86-64 server",
        "estimator.code.amplitude",
    ):
        assert words in text
    accuracy = record.final["test_accuracy"]
    assert f"{100 * accuracy.mean():.1f} ± {100 * accuracy.std(ddof=1):.1f} %" in text
    assert f"{100 * record.reference.final['test_accuracy'].mean():.1f}" in text
    assert "diverged" not in text
    assert "Stopped" not in text


def test_figures_follow_the_theme(page):
    """No stand-in colour of the canvas is left in a figure."""
    assert "var(--first)" in page
    assert "prefers-color-scheme: dark" in page
    assert re.search(r"#[01][0-9a-f]{5}[;\"]", page.split("</style>")[1]) is None
    assert "DejaVu" not in page


def test_the_same_record_gives_the_same_page(page, make_record, tmp_path):
    assert render(make_record()) == page
    record = make_record()
    record.save(tmp_path)
    assert render(Record.load(tmp_path)) == page


def test_page_is_written_beside_the_record(make_record, tmp_path):
    path = write_page(make_record(points=3, seeds=1, reference=False), tmp_path / "run")
    assert path == tmp_path / "run" / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_names_stay_text(make_record):
    evil = "</title><script>alert(1)</script><!-- \"' $\\frac$ & 日本 -->"
    record = make_record(points=4)
    record.spec["task"]["name"] = evil
    record.spec["estimator"]["kind"] = evil
    record.extra.update(source=evil, machine=evil)
    record.extra["classes"] = [f"<b>&$x${index}" for index in range(9)] + [evil]
    html = render(record)
    assert "<script" not in html
    text = says(html)
    assert text.count(evil) > 5
    assert text.count("<b>&$x$7") >= 2


def test_trouble_stands_on_top(make_record):
    record = make_record(status="stopped", diverged={"3": 12800}, points=20)
    record.final["test_accuracy"] = record.final["test_accuracy"].copy()
    record.final["test_accuracy"][3] = np.nan
    record.curves["test_accuracy"][4:, 3] = np.nan
    text = says(render(record))
    assert "1 of 8 seeds diverged: seed 3 at slot 12,800." in text
    assert "Stopped early. Scores are those of the last point, slot 399,872." in text
    assert "mean ± sd of 7 of 8 seeds" in text
    assert text.index("Stopped") < text.index("How it learned")


@pytest.mark.parametrize(
    "missing",
    ["confusion", "classes", "cosine_law", "parameters", "source", "everything"],
)
def test_extra_parts_may_be_missing(make_record, missing):
    record = make_record(points=5, seeds=2, reference=False)
    if missing == "everything":
        record.extra = {}
    record.extra.pop(missing, None)
    check(render(record))


def test_one_seed_without_a_seed_axis(make_record):
    record = make_record(points=30, seeds=1, reference=False)
    record.curves = {name: values.ravel() for name, values in record.curves.items()}
    text = says(render(record))
    assert "One seed." in text
    assert "±" not in text.split("Final metrics")[0]


def test_curves_without_a_number(make_record):
    record = make_record(points=5, seeds=3)
    for name in ("test_accuracy", "test_cost", "train_cost", "gradient_cosine"):
        record.curves[name] = np.full((5, 3), np.nan)
    record.final = {name: np.full(3, np.nan) for name in record.final}
    assert "n/a" in says(render(record))


def test_curves_that_vanish_after_the_start(make_record):
    record = make_record(points=5, seeds=3, reference=False)
    for name in ("test_accuracy", "test_cost", "train_cost", "gradient_cosine"):
        record.curves[name][1:] = np.nan
    check(render(record))


@pytest.mark.parametrize("points", [1, 2])
def test_very_few_points(make_record, points):
    check(render(make_record(points=points)))


def test_a_task_with_a_cost_only(make_record):
    record = make_record(points=5, reference=False)
    del record.final["test_accuracy"], record.curves["test_accuracy"]
    record.extra["confusion"] = None
    text = says(render(record))
    assert "test cost, mean ± sd of 8 seeds" in text
    assert "Confusion matrix" not in text


def test_many_classes_and_many_seeds(make_record):
    record = make_record(points=4, seeds=40)
    record.extra["confusion"] = (90 * np.eye(50, dtype=int) + 1).tolist()
    record.extra["classes"] = [f"a long class name {index}" for index in range(50)]
    check(render(record))


def test_an_empty_record_is_still_a_page():
    empty = Record(
        spec={}, final={}, curves={}, evaluations={}, throughput={}, versions={}
    )
    assert "unnamed task" in says(render(empty))


def test_import_is_light():
    """The plotting library is imported when something is drawn, not before."""
    code = (
        "import sys, plexgrad.report; "
        "print([m for m in ('matplotlib', 'jinja2') "
        "if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
