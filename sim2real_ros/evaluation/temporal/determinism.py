"""Determinism: whether a model answers the same frame with the same output."""

from collections.abc import Callable, Sequence

import numpy as np

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.quantity import Quantity, Value

REPEAT_DIFFERENCE = Quantity(
    'repeat_difference_levels',
    'Difference between two runs',
    'lower',
    'Largest difference of any pixel when the same frames are translated twice, the second time '
    'in reverse order; in grey levels. 0 for a model without randomness and memory.',
    unit='levels',
    limits=(0.0, 255.0),
    decimals=0,
)

Translate = Callable[[RgbImage], RgbImage]


def determinism_value(translate: Translate, frames: Sequence[RgbImage]) -> Value:
    """Translate some frames twice and compare.

    The second run is in reverse order, so that a model that remembers the frame before shows
    itself as well as one that draws random numbers.

    Args:
        translate: uint8 RGB (H, W, 3) to the same; gets copies.
        frames: A few frames, different from each other.

    Returns:
        ``REPEAT_DIFFERENCE``: the largest difference in levels; its count is that of the frames.

    Raises:
        DataError: There are no frames, or a frame's two outputs differ in size.
    """
    if not frames:
        raise DataError('no frames to translate twice; expected at least one')
    first = [translate(each.copy()).copy() for each in frames]
    largest = 0
    for index in reversed(range(len(frames))):
        again = translate(frames[index].copy())
        if again.shape != first[index].shape:
            raise DataError(
                f'the same frame was translated to shape {first[index].shape} and then to '
                f'{again.shape}; expected the same twice'
            )
        difference = np.abs(again.astype(np.int16) - first[index])
        largest = max(largest, int(difference.max(initial=0)))
    return Value(float(largest), len(frames))


def is_deterministic(translate: Translate, frames: Sequence[RgbImage]) -> bool:
    """Tell whether two runs over the same frames give the same outputs to the bit.

    Raises:
        DataError: As ``determinism_value``.
    """
    return determinism_value(translate, frames).value == 0
