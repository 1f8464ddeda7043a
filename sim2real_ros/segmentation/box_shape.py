"""Boxes in whole pixels, and the shapes that stand in for a mask."""

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Rect = tuple[int, int, int, int]
"""(left, top, right, bottom) in whole pixels; right and bottom are the first ones outside."""


def pixel_rect(box: npt.NDArray[np.float64], size: tuple[int, int]) -> Rect | None:
    """Return the pixels whose centres lie in a box; None where there is none in the image.

    Args:
        box: x_min, y_min, x_max, y_max in pixels.
        size: (width, height) of the image.
    """
    if not np.isfinite(box).all():
        return None
    limits = np.array([*size, *size])
    left, top, right, bottom = np.ceil(np.clip(box, 0, limits) - 0.5).astype(int).tolist()
    return (left, top, right, bottom) if left < right and top < bottom else None


def slices(rect: Rect) -> tuple[slice, slice]:
    """Return the rows and columns of a rectangle, to index an image."""
    return slice(rect[1], rect[3]), slice(rect[0], rect[2])


def ellipse(height: int, width: int) -> Mask:
    """Return the ellipse that fills a box: bool (height, width).

    It covers pi/4 of the box: nearer to most objects than the box is.
    """
    y = (np.arange(height) + 0.5) / height * 2 - 1
    x = (np.arange(width) + 0.5) / width * 2 - 1
    return np.asarray(x[None] ** 2 + y[:, None] ** 2 <= 1)
