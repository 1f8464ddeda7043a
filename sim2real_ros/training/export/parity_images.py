"""Images on which an exported generator must do what the one in torch does."""

import numpy as np

from sim2real_ros.training.export.uint8_contract import Image

Size = tuple[int, int]

COMMON_SIZES: tuple[Size, ...] = ((40, 56), (128, 96))
"""(width, height) that generators of free size are tried at, rounded up to their multiple."""


def parity_images(size: Size | None, multiple: int) -> list[Image]:
    """Make images with all that is awkward: noise, every level, flat parts, hard edges.

    There is no image of one colour: instance normalisation divides such a one's rounding errors
    by its standard deviation, almost 0, so that no two programs agree on it, nor need to.

    Args:
        size: (width, height) of a generator of fixed size; None = of free size.
        multiple: Of both sides.

    Returns:
        uint8 (N, H, W, 3) RGB of several sizes and, where the size is free, of several N.
    """
    if size is not None:
        return [_noise(1, size), _scene(size)]
    small, common = (_rounded_up(each, multiple) for each in COMMON_SIZES)
    return [_noise(2, small), _scene(small), _scene(common)]


def _rounded_up(size: Size, multiple: int) -> Size:
    width, height = (-(-side // multiple) * multiple for side in size)
    return width, height


def _noise(count: int, size: Size) -> Image:
    width, height = size
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def _scene(size: Size) -> Image:
    """Ramps over all levels, a flat sky that is saturated, black and white tiles at the border."""
    width, height = size
    across = np.linspace(0, 255, width, dtype=np.float32)[None, :]
    down = np.linspace(255, 0, height, dtype=np.float32)[:, None]
    ramps = [across + 0 * down, 0 * across + down, (across + down) / 2]
    scene = np.rint(np.stack(ramps, axis=-1)).astype(np.uint8)
    scene[: height // 3] = (255, 255, 0)
    scene[-(height // 4) :, ::2] = 0
    scene[-(height // 4) :, 1::2] = 255
    return scene[None]
