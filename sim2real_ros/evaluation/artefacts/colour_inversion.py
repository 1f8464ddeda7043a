"""ColourInversion: whether the output shows bright for dark, or colours for their opposites."""

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage, SimFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation
from sim2real_ros.evaluation.quantity import Quantity

SIDE_PX = 128
"""Longer side of the copies to compare: lines of a road remain, noise does not."""

INVERTED = -0.5
"""Correlation of the luminance below which a frame counts as inverted. Negatives lie at -1; a sky
that changes from bright to dark above a road that stays as it is lies at -0.4 and above."""

MIN_STD = 1.0
"""Standard deviation of the local contrast, in levels, below which a channel says nothing."""

_LIMITS = (-1.0, 1.0)

LUMINANCE = Quantity(
    'local_luminance_correlation',
    'Luminance kept',
    'higher',
    'Correlation of local contrast between input and output: 1 where bright stays brighter than '
    'its surroundings, negative where the picture became a negative. The brightness of large '
    'areas does not count, so day may become night.',
    limits=_LIMITS,
)

CHROMA = Quantity(
    'local_chroma_correlation',
    'Chroma kept',
    'higher',
    'The same for the two colour channels (Cr and Cb): negative where most colours became their '
    'opposites, which exchanged red and blue do as well. A blue sky that becomes a brown wall '
    'lowers it too, so look at the pictures. Left out where input or output has no colours.',
    limits=_LIMITS,
)

SHARE = Quantity(
    'inverted_frames_share',
    'Inverted frames',
    'lower',
    f'Share of the frames with a luminance correlation below {INVERTED:g}. 0 is right.',
    limits=(0.0, 1.0),
)

Contrast = npt.NDArray[np.float32]


class ColourInversion(Measure):
    """Correlates the local contrast of input and output."""

    quantities = (LUMINANCE, CHROMA, SHARE)
    needs: frozenset[Need] = frozenset({'translation'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Say nothing of what input or output are too flat for."""
        before, after = frame.sim.once(sim_contrast), local_contrast(frame.translated)
        values = {
            LUMINANCE.key: correlation(before[..., :1], after[..., :1]),
            CHROMA.key: correlation(before[..., 1:], after[..., 1:]),
        }
        known = {key: value for key, value in values.items() if value is not None}
        if LUMINANCE.key in known:
            known[SHARE.key] = float(known[LUMINANCE.key] < INVERTED)
        return Observation(known)


def sim_contrast(frame: SimFrame) -> Contrast:
    """Return the local contrast of a simulated frame, for ``SimFrame.once``."""
    return local_contrast(frame.image)


def local_contrast(image: RgbImage) -> Contrast:
    """Subtract the surroundings of each pixel of a small copy.

    Args:
        image: uint8 RGB (H, W, 3).

    Returns:
        float32 (h, w, 3): Y, Cr and Cb minus their Gaussian average over an eighth of the picture.
    """
    height, width = image.shape[:2]
    scale = min(1.0, SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    colours = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    surroundings = cv2.GaussianBlur(colours, (0, 0), max(size) / 16)
    return np.asarray(colours - surroundings, np.float32)


def correlation(first: Contrast, second: Contrast) -> float | None:
    """Return Pearson's correlation of two contrasts; None where one of them is flat.

    Both are clipped to 2 standard deviations, so that a few strong edges do not decide alone.
    """
    rows = []
    for each in (first, second):
        spread = float(each.std())
        if spread < MIN_STD:
            return None
        clipped = np.clip(each, -2 * spread, 2 * spread)
        centred = (clipped - clipped.mean(axis=(0, 1))).ravel().astype(np.float64)
        rows.append(centred / np.linalg.norm(centred))
    return float(np.clip(rows[0] @ rows[1], -1, 1))
