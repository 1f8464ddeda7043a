"""Refuse image sizes that no camera has, before memory is spent on them."""

from __future__ import annotations

import operator

from sim2real_ros.errors import ImageError

MAX_SIDE_PX = 16384
MAX_IMAGE_BYTES = 256 * 1024 * 1024


def checked_size(width: object, height: object, *, what: str) -> tuple[int, int]:
    """Return a size as plain ints after checking that such an image is reasonable.

    Args:
        width: In pixels; anything with `__index__`.
        height: In pixels.
        what: Whose size it is, the beginning of the error message.

    Raises:
        ImageError: A side is no integer, below 1 or above `MAX_SIDE_PX`, or the image as RGB
            would be larger than `MAX_IMAGE_BYTES`.
    """
    size = (checked_int(width, f'{what}: width'), checked_int(height, f'{what}: height'))
    if min(size) < 1 or max(size) > MAX_SIDE_PX:
        raise ImageError(
            f'{what} is {size[0]}x{size[1]} pixels (width x height); each side must be 1 to '
            f'{MAX_SIDE_PX}. Check the publisher: an empty or absurd size is a broken image'
        )
    if 3 * size[0] * size[1] > MAX_IMAGE_BYTES:
        raise ImageError(
            f'{what} is {size[0]}x{size[1]} pixels, {3 * size[0] * size[1]} bytes as RGB; at most '
            f'{MAX_IMAGE_BYTES} bytes are accepted. Publish a smaller image'
        )
    return size


def checked_int(value: object, what: str) -> int:
    """Return an integer field as a plain int.

    Raises:
        ImageError: The value is not an integer (a float, None, a string).
    """
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ImageError(f'{what} is {value!r}, expected an integer') from None
