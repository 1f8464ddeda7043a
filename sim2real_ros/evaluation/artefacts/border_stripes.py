"""BorderStripes: lines along the border of the output that the input does not have."""

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage, SimFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation
from sim2real_ros.evaluation.quantity import Quantity

BORDER_PX = 48
"""Depth of the strip that is looked at: stripes of trained U-Nets reach about 40 px deep."""

MIN_SIDE_PX = 48
"""Of smaller images nothing is said."""

MAX_GAIN = 4.0
"""How much a change of tones may strengthen a step: gamma 0.4 does so in the shadows."""

MIN_LEVELS = 3.0
"""Steps beyond what is ordinary, above which a frame counts as striped."""

STRIPES = Quantity(
    'border_stripe_levels',
    'Border stripes',
    'lower',
    f'Largest step between neighbouring lines of pixels in the outermost {BORDER_PX} px, averaged '
    'along each side of the picture, beyond what its input or its inside has; in grey levels. '
    'Wrong padding in a generator draws such lines. About 0 is right.',
    unit='levels',
    limits=(0.0, 255.0),
    decimals=1,
)

SHARE = Quantity(
    'border_stripes_share',
    'Frames with border stripes',
    'lower',
    f'Share of the frames with border stripes of more than {MIN_LEVELS:g} levels. 0 is right.',
    limits=(0.0, 1.0),
)

Steps = npt.NDArray[np.float64]


class BorderStripes(Measure):
    """Compares the steps along the border of the output with those of its input and inside."""

    quantities = (STRIPES, SHARE)
    needs: frozenset[Need] = frozenset({'translation'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Take the worst of the four sides."""
        before, after = frame.sim.once(sim_steps), side_steps(frame.translated)
        if not before.size:
            return Observation()
        levels = float(np.max([_beyond(*each) for each in zip(before, after, strict=True)]))
        return Observation({STRIPES.key: levels, SHARE.key: float(levels > MIN_LEVELS)})


def sim_steps(frame: SimFrame) -> Steps:
    """Return the steps of a simulated frame, for ``SimFrame.once``."""
    return side_steps(frame.image)


def side_steps(image: RgbImage) -> Steps:
    """Average the lines along each side and tell how much each differs from the next.

    Args:
        image: uint8 RGB (H, W, 3).

    Returns:
        (4, depth - 1) for top, bottom, left and right, from the border inwards to half of the
        shorter side: the largest absolute difference of the three colours, 0..255. (4, 0) where
        the image is too small, which is where a side is shorter than 48 px.
    """
    if min(image.shape[:2]) < MIN_SIDE_PX:
        return np.zeros((4, 0))
    depth = min(image.shape[:2]) // 2
    rows, columns = (
        cv2.reduce(image, axis, cv2.REDUCE_AVG, dtype=cv2.CV_64F).reshape(-1, 3) for axis in (1, 0)
    )
    sides = rows, rows[::-1], columns, columns[::-1]
    lines = np.stack([each[:depth] for each in sides])
    steps: Steps = np.abs(np.diff(lines, axis=1)).max(axis=2)
    return steps


def _beyond(before: Steps, after: Steps) -> float:
    """Return the largest step of one side's border beyond what explains it.

    A step is ordinary where the input has it too, be it ``MAX_GAIN`` times weaker, or where the
    inside of the output has as large ones that its input does not have.
    """
    strip = min(BORDER_PX, 2 * len(before) // 3)
    # A step of the input may move by a pixel.
    known = np.max([before, _moved(before, 1), _moved(before, -1)], axis=0)
    added = np.maximum(after - MAX_GAIN * known, 0)
    return float(max(0.0, added[:strip].max() - added[strip:].max()))


def _moved(steps: Steps, by: int) -> Steps:
    return np.pad(steps, 1, mode='edge')[1 + by : len(steps) + 1 + by]
