"""Semantic consistency: a segmenter must find the sim image's labels in the translated one.

After CyCADA (Hoffman 2018), where a segmenter that was trained on labelled source images judges
the translations. Ours is small, learns during the run, and sees its images in random colours:
otherwise it would call wrong every colour that the sim does not have, and hold back what the
translation is for.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sim2real_ros.errors import DataError
from sim2real_ros.training.losses.region import Region, at_least_float32

NOT_LABELLED = 255
"""Class id that no loss looks at."""

_MAX_GAIN_CHANGE, _MAX_OFFSET = 0.5, 0.3


class Segmenter(nn.Module):
    """Small encoder and decoder: (N, 3, H, W), -1..1, any size, to class logits (N, K, H, W).

    Three levels, group norm (no statistics over a batch, of which there is often only one image),
    skip connections by addition; about 100,000 weights with 32 filters.
    """

    def __init__(self, classes: int, filters: int = 32) -> None:
        """Build it with torch's own initial weights.

        Args:
            classes: Number of class ids.
            filters: Channels of the first level, a multiple of 4; the others have twice as many.
        """
        super().__init__()
        self.first = _block(3, filters, stride=2)
        self.second = _block(filters, 2 * filters, stride=2)
        self.third = nn.Sequential(
            _block(2 * filters, 2 * filters, stride=1, dilation=2),
            _block(2 * filters, 2 * filters, stride=1, dilation=4),
        )
        self.narrow = nn.Conv2d(2 * filters, filters, 1)
        self.last = nn.Sequential(
            _block(filters, filters, stride=1), nn.Conv2d(filters, classes, 1)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits of the image's own size."""
        fine = self.first(image)
        coarse = self.second(fine)
        coarse = self.narrow(coarse + self.third(coarse))
        joined = fine + _resized(coarse, fine.shape[-2:])
        logits: torch.Tensor = self.last(joined)
        return _resized(logits, image.shape[-2:])


def _block(inputs: int, outputs: int, *, stride: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation),
        nn.GroupNorm(4, outputs),
        nn.ReLU(),
    )


def _resized(x: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    resized: torch.Tensor = functional.interpolate(
        x, tuple(shape), mode='bilinear', align_corners=False
    )
    return resized


def random_colours(image: torch.Tensor) -> torch.Tensor:
    """Give every channel of every image a random gain (0.5..1.5) and offset (-0.3..0.3).

    Args:
        image: (N, 3, H, W), -1..1.

    Returns:
        Likewise, clamped to -1..1. The random numbers are the CPU's, alike on every device.
    """
    drawn = torch.rand(2, len(image), image.shape[1], 1, 1) * 2 - 1
    changes = drawn.to(image.device, image.dtype, non_blocking=True)
    return (image * (1 + _MAX_GAIN_CHANGE * changes[0]) + _MAX_OFFSET * changes[1]).clamp(-1, 1)


def labelled_cross_entropy(
    logits: torch.Tensor, mask: torch.Tensor, region: Region | None = None
) -> torch.Tensor:
    """Return the mean cross entropy over the labelled pixels of the region.

    Args:
        logits: (N, K, H, W).
        mask: Class ids, int64 (N, H, W); ``NOT_LABELLED`` and ids beyond K do not count.
        region: Where to look; None = everywhere.

    Returns:
        Scalar; 0 where nothing is labelled.
    """
    logits = at_least_float32(logits)
    known = (mask >= 0) & (mask < logits.shape[1])
    # cross_entropy itself would end a CUDA process over an unknown id.
    target = torch.where(known, mask, NOT_LABELLED)
    losses = functional.cross_entropy(logits, target, ignore_index=NOT_LABELLED, reduction='none')
    weights = known[:, None].to(logits)
    chosen = None if region is None else region.weights(mask.shape[-2], mask.shape[-1], logits)
    if chosen is not None:
        weights = weights * chosen
    total = weights.sum()
    return (losses[:, None] * weights).sum() / torch.where(total > 0, total, 1)


def checked_mask(mask: torch.Tensor | None, classes: int) -> torch.Tensor:
    """Return the mask if it is one that ``classes`` ids describe.

    Waits for the device: meant for the first batch of a run.

    Raises:
        DataError: There is no mask, or it has ids that are no class.
    """
    mask = present(mask)
    wrong = mask[(mask != NOT_LABELLED) & ((mask < 0) | (mask >= classes))]
    if wrong.numel():
        raise DataError(
            f'a mask has the class id {int(wrong.max())}, expected 0..{classes - 1} or '
            f'{NOT_LABELLED} (not labelled); set extra_losses.semantic_classes to the number of '
            'classes'
        )
    return mask


def present(mask: torch.Tensor | None) -> torch.Tensor:
    """Return the mask.

    Raises:
        DataError: It is None.
    """
    if mask is None:
        raise DataError(
            'extra_losses.semantic_weight needs masks of the simulated images, found none; '
            'give data.masks, or set semantic_weight to 0'
        )
    return mask
