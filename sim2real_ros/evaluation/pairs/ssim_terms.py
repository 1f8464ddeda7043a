"""The two terms of structural similarity, which SSIM and MS-SSIM are made of."""

import cv2
import numpy as np
import numpy.typing as npt

WINDOW_PX = 11
SIGMA_PX = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

FloatImage = npt.NDArray[np.float64]


def ssim_terms(image: FloatImage, target: FloatImage) -> tuple[float, float]:
    """Compute SSIM and its contrast-structure part.

    Means, variances and covariance are taken under an 11x11 Gaussian window of sigma 1.5, without
    the correction for small samples, for each channel alone; windows that reach over the border
    are left out. Constants: K1 = 0.01, K2 = 0.03, for values 0..255.

    Args:
        image: float64 (H, W, 3), 0..255; H and W at least 11.
        target: The same.

    Returns:
        Mean of SSIM, and mean of contrast times structure, over all windows and channels.
    """
    mean, target_mean = _windowed(image), _windowed(target)
    product, squares = mean * target_mean, np.square(mean) + np.square(target_mean)
    covariance = _windowed(image * target) - product
    variances = _windowed(np.square(image) + np.square(target)) - squares
    contrast_structure = (2 * covariance + _C2) / (variances + _C2)
    luminance = (2 * product + _C1) / (squares + _C1)
    return float((luminance * contrast_structure).mean()), float(contrast_structure.mean())


def _windowed(image: FloatImage) -> FloatImage:
    blurred = cv2.GaussianBlur(image, (WINDOW_PX, WINDOW_PX), SIGMA_PX)
    margin = WINDOW_PX // 2
    return np.asarray(blurred[margin:-margin, margin:-margin], np.float64)
