"""Read masks of classes, and bring them to the size of their image."""

from pathlib import Path

import cv2
import numpy as np

from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.evaluation.frame import IdImage
from sim2real_ros.evaluation.frames.shape import Size, have_same_shape
from sim2real_ros.image.palette_png import decode_ids

MAX_MASK_BYTES = 2**26


def read_mask(path: Path) -> IdImage:
    """Read a mask as uint8 (H, W) ids; those of a palette PNG are its indices.

    Raises:
        DataError: It cannot be read, has colours in place of ids, or ids above 255.
    """
    try:
        with path.open('rb') as file:
            ids = decode_ids(file.read(MAX_MASK_BYTES + 1))
    except (OSError, ImageError) as error:
        raise DataError(f'the mask {str(path)!r} cannot be read: {error}') from error
    if ids.ndim != 2 or (ids.dtype != np.uint8 and ids.max(initial=0) > 255):
        raise DataError(
            f'the mask {str(path)!r} has shape {ids.shape} and type {ids.dtype}; expected one id '
            'of 0..255 for each pixel: a grey or palette PNG'
        )
    return ids.astype(np.uint8, copy=False)


def resize_mask(mask: IdImage, original: Size, size: Size) -> IdImage:
    """Bring a mask to the size that its image was brought to.

    Args:
        mask: uint8 (H, W).
        original: (width, height) of the image as it was read.
        size: Wanted (width, height).

    Raises:
        DataError: Mask and image differ in aspect ratio, so they do not belong together.
    """
    height, width = mask.shape
    if not have_same_shape((width, height), original):
        raise DataError(
            f'the mask has {width}x{height} pixels, its image {original[0]}x{original[1]}: '
            'expected the same aspect ratio'
        )
    if (width, height) == size:
        return mask
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
