"""Who watches a simulated run: the terminal, the run's folder, and TensorBoard."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from plexgrad.cli.screen import Screen
from plexgrad.report.event_files import EventFiles
from plexgrad.training import processes
from plexgrad.training.live import Live, steered, together
from plexgrad.training.progress import Progress


class Watchers:
    """One watcher of all; of several processes, the first writes.

    `ended` is the last word of the live record, "failed" unless something else is set.
    """

    def __init__(
        self,
        screen: Screen,
        folder: Path,
        spec: Mapping[str, Any],
        resume: bool,
        tensorboard: bool,
    ) -> None:
        self.screen, self.folder, self.ended = screen, folder, "failed"
        self.about, self.resume = {"task": spec["task"]["name"]}, resume
        self.tensorboard, self.live = tensorboard, None
        self.stack = ExitStack()

    def __enter__(self) -> "Watchers":
        self.stack.enter_context(self.screen)
        self.watch = together(self.screen)
        if processes.first():
            self.live = Live(self.folder, self.about, self.resume)
            files = None
            if self.tensorboard:
                files = self.stack.enter_context(EventFiles(self.folder, self.resume))
            self.watch = together(files, steered(self.live), self.screen)
        return self

    def __call__(self, glance: Progress) -> object:
        """Show a glance to all."""
        return self.watch(glance)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.ended = "stopped"
        if self.live is not None:
            self.live.end(self.ended)
        self.stack.close()
