"""PSNR: how far a translated image is from the known right answer, pixel by pixel."""

import numpy as np

from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.pairs.target_image import target_of
from sim2real_ros.evaluation.quantity import Quantity

MAX_PSNR_DB = 100.0
"""Of equal images, whose true value is infinite."""

PSNR_DB = Quantity(
    key='psnr_db',
    title='PSNR',
    better='higher',
    description=(
        'Peak signal-to-noise ratio against the target image, over all pixels and the three '
        'channels. Equal images count as 100 dB, whose true value is infinite; above 30 dB the '
        'eye sees little difference. Says nothing where the target is of another moment or view.'
    ),
    unit='dB',
    limits=(0.0, MAX_PSNR_DB),
    source='ITU-T J.340',
    decimals=2,
)


class Psnr(Measure):
    """PSNR against the target image."""

    quantities = (PSNR_DB,)
    needs = frozenset({'target'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Compare one frame with its target.

        Raises:
            ImageError: The target has another size.
        """
        return Observation({PSNR_DB.key: psnr_db(frame.translated, target_of(frame))})


def psnr_db(image: RgbImage, target: RgbImage) -> float:
    """Compute 10 log10(255^2 / mean squared difference).

    Args:
        image: uint8 RGB (H, W, 3).
        target: The same.

    Returns:
        dB, at most ``MAX_PSNR_DB``.
    """
    difference = image.astype(np.int32) - target
    # Exact: at most 3 * 2^32 pixels before 64-bit integers overflow.
    error = int(np.square(difference).sum(dtype=np.int64)) / difference.size
    return MAX_PSNR_DB if error == 0 else min(MAX_PSNR_DB, float(10 * np.log10(255**2 / error)))
