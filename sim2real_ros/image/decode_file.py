"""Decode image files: their bytes to RGB, refusing what would lose more than it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sim2real_ros.errors import ImageError
from sim2real_ros.image.file_pixels import decoded_by_opencv, read_file_pixels
from sim2real_ros.image.raw import decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SCAN, _EXIF = 0xDA, b'Exif\0'
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def decode_file(content: bytes) -> tuple[NDArray[np.uint8], str]:
    """Decode a png, jpg, webp or bmp file.

    Grey becomes RGB and alpha is dropped; the orientation that Exif notes in a JPEG is applied,
    as viewers and labelling tools do.

    Args:
        content: The bytes of the file.

    Returns:
        RGB, uint8, (H, W, 3), contiguous, and the encoding that the file had.

    Raises:
        ImageError: No image, cut off, absurdly large, or 16 bits per channel.
    """
    raw = read_file_pixels(content)
    if raw.encoding == 'mono16':
        raise ImageError(
            'the file has 16 bits per pixel, such as depth has, expected 8; convert it first, '
            'with the range that you want to keep'
        )
    return np.ascontiguousarray(decode(raw)), raw.encoding


def decode_mask(content: bytes) -> NDArray[Any]:
    """Decode a mask file without touching its values.

    Args:
        content: The bytes of a grey (or palette) png or bmp file.

    Returns:
        uint8 or uint16, (H, W), or (H, W, C) for a mask of colours, then BGR as stored.

    Raises:
        ImageError: No image, cut off or absurdly large.
    """
    pixels = decoded_by_opencv(content, cv2.IMREAD_UNCHANGED)
    if pixels.dtype.name not in ('uint8', 'uint16'):
        raise ImageError(f'the file is a mask of {pixels.dtype}; expected 8 or 16 bits')
    return pixels


def is_plain_jpeg(content: bytes) -> bool:
    """Tell whether every reader of a JPEG sees the same colour picture in it.

    That is: three colour components, and no Exif data by which viewers would turn it.

    Args:
        content: A JPEG whose segments have been checked by ``read_header``.
    """
    position, colour = 2, False
    while position + 10 <= len(content):
        marker = content[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == _SCAN:
            return colour
        if content.startswith(_EXIF, position + 4):
            return False
        if marker in _FRAMES:
            colour = content[position + 9] == 3
        position += 2 + int.from_bytes(content[position + 2 : position + 4], 'big')
    return False
