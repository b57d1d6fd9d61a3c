"""Several processes that train as one: who joins, who writes, and what all agree on.

JAX's own distributed runtime carries everything. Process 0 writes files and decides
what depends on the time; whatever is decided is told to all, so that every process
makes the same calls in the same order, and none waits for another in vain.
"""

import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import PyTree

from plexgrad.core.validate import int_at_least, positive_int


def join(coordinator: str, process: int, processes: int) -> None:
    """Make this process number `process` of `processes`; call it before any other.

    `coordinator` is HOST:PORT of process 0, which listens there. All processes must be
    started with the same run. Raises ValueError for numbers that cannot be.
    """
    positive_int("processes", processes)
    int_at_least("process", process, 0, processes - 1)
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"coordinator must be HOST:PORT, got {coordinator!r}")
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        coordinator, processes, process, cluster_detection_method="deactivate"
    )


def broken(error: Exception) -> bool:
    """Whether an error says that the link to another process broke.

    JAX raises RuntimeError or ValueError, with a status word first.
    """
    return count() > 1 and re.match(r"[A-Z_]+: ", str(error)) is not None


def leave(status: int) -> None:
    """End this process at once if it has joined others; else do nothing.

    JAX's own end waits minutes for the others, who may wait for this one. They find
    its connections closed and end too.
    """
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def count() -> int:
    """How many processes train together."""
    return jax.process_count()


def first() -> bool:
    """Whether this is the process that writes files and talks."""
    return jax.process_index() == 0


def fetch(tree: PyTree) -> PyTree:
    """A tree of arrays as NumPy arrays, gathered from other processes where needed."""
    return jax.tree.map(_fetched, tree)


def _fetched(leaf: Any) -> np.ndarray:
    if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
        return np.asarray(leaf)
    if leaf.is_fully_replicated:
        return np.asarray(leaf.addressable_data(0))
    return multihost_utils.process_allgather(leaf, tiled=True)


def told(numbers: list[int]) -> np.ndarray:
    """(processes, numbers): what every process says, in the order of the processes."""
    mine = np.asarray(numbers, np.int32)
    if count() == 1:
        return mine[None]
    return multihost_utils.process_allgather(mine)


def agreed(length: int, due: bool, stop: int) -> tuple[int, bool, int]:
    """Process 0 says how far to go and whether to save; anyone may ask to stop.

    `stop` is 0, or says how; the largest counts.
    """
    said = told([length, due, stop])
    return int(said[0, 0]), bool(said[0, 1]), int(said[:, 2].max())


def share(content: bytes | None) -> bytes | None:
    """What process 0 holds, on all of them."""
    if count() == 1:
        return content
    whole, rest = divmod(-1 if content is None else len(content), 2**30)
    whole, rest = map(int, told([whole, rest])[0])
    if whole < 0:
        return None
    mine = np.zeros(whole * 2**30 + rest, np.uint8)
    if first() and content is not None:
        mine = np.frombuffer(content, np.uint8)
    return multihost_utils.broadcast_one_to_all(mine).tobytes()


def by_first(work: Callable[[], Any]) -> Any:
    """Plain data (or None) that process 0 makes, on all of them.

    What it raises ends all processes alike: the others raise ValueError.
    """
    if count() == 1:
        return work()
    error: Exception | None = None
    answer: dict[str, Any] = {}
    if first():
        try:
            answer = {"made": work()}
        except Exception as found:  # told to all, then raised
            error, answer = found, {"error": str(found)}
    answer = json.loads(share(json.dumps(answer).encode()) or b"{}")
    if error is not None:
        raise error
    if "error" in answer:
        raise ValueError(f"process 0: {answer['error']}")
    return answer["made"]


def refuse_other_run(spec: bytes) -> None:
    """Raise ValueError unless all processes were given the same run."""
    theirs = share(spec)
    same = told([int(theirs == spec)])[:, 0]
    if not same.all():
        raise ValueError(
            "all processes must be given the same run, got another one in process "
            f"{', '.join(str(number) for number in np.flatnonzero(same == 0))}"
        )
