"""The objects of a simulated frame, taken from its mask."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import IdImage

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ObjectRegion:
    """One connected region of a mask.

    Attributes:
        top: First row of its box.
        left: First column of its box.
        inside: bool (h, w), which pixels of the box belong to it.
    """

    top: int
    left: int
    inside: Bools


def object_regions(
    mask: IdImage,
    object_ids: Sequence[int] | None,
    size: tuple[int, int],
    min_area_share: float,
) -> list[ObjectRegion]:
    """Find the connected regions of some ids.

    Args:
        mask: uint8 (H, W).
        object_ids: Ids to look at; None = all but 0.
        size: (width, height) to shrink the mask to first.
        min_area_share: Smaller regions, as shares of the image, are left out.
    """
    if (mask.shape[1], mask.shape[0]) != size:
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    ids = [int(i) for i in np.unique(mask) if i] if object_ids is None else object_ids
    min_pixels = max(1, int(min_area_share * mask.size))
    return [region for each in ids for region in _connected(mask == each, min_pixels)]


def _connected(inside: Bools, min_pixels: int) -> Iterator[ObjectRegion]:
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(
        inside.astype(np.uint8), connectivity=8
    )
    for number in range(1, count):
        left, top, width, height, pixels = (int(value) for value in boxes[number])
        if pixels >= min_pixels:
            box = parts[top : top + height, left : left + width]
            yield ObjectRegion(top, left, np.asarray(box == number, np.bool_))
