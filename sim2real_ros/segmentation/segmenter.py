"""Segmenter: what turns box prompts into masks, whatever does the work."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ImageError
from sim2real_ros.segmentation.box_shape import Mask, Rect, pixel_rect

RgbImage = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoxMask:
    """The mask of one box.

    Attributes:
        mask: bool, (H, W) of the image, True on the object.
        fallback: Why this is no real segmentation but a shape made from the box; '' where it is.
    """

    mask: Mask
    fallback: str = ''


class Segmenter(Protocol):
    """Finds the object inside of each box. May be used by several threads at a time."""

    def segment(self, rgb: RgbImage, boxes_px: Boxes) -> Iterator[BoxMask]:
        """Segment one image.

        Masks come one by one, because hundreds of them at the size of a large image would fill
        the memory.

        Args:
            rgb: uint8 (H, W, 3), RGB, of any size.
            boxes_px: float, (N, 4): x_min, y_min, x_max, y_max in pixels, edges and not pixel
                centres. Each has a pixel inside the image.

        Yields:
            One result per box, in their order.

        Raises:
            ImageError: The arrays are of another kind.
            BackendError: The runtime failed.
            ModelError: A model gave something else than its signature promises.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return all that its masks depend on besides the image: name, settings, checksums."""
        ...


def checked_rects(rgb: RgbImage, boxes_px: Boxes) -> list[Rect]:
    """Check the input of ``Segmenter.segment`` and return the pixels of each box.

    Raises:
        ImageError: An array has a wrong dtype or shape, or a box has no pixel in the image.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ImageError(f'image is {rgb.dtype} {rgb.shape}, expected uint8 RGB (H, W, 3)')
    if boxes_px.ndim != 2 or boxes_px.shape[1] != 4:
        raise ImageError(f'boxes have the shape {boxes_px.shape}, expected (N, 4)')
    height, width = rgb.shape[:2]
    rects = [pixel_rect(np.asarray(box, np.float64), (width, height)) for box in boxes_px]
    found = [rect for rect in rects if rect is not None]
    if len(found) != len(rects):
        empty = boxes_px[rects.index(None)].tolist()
        raise ImageError(f'the box {empty} has no pixel in the image of {width}x{height} pixels')
    return found
