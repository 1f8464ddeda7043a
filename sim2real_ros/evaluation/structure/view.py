"""StructureView: what an image looks like without its colours, brightness and contrast."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage, SimFrame

MAX_SIDE_PX = 640
"""Longer images are shrunk to this first, which bounds the time; structure that matters is
larger than the pixels that are lost."""

SMOOTHING_PX = 1.2
"""Sigma of the Gaussian that takes away what is noise and compression rather than structure."""

NEIGHBOURHOOD_PX = 41
"""Side of the square that a pixel's brightness is compared with."""

_FLOOR_OF_IMAGE, _FLOOR_LEVELS = 0.25, 2.0

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class StructureView:
    """An image reduced to its structure.

    Attributes:
        luminance: uint8 (h, w), ITU-R BT.601, 0..255.
        normalised: float32 (h, w): the smoothed luminance less the mean of its neighbourhood,
            divided by the neighbourhood's standard deviation. Unchanged by brightness and
            contrast of the image, and nearly so by shadows and changed colours of surfaces. Where
            there is next to no contrast it stays near 0 instead of showing noise.
        frame_px: Width of one of these pixels in pixels of the frame; 1 unless it was shrunk.
    """

    luminance: npt.NDArray[np.uint8]
    normalised: FloatImage
    frame_px: float


def structure_view(rgb: RgbImage) -> StructureView:
    """Reduce an image to its structure.

    Args:
        rgb: uint8 RGB (H, W, 3).
    """
    height, width = rgb.shape[:2]
    luminance = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    frame_px = max(1.0, max(height, width) / MAX_SIDE_PX)
    if frame_px > 1:
        size = (max(1, round(width / frame_px)), max(1, round(height / frame_px)))
        luminance = cv2.resize(luminance, size, interpolation=cv2.INTER_AREA)
    grey = np.asarray(luminance, np.uint8)
    return StructureView(grey, _normalised(grey), frame_px)


def sim_view(sim: SimFrame) -> StructureView:
    """Return the view of a simulated frame, computed once for all candidates and measures."""
    return sim.once(_view_of_sim)


def translated_view(frame: EvaluatedFrame) -> StructureView:
    """Return the view of a translation, computed once for all measures."""
    return frame.once(_view_of_translation)


def _view_of_translation(frame: EvaluatedFrame) -> StructureView:
    return structure_view(frame.translated)


def _view_of_sim(sim: SimFrame) -> StructureView:
    return structure_view(sim.image)


def _normalised(luminance: npt.NDArray[np.uint8]) -> FloatImage:
    smooth = cv2.GaussianBlur(luminance.astype(np.float32), (0, 0), SMOOTHING_PX)
    # Small numbers lose less in the difference of squares below.
    smooth -= smooth.mean()
    square = (NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX)
    mean = cv2.blur(smooth, square)
    variance = np.maximum(cv2.blur(np.square(smooth), square) - np.square(mean), 0)
    # Relative to the whole image, so that the contrast of the image does not matter; the levels
    # are there for images that are next to constant.
    floor = _FLOOR_OF_IMAGE * float(smooth.std()) + _FLOOR_LEVELS
    return np.asarray((smooth - mean) / (np.sqrt(variance) + floor), np.float32)
