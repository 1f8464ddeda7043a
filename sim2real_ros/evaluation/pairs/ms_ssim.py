"""MS-SSIM: structural similarity to the known right answer on five scales."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.pairs.ssim_terms import WINDOW_PX, ssim_terms
from sim2real_ros.evaluation.pairs.target_image import target_of
from sim2real_ros.evaluation.quantity import Quantity

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""From fine to coarse; found by Wang et al. in tests with people."""

MIN_SIDE_PX = WINDOW_PX * 2 ** (len(SCALE_WEIGHTS) - 1)
"""176: below, no window fits into the coarsest scale."""

MS_SSIM = Quantity(
    key='ms_ssim',
    title='MS-SSIM',
    better='higher',
    description=(
        'Structural similarity to the target image on five scales, each half of the one before. '
        '1 is an equal image. Closer to what people see than SSIM, which looks at the finest '
        f'scale alone; left out for images below {MIN_SIDE_PX} pixels on a side.'
    ),
    limits=(0.0, 1.0),
    source='Wang, Simoncelli, Bovik, Multiscale Structural Similarity, Asilomar 2003',
)


class MsSsim(Measure):
    """Structural similarity to the target image on five scales."""

    quantities = (MS_SSIM,)
    needs = frozenset({'target'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Compare one frame with its target; says nothing about images that are too small.

        Raises:
            ImageError: The target has another size.
        """
        similarity = ms_ssim(frame.translated, target_of(frame))
        return Observation({} if similarity is None else {MS_SSIM.key: similarity})


def ms_ssim(image: RgbImage, target: RgbImage) -> float | None:
    """Compute the structural similarity of two images on five scales.

    Negative terms count as 0, since their powers are no real numbers. The same as torchmetrics
    but for the border: no scale counts windows that reach over it (see ``ssim``).

    Args:
        image: uint8 RGB (H, W, 3).
        target: The same.

    Returns:
        0..1; None where a side is shorter than ``MIN_SIDE_PX``.
    """
    if min(image.shape[:2]) < MIN_SIDE_PX:
        return None
    first, second = image.astype(np.float64), target.astype(np.float64)
    factors = []
    for weight in SCALE_WEIGHTS[:-1]:
        _, contrast_structure = ssim_terms(first, second)
        factors.append(max(contrast_structure, 0.0) ** weight)
        first, second = _halved(first), _halved(second)
    full, _ = ssim_terms(first, second)
    return float(math.prod([*factors, max(full, 0.0) ** SCALE_WEIGHTS[-1]]))


def _halved(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Average 2x2 pixels; an odd last row or column is dropped."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    even = image[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.float64)
