"""SSIM: whether a translated image has the structure of the known right answer."""

import numpy as np

from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.pairs.ssim_terms import ssim_terms
from sim2real_ros.evaluation.pairs.target_image import target_of
from sim2real_ros.evaluation.quantity import Quantity

SSIM = Quantity(
    key='ssim',
    title='SSIM',
    better='higher',
    description=(
        'Structural similarity to the target image: means, contrasts and structure under an '
        '11x11 Gaussian window of sigma 1.5, per colour channel, averaged. 1 is an equal image, '
        '0 an unrelated one.'
    ),
    limits=(-1.0, 1.0),
    source='Wang, Bovik, Sheikh, Simoncelli, Image Quality Assessment, IEEE TIP 2004',
)


class Ssim(Measure):
    """Structural similarity to the target image."""

    quantities = (SSIM,)
    needs = frozenset({'target'})

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Compare one frame with its target.

        Raises:
            ImageError: The target has another size.
        """
        return Observation({SSIM.key: ssim(frame.translated, target_of(frame))})


def ssim(image: RgbImage, target: RgbImage) -> float:
    """Compute the structural similarity of two images.

    The same number as scikit-image with ``gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255, channel_axis=2``. torchmetrics from 1.9 on also
    counts windows that reach over the border, over which it mirrors the image; its number differs
    in the third digit.

    Args:
        image: uint8 RGB (H, W, 3); H and W at least 11.
        target: The same.

    Returns:
        -1..1.
    """
    return ssim_terms(image.astype(np.float64), target.astype(np.float64))[0]
