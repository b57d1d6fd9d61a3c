"""What chips in this process share: nothing is saved by fusing, a step is two calls."""

from typing import Any

from plexgrad.lab.device import Measurement, Shown
from plexgrad.lab.perturbations import Perturbations, Update


class InProcess:
    """Gives `Steps` to a device that measures and applies updates."""

    def step(
        self: Any, update: Update | None, perturbations: Perturbations, shown: Shown
    ) -> Measurement:
        """Apply an update, then measure."""
        if update is not None:
            self.update(update)
        return self.measure(perturbations, shown)
