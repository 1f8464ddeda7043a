"""WarpError: how much the output changes beyond the motion of the scene."""

import numpy as np

from sim2real_ros.evaluation.bootstrap import bootstrap_statistic
from sim2real_ros.evaluation.frame import EvaluatedFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation, Observations
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.evaluation.temporal.input_motion import mean_square, motion_since, variance

MIN_VISIBLE_SHARE = 0.05
"""Frames of which less can be followed from one to the next say nothing."""

MIN_INPUT_LEVELS = 0.25
"""Root mean square that motion compensation leaves of the input, below which there is nothing to
compare with: the camera stands still."""

_SOURCE = (
    'Lai et al., Learning Blind Video Temporal Consistency, ECCV 2018 (warping error); here with '
    'dense inverse search in place of FlowNet2'
)

SQUARED = Quantity(
    'warp_error',
    'Warp error',
    'lower',
    'Mean squared difference between an output and the output before it, moved by the optical '
    'flow of the input; over pixels that are visible in both, of values 0 to 1. Compare it with '
    'that of the untranslated frames: fast motion and strong contrast raise it for everybody.',
    limits=(0.0, 1.0),
    source=_SOURCE,
    decimals=5,
)

LEVELS = Quantity(
    'warp_error_levels',
    'Warp error, root mean square',
    'lower',
    'The root of the warp error, frame by frame, in grey levels of 0..255.',
    unit='levels',
    limits=(0.0, 255.0),
    source=_SOURCE,
    decimals=2,
)

RATIO = Quantity(
    'warp_error_ratio',
    'Warp error against the input',
    'lower',
    'Warp error of the outputs divided by that of their inputs, as root mean squares, each '
    'relative to the contrast of its pictures. 1 where the output is as steady as the input; 2 '
    'where the translation doubles what moves without reason. Below 1 where it smooths texture.',
    limits=(0.0, None),
    decimals=2,
)

_RELATIVE, _INPUT_RELATIVE = 'relative_square', 'input_relative_square'


class WarpError(Measure):
    """Moves the output before by the flow of the input and compares."""

    quantities = (SQUARED, LEVELS, RATIO)
    needs: frozenset[Need] = frozenset({'previous'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Say nothing where too little of the frame can be followed."""
        before = frame.previous
        motion = None if before is None else frame.sim.once(motion_since, before.sim)
        if before is None or motion is None or before.translated.shape != frame.translated.shape:
            return Observation()
        if motion.visible.mean() < MIN_VISIBLE_SHARE:
            return Observation()
        after = frame.translated.astype(np.float32)
        square = mean_square(after - motion.warp(before.translated), motion.visible)
        values = {SQUARED.key: square / 255**2, LEVELS.key: float(np.sqrt(square))}
        contrast = variance(frame.translated, motion.visible)
        moving = motion.squared_error >= MIN_INPUT_LEVELS**2
        if moving and min(contrast, motion.variance) >= 1:
            values[_RELATIVE] = square / contrast
            values[_INPUT_RELATIVE] = motion.squared_error / motion.variance
            values[RATIO.key] = float(np.sqrt(values[_RELATIVE] / values[_INPUT_RELATIVE]))
        return Observation(values)

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Divide the sums: a frame that hardly moves must not decide the ratio."""
        values = super().summarise(seen)
        own, inputs = seen.defined(_RELATIVE), seen.defined(_INPUT_RELATIVE)
        if len(own):
            values[RATIO.key] = bootstrap_statistic(
                lambda rows: float(np.sqrt(own[rows].sum() / inputs[rows].sum())), len(own)
            )
        return values
