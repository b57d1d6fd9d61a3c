"""`plexgrad tune`: what it prints and leaves, and that its command can be run."""

import json
import shlex


def test_tune_recommends_and_leaves_a_plot(plexgrad, tmp_path):
    words = ("--net", "2-4-1", "--effect", "cost_noise=0.003", "--batch", 4)
    status, out, err = plexgrad("tune", "xor", *words, "--budget", 400)
    assert status == 0, err
    folder = tmp_path / "runs" / "tune-xor"
    assert (folder / "tune.png").read_bytes()[:4] == b"\x89PNG"
    told = json.loads((folder / "tune.json").read_text())
    assert told["measured"]["noise"] > 0
    assert told["command"] in out
    assert "amplitude" in out
    assert "pilot" in err
    command = shlex.split(told["command"])[1:]
    assert command[:2] == ["train", "xor"]
    assert command[command.index("--effect") + 1] == "cost_noise=0.003"
    short = ("--slots", 2000, "--seeds", 1, "--no-backprop", "--quiet")
    status, out, err = plexgrad(*command, *short)
    assert status == 0, err


def test_tune_as_json_prints_nothing_else(plexgrad):
    words = ("xor", "--budget", 300, "--json", "--quiet", "--out", "here")
    status, out, err = plexgrad("tune", *words)
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert told["folder"] == "here"
    assert told["tau_theta"] >= 1
    assert told["spent"] >= 200


def test_tune_complains_in_one_line(plexgrad):
    status, out, err = plexgrad("tune", "xor", "--budget", 10)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "budget must be" in err
