"""Encode images and masks as the bytes of png, jpg and webp files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from sim2real_ros.errors import ImageError
from sim2real_ros.image.limits import checked_size

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

FILE_FORMATS = ('png', 'jpg', 'webp')
"""Formats of image files, which are also their suffixes."""

DEFAULT_QUALITY = 95
"""Of jpg and webp, 1 to 100."""

_QUALITY_FLAGS = {'jpg': cv2.IMWRITE_JPEG_QUALITY, 'webp': cv2.IMWRITE_WEBP_QUALITY}


def check_format(format: str, quality: int | None) -> None:  # noqa: A002
    """Check a format and a quality before work begins.

    Args:
        format: One of ``FILE_FORMATS``.
        quality: 1 to 100 for jpg and webp; None for the default, and for png.

    Raises:
        ImageError: They do not exist or do not belong together.
    """
    if format not in FILE_FORMATS:
        raise ImageError(
            f'unknown image format {format!r}, expected one of {", ".join(FILE_FORMATS)}'
        )
    if quality is None:
        return
    if format == 'png':
        raise ImageError(f'quality {quality} was asked for, but png is lossless: leave it out')
    if isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100:
        raise ImageError(f'{format} quality is {quality!r}, expected 1 to 100')


def encode_file(
    rgb: NDArray[np.uint8],
    format: str,  # noqa: A002
    quality: int | None = None,
) -> bytes:
    """Encode an RGB image as the bytes of a file.

    Args:
        rgb: uint8, (H, W, 3), RGB.
        format: `png` is exact; `jpg` and `webp` are lossy.
        quality: Of jpg and webp, 1 to 100; None = ``DEFAULT_QUALITY``.

    Raises:
        ImageError: `rgb` is no RGB image, the format cannot hold its size, or an argument is out
            of range.
    """
    check_format(format, quality)
    if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8 or rgb.shape[2:] != (3,):
        raise ImageError(f'cannot encode {_kind(rgb)}; expected uint8, (H, W, 3)')
    checked_size(rgb.shape[1], rgb.shape[0], what='image to encode')
    flag = _QUALITY_FLAGS.get(format)
    options = _fast_png() if flag is None else [flag, quality or DEFAULT_QUALITY]
    return _encode(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), format, options)


def encode_mask(mask: NDArray[Any]) -> bytes:
    """Encode a mask as a PNG file.

    Args:
        mask: uint8 or uint16, (H, W) for ids; (H, W, 3) or (H, W, 4) for a mask of colours in the
            order of ``decode_mask``.

    Raises:
        ImageError: The mask is of another kind.
    """
    if not isinstance(mask, np.ndarray) or mask.dtype.name not in ('uint8', 'uint16'):
        raise ImageError(f'cannot encode {_kind(mask)} as a mask; expected uint8 or uint16')
    if mask.ndim != 2 and mask.shape[2:] not in ((3,), (4,)):
        raise ImageError(f'cannot encode {_kind(mask)} as a mask; expected (H, W)')
    checked_size(mask.shape[1], mask.shape[0], what='mask to encode')
    # Ids repeat along rows, which ordinary compression is made for.
    return _encode(np.ascontiguousarray(mask), 'png', [cv2.IMWRITE_PNG_COMPRESSION, 6])


def _fast_png() -> list[int]:
    """Return the PNG settings that suit camera images.

    Noise leaves deflate nothing to find but the frequency of values, so its search for
    repetitions is left out: a quarter less time for the same size.
    """
    options = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY]
    chosen = getattr(cv2, 'IMWRITE_PNG_FILTER', None)
    if chosen is None:
        # Before OpenCV 4.12; without a level it takes the filter SUB, of nearly the same effect.
        return options
    level = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return [*level, *options, chosen, cv2.IMWRITE_PNG_FILTER_AVG]


def _encode(pixels: NDArray[Any], format: str, options: list[int]) -> bytes:  # noqa: A002
    try:
        done, encoded = cv2.imencode(f'.{format}', pixels, options)
    except cv2.error as error:
        raise ImageError(
            f'OpenCV cannot encode {_kind(pixels)} as {format}: {error.err}'
        ) from error
    if not done:
        raise ImageError(f'OpenCV cannot encode {_kind(pixels)} as {format}; try png')
    return encoded.tobytes()


def _kind(image: object) -> str:
    dtype = getattr(image, 'dtype', type(image).__name__)
    return f'an array of {dtype}, shape {getattr(image, "shape", None)}'
