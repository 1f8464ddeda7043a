"""Slopes of the brightness of an image: where its edges are and where they point."""

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.structure.view import FloatImage, StructureView

SEARCH_SIDE_PX = 320
"""Longest side of images that are searched for something: finer detail only costs time."""

Slopes = npt.NDArray[np.complex64]


def slopes(image: FloatImage) -> Slopes:
    """Return the slopes of an image by Sobel's filters.

    Args:
        image: float32 (h, w), such as the normalised luminance of a view.

    Returns:
        complex64 (h, w), right + 1j * down, per pixel.
    """
    right = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(right + 1j * down, np.complex64)


def without_sign(gradient: Slopes) -> Slopes:
    """Double the angle and keep the length, so that opposite slopes become equal.

    The usual way to average orientations: Granlund, In Search of a General Picture Processing
    Operator, 1978.
    """
    length = np.abs(gradient)
    return np.asarray(np.square(gradient) / np.maximum(length, 1e-12), np.complex64)


def searched(view: StructureView) -> tuple[FloatImage, float]:
    """Shrink the normalised luminance for a search.

    Returns:
        float32 (h, w), longest side at most ``SEARCH_SIDE_PX``; and the width of one of its
        pixels in pixels of the frame.
    """
    image = view.normalised
    shrinking = max(image.shape) / SEARCH_SIDE_PX
    if shrinking <= 1:
        return image, view.frame_px
    size = (max(1, round(image.shape[1] / shrinking)), max(1, round(image.shape[0] / shrinking)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), view.frame_px * shrinking
