"""The discrete Gaussian: a kernel whose variance is exact however narrow it is.

A sampled Gaussian of 0.3 pixels has less than a tenth of the variance that its name says. The
discrete one, T(n, t) = exp(-t) I_n(t) with the modified Bessel function I_n (Lindeberg 1990,
Scale-space for discrete signals), has the variance t, and kernels that follow each other add up.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

TAIL = 0.002
"""Sum of the weights that may be cut off."""

_POINTS = 256


def gaussian_response(sigma_px: float, points: int) -> npt.NDArray[np.float64]:
    """Return the frequency response exp(t (cos w - 1)) at ``points`` frequencies of an FFT."""
    frequencies = 2 * np.pi * np.fft.fftfreq(points)
    response: npt.NDArray[np.float64] = np.exp(sigma_px**2 * (np.cos(frequencies) - 1))
    return response


def gaussian_kernel(sigma_px: float) -> npt.NDArray[np.float32]:
    """Return the weights of one axis, of odd length and sum 1.

    Args:
        sigma_px: Standard deviation, 0..3.
    """
    weights = np.fft.ifft(gaussian_response(sigma_px, _POINTS)).real
    radius = 0
    while 1 - weights[0] - 2 * weights[1 : radius + 1].sum() > TAIL:
        radius += 1
    kernel = np.concatenate([weights[radius:0:-1], weights[: radius + 1]])
    return np.asarray(kernel / kernel.sum(), np.float32)


def autocorrelation(sigma_px: float) -> npt.NDArray[np.float64]:
    """Return how white noise correlates with its neighbours 0, 1, 2 ... away after this kernel."""
    # The kernel correlated with itself is the discrete Gaussian of twice the variance.
    weights = np.fft.ifft(gaussian_response(sigma_px, _POINTS) ** 2).real
    return np.asarray(weights / weights[0])


def sigma_of_correlation(
    correlation: float, highest: float, expected: Callable[[float], float]
) -> float:
    """Return the kernel that makes neighbours correlate so, within 0..highest pixels.

    Args:
        correlation: With the next neighbour, as measured.
        highest: Largest standard deviation to consider.
        expected: What is measured after a kernel of a standard deviation; must grow with it.
    """
    low, high = 0.0, highest
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) < correlation else (low, middle)
    return high if correlation > expected(0.0) else 0.0
