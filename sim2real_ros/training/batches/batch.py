"""Batch: what one training step looks at."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class Batch:
    """Images of both domains, on the device that trains.

    Attributes:
        sim: Source images, float32 (N, 3, H, W), RGB, -1..1.
        real: Target images, likewise; of equal size, and of the same scenes where data is paired.
        sim_mask: Class ids of ``sim``, int64 (N, H, W), 255 = not labelled; None = no masks.
    """

    sim: torch.Tensor
    real: torch.Tensor
    sim_mask: torch.Tensor | None = None
