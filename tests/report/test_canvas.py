"""Figures: what comes out; a user's matplotlib is neither heard nor changed."""

import os
import subprocess
import sys

import matplotlib
import pytest

from plexgrad.report import canvas

HEADS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def line(axes):
    axes.plot([0, 1], [1, 0], color=canvas.FIRST, label="$fall$")
    axes.legend()


@pytest.mark.parametrize("form", HEADS)
def test_an_image_is_of_the_form_that_was_asked_for(form):
    made = canvas.image(lambda figure: line(figure.subplots()), (3, 2), form=form)
    assert made.startswith(HEADS[form])


def test_the_same_drawing_gives_the_same_bytes():
    made = [canvas.draw(line, "one", "A fall") for _ in range(2)]
    assert made[0] == made[1]
    assert "$fall$" in made[0]


def test_a_users_style_is_neither_heard_nor_changed():
    plain = canvas.draw(line, "one", "A fall")
    with matplotlib.rc_context({"lines.linewidth": 17.0, "axes.grid": False}):
        assert canvas.draw(line, "one", "A fall") == plain
        assert matplotlib.rcParams["lines.linewidth"] == 17.0


@pytest.mark.parametrize("backend", ["module://no_such_module.inline", "no-such"])
def test_a_backend_that_is_not_installed_does_not_matter(backend):
    script = (
        "import os; from plexgrad.report import canvas\n"
        "made = canvas.image(lambda f: f.subplots().plot([0, 1]), (3, 2))\n"
        "print(len(made) > 1000, os.environ['MPLBACKEND'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "MPLBACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["True", backend], done.stderr
