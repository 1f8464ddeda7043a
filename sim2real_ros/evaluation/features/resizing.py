"""Resizing as the distances between sets of images prescribe it."""

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

RESIZING = f'antialiased bicubic in float by Pillow {PIL.__version__} (the way of clean-fid)'
"""What a number that rests on resized images has to say."""


def resized(rgb: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Resize an image with an antialiased bicubic filter, without rounding to levels.

    The way of resizing alone moves a distance more than many a method does: filters that skip
    pixels make a moiré, and rounding makes steps. Each channel is resized in float, then cut to
    0..255.

    Source: Parmar et al., On Aliased Resizing and Surprising Subtleties in GAN Evaluation (CVPR
    2022); the program clean-fid, mode ``clean``.

    Args:
        rgb: uint8 (H, W, 3), any order of colours.
        size: (width, height) of the result in pixels. The aspect ratio is not kept.

    Returns:
        float32 (height, width, 3), 0..255.
    """
    width, height = size
    result = np.empty((height, width, 3), np.float32)
    for channel in range(3):
        plane = Image.fromarray(rgb[..., channel].astype(np.float32))
        result[..., channel] = np.asarray(plane.resize(size, Image.Resampling.BICUBIC))
    return np.clip(result, 0, 255, out=result)
