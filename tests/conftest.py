"""Strict numerics for every test, and compiled programs kept between test runs."""

import gc
import hashlib
import importlib.metadata
import os
import platform
import signal
import time
from pathlib import Path
from types import ModuleType

KEPT = Path(__file__).parents[1] / ".jax_cache"
KEPT_S = 30 * 24 * 3600
"""How long a program is kept; JAX itself never removes one."""


def _processor():
    """A short word for this processor: its kind, and what it can do."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    told = {line for line in lines if line.startswith(("model name", "flags", "Feat"))}
    kind = [platform.machine(), platform.processor(), *sorted(told)]
    return hashlib.sha256("\n".join(kind).encode()).hexdigest()[:8]


def _keep_compiled_programs():
    """Name JAX's cache in the environment, where workers and children find it.

    A variable of the user's own wins. Programs hold machine code, hence the processor.
    """
    name = f"{importlib.metadata.version('jaxlib')}-{_processor()}"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(KEPT / name))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


OUTSIDE = {"asyncio", "socket", "subprocess", "threading", "time", "zmq"}
"""What a test's file imports if it needs more of the machine than its arithmetic."""

_keep_compiled_programs()  # JAX reads the environment when it is imported

import jax  # noqa: E402
import jaxtyping  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# A shell that starts tests in the background lets them ignore Ctrl-C, nohup a hang-up.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The first example of a shape compiles, so its time says nothing.
settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):
        for file in KEPT.glob("*/*-cache"):
            if time.time() - file.stat().st_mtime > KEPT_S:
                file.unlink()


def pytest_collection_modifyitems(items):
    """Mark as `system` what starts processes, opens sockets or looks at clocks."""
    for item in items:
        used = [v.__name__ for v in vars(item.module).values() if type(v) is ModuleType]
        if OUTSIDE.intersection(used):
            item.add_marker("system")


def pytest_collection_finish():
    """What was imported stays, and need not be searched for garbage again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def own_complaints():
    """Runtime type checks off, as for a user: the product's own messages show."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
