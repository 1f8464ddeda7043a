"""Which gains give simulated frames the mean colour of real ones (grey world)."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.effects import BOUNDS
from sim2real_ros.baselines.camera_effects.estimate import SIGNIFICANT, Estimate

Values = npt.NDArray[np.float32]

NAMES = ('gain_red', 'gain_green', 'gain_blue')


def fit_white_balance(sim: Sequence[Values], real: Sequence[Values]) -> tuple[Estimate, ...]:
    """Find the gains of R, G and B.

    Args:
        sim: Frames of the simulator after the effects that come before: float32 (H, W, 3), RGB,
            0..255.
        real: Frames of the camera in the same form.

    Returns:
        One estimate for each of R, G and B, at 1 where it is not told from 1.
    """
    logarithms = [np.log([f.mean(axis=(0, 1)) + 1 for f in frames]) for frames in (sim, real)]
    means = [np.median(each, axis=0) for each in logarithms]
    errors = [each.std(axis=0, ddof=1) / math.sqrt(len(each)) for each in logarithms]
    low, high = BOUNDS['gains']
    found = []
    for channel, name in enumerate(NAMES):
        difference = float(means[1][channel] - means[0][channel])
        # The standard error of a median is 1.25 times that of a mean.
        error = 1.25 * math.hypot(errors[0][channel], errors[1][channel])
        gain = math.exp(difference)
        used, note = min(max(gain, low), high), ''
        if abs(difference) <= SIGNIFICANT * error:
            used, note = 1.0, 'not told from 1'
        elif used != gain:
            note = f'limited to {low:g}..{high:g}'
        found.append(Estimate(name, gain, gain * error, used, note))
    return tuple(found)
