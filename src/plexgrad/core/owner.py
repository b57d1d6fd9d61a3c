"""Who a process is, so that it can be named, and told from one that has ended.

A process number alone is used again; with the time at which the process began, in ticks
since the machine did, and the machine's own start it is not. No wall clock is asked.
"""

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def born(pid: int) -> str:
    """When a process of this machine began, in ticks; "" if gone or not known.

    A number that another process has got since is told apart by it.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *rest = text.rpartition(")")[2].split()
    return "" if state == "Z" else rest[18]


def booted() -> str:
    """Which start of this machine it is; "" if not known."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def this_process() -> dict[str, Any]:
    """What `lives` needs to know this process again, and people to name it."""
    pid = os.getpid()
    return {
        "pid": pid,
        "born": born(pid),
        "boot": booted(),
        "host": platform.node(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def lives(owner: Mapping[str, Any]) -> bool | None:
    """Whether that process lives; None if it is another machine's, or nobody's."""
    pid = owner.get("pid")
    if owner.get("host") != platform.node() or type(pid) is not int or pid < 1:
        return None
    if owner.get("boot") and booted() and owner["boot"] != booted():
        return False
    if owner.get("born"):
        return born(pid) == owner["born"]
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def named(owner: Mapping[str, Any]) -> str:
    """A process in words."""
    pid, host = owner.get("pid", "?"), owner.get("host", "?")
    return f"process {pid} on {host}, since {owner.get('started', '?')}"
