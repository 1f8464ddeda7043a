"""The projection head of CUT, which turns features at a few places into vectors to compare.

T. Park et al., "Contrastive Learning for Unpaired Image-to-Image Translation" (2020), section 3.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

USUAL_WIDTH = 256
USUAL_PATCHES = 256
EPS = 1e-7


class PatchSampler(nn.Module):
    """Two linear layers per feature map, applied at random places.

    Built at once from the numbers of channels, so that its optimiser and checkpoints do not depend
    on a first batch. ``initialise`` of this room starts its weights as it does a network's.
    """

    def __init__(self, channels: Sequence[int], width: int = USUAL_WIDTH) -> None:
        """Build one head per feature map.

        Args:
            channels: Of each feature map, as a generator's ``feature_channels`` tells them.
            width: Of the vectors.
        """
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(count, width), nn.ReLU(), nn.Linear(width, width))
            for count in channels
        )

    def forward(
        self,
        features: Sequence[torch.Tensor],
        patches: int = USUAL_PATCHES,
        places: Sequence[torch.Tensor] | None = None,
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Sample each feature map and project the samples to the unit sphere.

        Args:
            features: One (N, C, h, w) per head.
            patches: Number of places per map, at most h * w; drawn without replacement, the same
                ones for all images of a batch.
            places: Indices into h * w per map, to look where another call looked.

        Returns:
            Vectors (N, places, width) of length 1 per map, and the places, int64 (places,).
        """
        if places is None:
            places = [_draw(each, patches) for each in features]
        vectors = [
            _unit_length(head(each.flatten(2)[:, :, where].transpose(1, 2)))
            for head, each, where in zip(self.heads, features, places, strict=True)
        ]
        return vectors, list(places)


def _draw(features: torch.Tensor, patches: int) -> torch.Tensor:
    count = features.shape[2] * features.shape[3]
    return torch.randperm(count, device=features.device)[:patches]


def _unit_length(vectors: torch.Tensor) -> torch.Tensor:
    # In float32 even where the layers compute in less: cosines near 1 are what the loss compares.
    return functional.normalize(vectors.float(), dim=2, eps=EPS)
