"""LossSums: means of losses between two lines of the log, without waiting for the device."""

from collections.abc import Mapping

import torch
from lightning_fabric import Fabric

from sim2real_ros.training.stepper import mean_over_processes


class LossSums:
    """Sums of losses by name, on the device; how many went into each is known here.

    They are part of a checkpoint, so the means of a resumed run are those of an uninterrupted one
    to the last bit.

    Attributes:
        counts: Steps that each sum consists of, by name.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._sums: dict[str, torch.Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, losses: Mapping[str, torch.Tensor]) -> None:
        """Add the losses of one step.

        Args:
            losses: Detached scalars by name; the names may change from step to step.
        """
        values = {name: each.detach().float().reshape(()) for name, each in losses.items()}
        known = [name for name in values if name in self._sums]
        if known:
            # One operation for all of them, where the device can do so.
            torch._foreach_add_([self._sums[n] for n in known], [values[n] for n in known])
        for name, value in values.items():
            if name not in self._sums:
                self._sums[name] = value.clone()
            self.counts[name] = self.counts.get(name, 0) + 1

    def take_means(self, fabric: Fabric) -> dict[str, float]:
        """Return the means over steps and processes, and start anew. Waits for the device."""
        sums, counts = self.sums(), self.counts
        self._sums, self.counts = {}, {}
        if not sums:
            return {}
        together = torch.stack(list(sums.values()))
        if fabric.world_size > 1:
            mean_over_processes(together, fabric.world_size)
        values = zip(sums, together.tolist(), strict=True)
        return {name: value / counts[name] for name, value in values}

    def sums(self) -> dict[str, torch.Tensor]:
        """Return the sums by name, float32 scalars on the device, in a fixed order."""
        return dict(sorted(self._sums.items()))

    def load(
        self, sums: Mapping[str, torch.Tensor], counts: Mapping[str, int], device: torch.device
    ) -> None:
        """Take over what a checkpoint kept."""
        self._sums = {name: sums[name].to(device, copy=True) for name in sums if name in counts}
        self.counts = {name: counts[name] for name in self._sums}
