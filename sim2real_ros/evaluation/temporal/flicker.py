"""Flicker: how much the output changes between frames that the input does not."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import EvaluatedFrame, Previous, RgbImage
from sim2real_ros.evaluation.measure import Measure, Need, Observation
from sim2real_ros.evaluation.quantity import Quantity

MAX_FIT_PIXELS = 25_000
"""Pixels, evenly spread, that the steady transfer of colours is estimated and removed from."""

FLICKER = Quantity(
    'flicker_levels',
    'Flicker',
    'lower',
    'Mean absolute difference between the change of the output and that of the input, from one '
    'frame to the next, without motion compensation; in grey levels. A strong transfer of colours '
    'raises it in a moving scene, though nothing flickers.',
    unit='levels',
    limits=(0.0, 510.0),
    decimals=2,
)

STEADY = Quantity(
    'colour_corrected_flicker_levels',
    'Flicker beyond the transfer of colours',
    'lower',
    'Flicker after the colours of the input were brought to those of the output by one transfer '
    'for both frames. 0 for a fixed change of brightness, contrast or tint; invented texture and '
    'brightness that comes and goes remain.',
    unit='levels',
    limits=(0.0, None),
    decimals=2,
)

BRIGHTNESS = Quantity(
    'brightness_flicker_levels',
    'Flicker of the whole picture',
    'lower',
    'How much the mean luminance changes from frame to frame beyond what the content of the input '
    'explains, in grey levels. From about 1 level on it is seen in even areas.',
    unit='levels',
    limits=(0.0, 255.0),
    decimals=2,
)

FROZEN_INPUT = Quantity(
    'frozen_input_change_levels',
    'Change without cause',
    'lower',
    'Mean absolute change of the output between frames whose inputs are equal in every pixel, in '
    'grey levels. 0 is right: the same frame must give the same output.',
    unit='levels',
    limits=(0.0, 255.0),
    decimals=2,
)

_BENDS = (1 / 8, 1 / 4, 1 / 2, 3 / 4)
"""Where the lines may bend, in 0..1: gamma curves are bent most in the shadows."""

_LUMINANCE = np.array([0.299, 0.587, 0.114])

Pixels = npt.NDArray[np.float64]


class Flicker(Measure):
    """Compares the change of the output between two frames with that of the input."""

    quantities = (FLICKER, STEADY, BRIGHTNESS, FROZEN_INPUT)
    needs: frozenset[Need] = frozenset({'translation', 'previous'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Say nothing where the two frames differ in size."""
        before = frame.previous
        if before is None or before.sim.image.shape != frame.sim.image.shape:
            return Observation()
        change = _change(before.translated, frame.translated)
        values = {
            FLICKER.key: float(np.abs(change - _change(before.sim.image, frame.sim.image)).mean())
        }
        steady = unexplained_change(before, frame)
        values[STEADY.key] = float(np.abs(steady).mean())
        values[BRIGHTNESS.key] = float(abs(steady.mean(axis=0) @ _LUMINANCE))
        if np.array_equal(before.sim.image, frame.sim.image):
            values[FROZEN_INPUT.key] = float(np.abs(change).mean())
        return Observation(values)


def unexplained_change(before: Previous, frame: EvaluatedFrame) -> Pixels:
    """Return the change of the output that no steady transfer of colours explains.

    The transfer is a sum of bent lines, one for each channel of the input: the least-squares fit
    to both frames together, so that what differs between the two is not in it.

    Returns:
        (N, 3), signed levels, of an even sample of the pixels.
    """
    step = max(1, int(np.ceil(np.sqrt(frame.sim.image[..., 0].size / MAX_FIT_PIXELS))))
    inputs = np.concatenate([_features(each.image, step) for each in (before.sim, frame.sim)])
    outputs = np.concatenate([_pixels(each.translated, step) for each in (before, frame)])
    # Normal equations: thousands of pixels, few unknowns. Grey pictures leave some undetermined.
    transfer = np.linalg.lstsq(inputs.T @ inputs, inputs.T @ outputs, rcond=1e-9)[0]
    rest = outputs - inputs @ transfer
    half = len(rest) // 2
    difference: Pixels = rest[half:] - rest[:half]
    return difference


def _change(before: RgbImage, after: RgbImage) -> npt.NDArray[np.int16]:
    return after.astype(np.int16) - before


def _pixels(image: RgbImage, step: int) -> Pixels:
    return image[step // 2 :: step, step // 2 :: step].reshape(-1, 3).astype(np.float64)


def _features(image: RgbImage, step: int) -> Pixels:
    colours = _pixels(image, step) / 255
    bends = [np.maximum(colours - each, 0) for each in _BENDS]
    return np.concatenate([np.ones((len(colours), 1)), colours, *bends], axis=1)
