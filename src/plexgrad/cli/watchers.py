"""Who watches a simulated run: the terminal, the run's folder, and TensorBoard."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from plexgrad.cli.screen import Screen
from plexgrad.report.event_files import EventFiles
from plexgrad.training import processes
from plexgrad.training.live import Live, steered, together
from plexgrad.training.progress import Watcher


@contextmanager
def watchers(
    screen: Screen,
    folder: Path,
    spec: Mapping[str, Any],
    resume: bool,
    tensorboard: bool,
) -> Iterator[Watcher]:
    """One watcher of all; of several processes, the first writes."""
    with ExitStack() as stack:
        stack.enter_context(screen)
        if not processes.first():
            yield screen
            return
        live = Live(folder, {"task": spec["task"]["name"]}, resume)
        files = stack.enter_context(EventFiles(folder, resume)) if tensorboard else None
        ended = "failed"
        try:
            yield together(files, steered(live), screen)
            ended = "finished"
        except KeyboardInterrupt:
            ended = "stopped"
            raise
        finally:
            live.end(ended)
