"""Find the input domain of a model from the frames that it was trained on."""

from collections.abc import Iterable

import numpy as np

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.domain.subspace_fit import (
    ValueGroup,
    fit_subspace,
    held_out_distances,
    unit_and_usual,
)
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.runtime.frame_descriptor import GROUP_LENGTHS, describe_frame
from sim2real_ros.runtime.input_domain import InputDomain

TOLERANCES = (0.01, 0.01, 0.02)
"""Of colour, gradient and detail: two to five grey levels, and a tenth of the noise. Without them,
a drive in one simulator makes mere compression look like another world: docs/evaluation.md."""

GROUPS = tuple(
    ValueGroup(length, tolerance)
    for length, tolerance in zip(GROUP_LENGTHS, TOLERANCES, strict=True)
)

MIN_FRAMES = 50
MAX_FRAMES = 2000


def fit_input_domain(frames: Iterable[RgbImage], *, max_frames: int = MAX_FRAMES) -> InputDomain:
    """Find what frames look like, and how far others like them may lie.

    Frames are read once and not kept. They should be whole, as a camera gives them, in the order
    of the drives: neighbours count as alike.

    Args:
        frames: uint8 (H, W, 3), RGB; the sizes may differ.
        max_frames: Of longer streams at least so many are used, fewer than twice as many, evenly
            spread.

    Raises:
        DataError: There are fewer than 50 frames.
        ValueError: ``max_frames`` is below 50.
    """
    if max_frames < MIN_FRAMES:
        raise ValueError(f'max_frames must be {MIN_FRAMES} or more, not {max_frames}')
    descriptors, stride, seen = [], 1, 0
    for seen, frame in enumerate(frames, start=1):
        if (seen - 1) % stride == 0:
            descriptors.append(describe_frame(frame))
        if len(descriptors) == 2 * max_frames:
            descriptors, stride = descriptors[::2], 2 * stride
    if seen < MIN_FRAMES:
        raise DataError(
            f'{seen} frames are too few to tell what a model was trained on; expected at least '
            f'{MIN_FRAMES}, better 500 that show all that there is to see.'
        )
    vectors = np.asarray(descriptors, np.float64)
    subspace = fit_subspace(vectors, GROUPS)
    distances = held_out_distances(vectors, GROUPS)
    return InputDomain(seen, subspace, *unit_and_usual(distances, vectors.shape[1]))
