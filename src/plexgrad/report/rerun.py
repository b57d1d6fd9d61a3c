"""How a run is made again, as a command that can be pasted into a shell."""

import shlex

from plexgrad.core.record import Record
from plexgrad.report.facts import part

RECORD = (
    "The record beside this page holds every setting and the key. In the folder of "
    "both, this makes the same run:"
)
DEVICE = "On the same device, where its URL is the same, this makes such a run again:"

OPTIONS = {
    "--slots": ("slots",),
    "--batch": ("batch",),
    "--sampling": ("sampling",),
    "--reference": ("estimator", "reference"),
    "--code": ("estimator", "code", "kind"),
    "--amplitude": ("estimator", "code", "amplitude"),
    "--tau-p": ("clock", "tau_p"),
    "--tau-x": ("clock", "tau_x"),
    "--tau-theta": ("clock", "tau_theta"),
}
"""Options of `plexgrad chip train` by their place in a record's spec."""


def rerun(record: Record) -> tuple[str, str] | None:
    """Words and a command; None where no command says all that the record does."""
    spec, chip = record.spec, part(record.spec, "chip")
    if chip.get("kind") != "Lab":
        return RECORD, "plexgrad train --from record.json"
    rule, task = part(spec, "rule"), part(spec, "task").get("name")
    rate = part(rule, "options").get("learning_rate")
    key = spec.get("key")
    plain = rule.get("name") == "sgd" and isinstance(rate, int | float)
    if not isinstance(key, list) or len(key) != 2 or key[0]:
        return None
    if not (chip.get("url") and plain and len(part(rule, "options")) == 1):
        return None
    words = ["plexgrad", "chip", "train", str(chip["url"])]
    words += [] if task == "cost" else [str(task)]
    for option, place in OPTIONS.items():
        value = part(spec, *place[:-1]).get(place[-1])
        words += [] if value is None else [option, str(value)]
    words += ["--key", str(key[1]), "--eta", str(rate)]
    return DEVICE, shlex.join(words)
