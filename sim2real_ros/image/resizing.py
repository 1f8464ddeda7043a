"""Resize RGB images; the one place that chooses an interpolation."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from sim2real_ros.errors import ImageError
from sim2real_ros.image.limits import checked_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

INTERPOLATIONS: dict[str, int] = {
    'nearest': cv2.INTER_NEAREST,
    'linear': cv2.INTER_LINEAR,
    'area': cv2.INTER_AREA,
    'cubic': cv2.INTER_CUBIC,
    'lanczos': cv2.INTER_LANCZOS4,
}
"""Interpolations by name; besides them there is `auto`."""


def resize(
    rgb: NDArray[np.uint8],
    size: tuple[int, int],
    *,
    interpolation: str = 'auto',
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Resize an image.

    `auto` averages areas when shrinking by whole factors or by more than two, where linear
    interpolation would skip pixels and flicker, and is linear otherwise.

    Args:
        rgb: uint8, (H, W, 3), RGB; may be strided.
        size: Wanted (width, height) in pixels.
        interpolation: `auto` or a name in `INTERPOLATIONS`.
        out: uint8, (height, width, 3), where the result is written; may be strided.

    Returns:
        `out` if given; `rgb` itself if it has the size already; else a new array.

    Raises:
        ImageError: Unknown interpolation, unusable size, or arrays of another kind.
    """
    width, height = checked_size(size[0], size[1], what='resized image')
    _check_image(rgb, 'rgb')
    if out is not None:
        _check_image(out, 'out', (height, width, 3))
    if interpolation != 'auto' and interpolation not in INTERPOLATIONS:
        names = ', '.join(('auto', *INTERPOLATIONS))
        raise ImageError(f'unknown interpolation {interpolation!r}, expected one of {names}')
    if rgb.shape[:2] == (height, width):
        return rgb if out is None else _copy(rgb, out)
    if interpolation == 'auto':
        interpolation = _best_interpolation((rgb.shape[1], rgb.shape[0]), (width, height))
    code = INTERPOLATIONS[interpolation]
    if out is not None and out.strides[1:] == (3, 1):  # a view that OpenCV can write to
        cv2.resize(rgb, (width, height), dst=out, interpolation=code)
        return out
    resized = cast('NDArray[np.uint8]', cv2.resize(rgb, (width, height), interpolation=code))
    return resized if out is None else _copy(resized, out)


def _best_interpolation(size: tuple[int, int], wanted: tuple[int, int]) -> str:
    if wanted[0] > size[0] or wanted[1] > size[1]:
        return 'linear'
    whole = size[0] % wanted[0] == 0 and size[1] % wanted[1] == 0
    much = size[0] > 2 * wanted[0] or size[1] > 2 * wanted[1]
    return 'area' if whole or much else 'linear'


def _copy(image: NDArray[np.uint8], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
    np.copyto(out, image)
    return out


def _check_image(image: object, name: str, shape: tuple[int, int, int] | None = None) -> None:
    expected = 'uint8 and (H, W, 3)' if shape is None else f'uint8 and {shape}, writeable'
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3:
        if shape is None and image.shape[2] == 3:
            checked_size(image.shape[1], image.shape[0], what=name)
            return
        if image.shape == shape and image.flags.writeable:
            return
    found = getattr(image, 'dtype', type(image).__name__), getattr(image, 'shape', None)
    raise ImageError(f'{name} has dtype {found[0]} and shape {found[1]}, expected {expected}')
