"""Run lengths of masks as COCO writes them: column by column, beginning with the outside.

Format: maskApi of the COCO API (https://github.com/cocodataset/cocoapi), which this reimplements
in numpy so that reading labels needs no compiled package.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError
from sim2real_ros.image.limits import checked_size

MAX_RUNS = 2**24


def encode_runs(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Return the run lengths of a mask.

    Args:
        mask: (H, W) bool.

    Returns:
        Numbers of pixels outside, inside, outside ... down the columns from the left; the first
        may be 0. Their sum is H * W.
    """
    pixels = mask.T.reshape(-1)
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    bounds = np.concatenate(([0], changes, [len(pixels)]))
    runs = np.diff(bounds).tolist()
    return [0, *runs] if len(pixels) and pixels[0] else runs


def decode_runs(runs: Sequence[int], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Turn run lengths into a mask.

    Args:
        runs: As ``encode_runs`` gives them.
        size: (width, height) of the mask.

    Returns:
        (H, W) bool.

    Raises:
        DataError: The runs do not fill the mask.
        ImageError: The size is unusable.
    """
    width, height = checked_size(*size, what='mask')
    if len(runs) > MAX_RUNS or any(
        isinstance(run, bool) or not isinstance(run, int) or not 0 <= run <= width * height
        for run in runs
    ):
        raise DataError('a run length is no whole number from 0 to the size of the mask')
    if sum(runs) != width * height:
        raise DataError(f'the run lengths sum up to {sum(runs)}, expected {width * height}')
    inside = np.arange(len(runs)) % 2 == 1
    pixels = np.repeat(inside, np.array(runs, np.int64))
    return np.ascontiguousarray(pixels.reshape(width, height).T)


def decompress_runs(text: str) -> list[int]:
    """Read run lengths from COCO's text: 5 bits per character, differences from the third on.

    Raises:
        DataError: It is cut off or has characters that do not belong there.
    """
    runs: list[int] = []
    value = bits = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or bits > 40 or len(runs) > MAX_RUNS:
            raise DataError(f'the run lengths contain {character!r}, which is out of place')
        value |= (code & 0x1F) << bits
        bits += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << bits
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = bits = 0
    if bits:
        raise DataError('the run lengths are cut off')
    return runs
