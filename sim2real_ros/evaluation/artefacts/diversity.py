"""Diversity: whether translated images differ from each other as much as their inputs do."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError

Images = npt.NDArray[np.floating]
Matrix = npt.NDArray[np.float64]

SMALL_SIDE_PX = 16
"""Side of the copies to compare: layout remains, texture and noise average out. A generator that
draws one frame again and again with new noise shall not count as diverse."""

FLAT_STD = 4.0
"""Standard deviation, in levels of 0..255, below which a channel counts as flat: what remains
there is noise, which must not be scaled up into structure."""

TWIN_RATIO = 0.1
"""Two outputs are one picture drawn twice where their inputs differ at least 10 times as much."""

UNRELATED_QUANTILE = 0.25
"""Inputs nearer to each other than this quantile of all pairs may be neighbours in time, whose
outputs are allowed to be alike."""

_SAME_INPUTS = 1e-3


@dataclass(frozen=True)
class Diversity:
    """How much of the inputs' differences is left in the outputs.

    Attributes:
        ratio: Mean distance of two outputs divided by that of their inputs: 1 for a change of
            colours, about 0 where all outputs are one picture.
        reused: Share of the outputs that look like the output of an unrelated input.
    """

    ratio: float
    reused: float


def diversity(inputs: Images, outputs: Images) -> Diversity:
    """Compare the differences between outputs with those between inputs.

    The distance is the root mean square difference of two images after each of their channels
    was brought to mean 0 and standard deviation 1. So brightness, contrast and tint do not count:
    a strong transfer of colours takes nothing away, and one picture in ten brightnesses is still
    one picture.

    Args:
        inputs: (N, H, W, C) small copies, values 0..255, see ``SMALL_SIDE_PX``.
        outputs: Their translations, of the same shape and order.

    Returns:
        A ratio of 1 and nothing reused where the inputs are all alike, as nothing can be said.

    Raises:
        DataError: There are fewer than 2 images, or inputs and outputs do not match.
    """
    if inputs.shape != outputs.shape or inputs.ndim != 4 or len(inputs) < 2:
        raise DataError(
            f'inputs of shape {inputs.shape} and outputs of shape {outputs.shape} cannot be '
            'compared; expected the same (N, H, W, C) with at least 2 images'
        )
    before, after = _distances(inputs), _distances(outputs)
    pairs = np.triu_indices(len(inputs), 1)
    mean_before = float(before[pairs].mean())
    if mean_before < _SAME_INPUTS:
        return Diversity(1.0, 0.0)
    unrelated = before >= max(_SAME_INPUTS, float(np.quantile(before[pairs], UNRELATED_QUANTILE)))
    twins = unrelated & (after < TWIN_RATIO * before)
    return Diversity(float(after[pairs].mean()) / mean_before, float(twins.any(axis=1).mean()))


def _distances(images: Images) -> Matrix:
    """Return (N, N): 0 for equal structure, 1 for unrelated, 1.4 for inverted."""
    values = images.astype(np.float64)
    values = values - values.mean(axis=(1, 2), keepdims=True)
    spread = values.std(axis=(1, 2), keepdims=True)
    rows = (values / np.maximum(spread, FLAT_STD)).reshape(len(values), -1)
    square = (rows**2).sum(axis=1)
    squared = square[:, None] + square[None] - 2 * rows @ rows.T
    distances: Matrix = np.sqrt(np.maximum(squared, 0) / (2 * rows.shape[1]))
    return distances
