"""InputMotion: where each pixel of a simulated frame was in the frame before."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import RgbImage, SimFrame

Flow = npt.NDArray[np.float32]
BoolImage = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

MIN_SIDE_PX = 16
"""Smaller images have no motion that could be estimated."""


@dataclass(frozen=True, eq=False)
class InputMotion:
    """The motion between two consecutive frames, seen from the later one.

    Attributes:
        source: float32 (H, W, 2), x and y of each pixel in the frame before.
        visible: bool (H, W), pixels that were visible there and do not lie at a motion boundary.
        squared_error: Mean squared difference between the frame and the warped frame before, over
            visible pixels and channels, of values 0..255: what motion compensation leaves anyhow.
        variance: Of the frame's visible pixels, averaged over the channels, in squared levels.
    """

    source: Flow
    visible: BoolImage
    squared_error: float
    variance: float

    def warp(self, before: RgbImage) -> Floats:
        """Move the frame before onto this one; bilinear.

        Args:
            before: uint8 RGB (H, W, 3).

        Returns:
            float32 RGB (H, W, 3).
        """
        return _sample(before.astype(np.float32), self.source)


def motion_since(frame: SimFrame, before: SimFrame) -> InputMotion | None:
    """Return the motion of a simulated frame since the one before, for ``SimFrame.once``.

    Returns:
        None where the images are too small or differ in size.
    """
    if before.image.shape != frame.image.shape:
        return None
    return input_motion(before.image, frame.image)


def input_motion(before: RgbImage, after: RgbImage) -> InputMotion | None:
    """Estimate the optical flow between two images of one size in both directions.

    Dense inverse search (Kroeger et al., ECCV 2016). Occlusions are where the two directions do
    not agree, motion boundaries where the flow changes fast; both by the thresholds of Ruder,
    Dosovitskiy and Brox (Artistic style transfer for videos, 2016, section 4.1).

    Args:
        before: uint8 RGB (H, W, 3).
        after: The same, the later one.

    Returns:
        None where the images are smaller than 16 px.
    """
    height, width = after.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        return None
    first, second = _grey(before), _grey(after)
    backward, forward = _flow(second, first), _flow(first, second)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    source = np.dstack([x, y]) + backward
    from_x, from_y = source[..., 0], source[..., 1]
    visible = (from_x >= 0) & (from_x <= width - 1) & (from_y >= 0) & (from_y <= height - 1)
    visible &= _agree(backward, _sample(forward, source)) & ~_boundaries(backward)
    difference = after.astype(np.float32) - _sample(before.astype(np.float32), source)
    return InputMotion(source, visible, mean_square(difference, visible), variance(after, visible))


def mean_square(difference: Floats, visible: BoolImage) -> float:
    """Average the squares of float32 (H, W, 3) over some pixels; 0 where there are none."""
    return float(np.mean(cv2.mean(difference * difference, visible.astype(np.uint8))[:3]))


def variance(image: RgbImage, visible: BoolImage) -> float:
    """Average the variance of the channels over some pixels, in squared levels; 0 for none."""
    _, spread = cv2.meanStdDev(image, mask=visible.astype(np.uint8))
    return float(np.square(spread).mean())


def _grey(image: RgbImage) -> RgbImage:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _flow(origin: RgbImage, target: RgbImage) -> Flow:
    # One object per call: it keeps buffers, and frames are judged in several threads.
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(origin, target, None), np.float32)  # type: ignore[call-overload]


def _sample(values: Floats, source: Flow) -> Floats:
    # None: both maps are in one array. OpenCV 5.0 reads beyond an empty array in its place.
    sampled = cv2.remap(  # type: ignore[call-overload]
        values, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled, np.float32)


def _agree(backward: Flow, forward: Flow) -> BoolImage:
    length = _square_length(backward) + _square_length(forward)
    return np.asarray(_square_length(backward + forward) <= 0.01 * length + 0.5)


def _boundaries(flow: Flow) -> BoolImage:
    across = np.asarray(cv2.Sobel(flow, cv2.CV_32F, 1, 0, ksize=1, scale=0.5), np.float32)
    down = np.asarray(cv2.Sobel(flow, cv2.CV_32F, 0, 1, ksize=1, scale=0.5), np.float32)
    change = _square_length(across) + _square_length(down)
    return np.asarray(change > 0.01 * _square_length(flow) + 0.002)


def _square_length(flow: Flow) -> Floats:
    # Several times faster than a sum over an axis of 2.
    return np.asarray(flow[..., 0] ** 2 + flow[..., 1] ** 2, np.float32)
