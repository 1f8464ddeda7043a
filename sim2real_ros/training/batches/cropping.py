"""Cut, mirror and stack images into the tensors of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from sim2real_ros.errors import DataError
from sim2real_ros.training.batches.preparation import Pixels
from sim2real_ros.training.batches.sampling import Changes
from sim2real_ros.training.options import Size


@dataclass(frozen=True, eq=False)
class Placed:
    """A prepared image and what is to happen to it.

    Attributes:
        image: RGB uint8 (H, W, 3).
        mask: Class ids, uint8 (H, W), or None.
        changes: Crop and flip, the same for both.
    """

    image: Pixels
    mask: Pixels | None
    changes: Changes


def stacked(images: Sequence[Placed], size: Size, *, pinned: bool) -> torch.Tensor:
    """Return crops of (width, height) ``size``, mirrored where asked for: uint8 (N, H, W, 3).

    Args:
        images: One per place in the batch.
        size: Of the crops.
        pinned: Whether the memory is one that a GPU reads by itself.

    Raises:
        DataError: An image is smaller than the crop.
    """
    out = torch.empty((len(images), size[1], size[0], 3), dtype=torch.uint8, pin_memory=pinned)
    for place, each in zip(out.numpy(), images, strict=True):
        _crop(each.image, size, each.changes, place)
    return out


def stacked_masks(images: Sequence[Placed], size: Size, *, pinned: bool) -> torch.Tensor | None:
    """Return the same crops of the masks: uint8 (N, H, W); None where there are none."""
    if images[0].mask is None:
        return None
    out = torch.empty((len(images), size[1], size[0]), dtype=torch.uint8, pin_memory=pinned)
    for place, each in zip(out.numpy(), images, strict=True):
        assert each.mask is not None
        _crop(each.mask, size, each.changes, place)
    return out


def _crop(image: Pixels, size: Size, changes: Changes, out: Pixels) -> None:
    (width, height), (rows, columns) = size, image.shape[:2]
    if columns < width or rows < height:
        raise DataError(
            f'An image is {columns}x{rows} pixels, expected at least {width}x{height}: it has '
            'changed since the training began.'
        )
    left = int(changes.left * (columns - width + 1))
    top = int(changes.top * (rows - height + 1))
    crop = image[top : top + height, left : left + width]
    if changes.mirrored:
        # OpenCV lets other threads run meanwhile, and numpy takes ten times as long.
        cv2.flip(crop, 1, dst=out)
    else:
        np.copyto(out, crop)
