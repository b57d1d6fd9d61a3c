"""The example that wraps a lab's own pair of functions, as it is in the docs."""

import runpy
from pathlib import Path


def test_the_example_trains_a_wrapped_lab(capsys):
    example = Path(__file__).parents[2] / "examples" / "wrap_your_lab.py"
    assert len(example.read_text().splitlines()) <= 50
    found = runpy.run_path(str(example), run_name="__main__")
    light = 1 - found["record"].curves["train_cost"][:, 0]
    assert light[0] < 0.5
    assert light[-1] > 0.9
    assert "4000 readings, finished" in capsys.readouterr().out
