"""Placement: how an image is fitted into another size, and where its pixels go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sim2real_ros.errors import ImageError
from sim2real_ros.image.limits import checked_size
from sim2real_ros.image.resizing import resize

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Box = tuple[int, int, int, int]

PLACEMENTS = ('stretch', 'letterbox', 'crop')
"""Ways to fit: change the aspect ratio, add borders, or cut borders off."""

BORDER_LEVEL = 114
"""Grey of the borders that `letterbox` adds, as object detectors are trained with."""


@dataclass(frozen=True)
class Placement:
    """Where a part of an original image lies in a resized one.

    Attributes:
        original_size: (width, height) of the original in pixels.
        size: (width, height) of the result.
        taken: (x, y, width, height) of the part of the original that is used.
        placed: (x, y, width, height) of the place it takes in the result.
    """

    original_size: tuple[int, int]
    size: tuple[int, int]
    taken: Box
    placed: Box

    @property
    def scale(self) -> tuple[float, float]:
        """Factors in x and y."""
        return self.placed[2] / self.taken[2], self.placed[3] / self.taken[3]

    @property
    def offset(self) -> tuple[float, float]:
        """Where the original's corner (0, 0) lies in the result, in pixels."""
        (scale_x, scale_y), taken, placed = self.scale, self.taken, self.placed
        return placed[0] - taken[0] * scale_x, placed[1] - taken[1] * scale_y

    @property
    def is_identity(self) -> bool:
        """Whether nothing changes."""
        whole = (0, 0, *self.original_size)
        return self.original_size == self.size and self.taken == self.placed == whole

    def map_points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map points of the original to the result: x * scale + offset.

        Args:
            points: (..., 2), x and y in pixels, origin at the image's top left corner.
        """
        return np.asarray(points, np.float64) * self.scale + self.offset


def place(original_size: tuple[int, int], size: tuple[int, int], mode: str) -> Placement:
    """Fit an image into another size.

    Args:
        original_size: (width, height) in pixels.
        size: (width, height) of the result.
        mode: `stretch` fills the size and changes the aspect ratio; `letterbox` keeps all of the
            image and adds equal borders; `crop` keeps its centre and fills the size.

    Raises:
        ImageError: Unknown mode or unusable size.
    """
    width, height = checked_size(*original_size, what='image')
    out_width, out_height = checked_size(*size, what='resized image')
    whole, full = (0, 0, width, height), (0, 0, out_width, out_height)
    if mode == 'stretch':
        return Placement((width, height), (out_width, out_height), whole, full)
    if mode == 'letterbox':
        placed = _centred((width, height), (out_width, out_height))
        return Placement((width, height), (out_width, out_height), whole, placed)
    if mode == 'crop':
        taken = _centred((out_width, out_height), (width, height))
        return Placement((width, height), (out_width, out_height), taken, full)
    raise ImageError(f'unknown mode {mode!r}, expected one of {", ".join(PLACEMENTS)}')


def place_image(
    rgb: NDArray[np.uint8], placement: Placement, *, border: int = BORDER_LEVEL
) -> NDArray[np.uint8]:
    """Resize an RGB image as a placement says.

    Args:
        rgb: uint8, (H, W, 3), RGB, of the placement's original size.
        placement: From `place`.
        border: Level of added borders in all channels, 0..255.

    Returns:
        uint8, (height, width, 3); `rgb` itself where nothing changes.

    Raises:
        ImageError: `rgb` is no RGB image or of another size.
    """
    _check_size(rgb, placement)
    if placement.is_identity:
        return rgb
    x, y, width, height = placement.taken
    resized = resize(rgb[y : y + height, x : x + width], placement.placed[2:])
    return _with_border(resized, placement, border)


def place_mask(mask: NDArray[Any], placement: Placement, *, border: int = 0) -> NDArray[Any]:
    """Resize a mask of ids as a placement says: nearest neighbour, so that no id is invented.

    Args:
        mask: (H, W) or (H, W, C) of any 8- or 16-bit type, of the placement's original size.
        placement: From `place`.
        border: Id of added borders.

    Raises:
        ImageError: `mask` is of another size.
    """
    _check_size(mask, placement)
    x, y, width, height = placement.taken
    part = np.ascontiguousarray(mask[y : y + height, x : x + width])
    size = placement.placed[2:]
    # INTER_NEAREST shifts by half a pixel; EXACT takes the pixel under each centre.
    resized = (
        part
        if size == (width, height)
        else cv2.resize(part, size, interpolation=cv2.INTER_NEAREST_EXACT)
    )
    return _with_border(np.asarray(resized), placement, border)


def _centred(inner: tuple[int, int], outer: tuple[int, int]) -> Box:
    """Return the largest box of the inner aspect ratio in the middle of the outer size."""
    factor = min(outer[0] / inner[0], outer[1] / inner[1])
    width = min(outer[0], max(1, round(inner[0] * factor)))
    height = min(outer[1], max(1, round(inner[1] * factor)))
    return ((outer[0] - width) // 2, (outer[1] - height) // 2, width, height)


def _with_border(part: NDArray[Any], placement: Placement, border: int) -> NDArray[Any]:
    width, height = placement.size
    if part.shape[:2] == (height, width):
        return part
    x, y, part_width, part_height = placement.placed
    whole = np.full((height, width, *part.shape[2:]), border, part.dtype)
    whole[y : y + part_height, x : x + part_width] = part
    return whole


def _check_size(image: NDArray[Any], placement: Placement) -> None:
    width, height = placement.original_size
    if image.shape[:2] != (height, width):
        raise ImageError(
            f'image has shape {image.shape}, expected {(height, width)} as in its placement'
        )
