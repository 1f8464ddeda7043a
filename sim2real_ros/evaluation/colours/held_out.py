"""Which frames thresholds are fitted on, and which are held out to score them."""

import itertools

import numpy as np
import numpy.typing as npt

SEGMENTS = 4
"""Parts of a set that each give the end of theirs: one block alone may lack a colour, and single
frames in between would be nearly the same as their neighbours."""


def held_out(count: int, fraction: float) -> npt.NDArray[np.bool_]:
    """Choose contiguous blocks of frames to hold out.

    Args:
        count: Number of frames in their order, at least 2.
        fraction: Part to hold out, between 0 and 1.

    Returns:
        bool (count,), True for held-out frames; at least one frame is on either side.

    Raises:
        ValueError: There are too few frames, or the fraction is out of range.
    """
    if count < 2:
        raise ValueError(f'{count} frames cannot be parted; expected at least 2')
    if not 0 < fraction < 1:
        raise ValueError(f'the fraction to hold out must lie between 0 and 1, not {fraction:g}')
    chosen = np.zeros(count, np.bool_)
    edges = np.linspace(0, count, min(SEGMENTS, count // 2) + 1).round().astype(int)
    for start, end in itertools.pairwise(edges.tolist()):
        size = min(max(1, round((end - start) * fraction)), end - start - 1)
        chosen[end - size : end] = True
    return chosen
