"""Thin out long series of numbers so that their peaks stay."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

MAX_POINTS = 1000


def thin_out(
    series: npt.NDArray[np.float64], max_points: int = MAX_POINTS
) -> npt.NDArray[np.intp]:
    """Choose the rows that draw the same line.

    The series is cut into even pieces; of each its smallest and its largest number stay, as these
    are what a line of a few pixels shows. A piece without numbers stays as one row, so that the
    gap is seen.

    Args:
        series: (N,); what is not finite is a gap.
        max_points: How many rows may stay, at least 2.

    Returns:
        Ascending rows; all of them where there are few enough.
    """
    if len(series) <= max_points:
        return np.arange(len(series))
    chosen: list[int] = []
    edges = np.linspace(0, len(series), max_points // 2 + 1).astype(int)
    for start, end in pairwise(edges):
        piece = series[start:end]
        finite = np.flatnonzero(np.isfinite(piece))
        if not len(finite):
            chosen.append(int(start))
            continue
        ends = {int(finite[piece[finite].argmin()]), int(finite[piece[finite].argmax()])}
        chosen += [int(start) + each for each in sorted(ends)]
    return np.array(chosen, dtype=np.intp)
