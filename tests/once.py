"""What is made once, for all tests and for all workers of pytest-xdist."""

import os
import time

from tests.children import PATIENCE_S


def made_once(tmp_path_factory, name, make):
    """A folder that `make` fills, once for all workers of pytest-xdist."""
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name
    try:
        folder.mkdir()
    except FileExistsError:
        until = time.monotonic() + PATIENCE_S
        while not (folder / "made").exists() and time.monotonic() < until:
            time.sleep(0.1)
        return folder
    try:
        make(folder)
    finally:
        (folder / "made").touch()
    return folder
