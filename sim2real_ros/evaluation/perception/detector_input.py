"""From an image to the input of a detector, and from its coordinates back to the image's."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.perception.detection_boxes import Boxes
from sim2real_ros.evaluation.perception.detector_description import DetectorInput
from sim2real_ros.image.placement import Placement, place, place_image


def place_in_input(rgb: RgbImage, described: DetectorInput) -> Placement:
    """Return where an image uint8 (H, W, 3) lies in the detector's input.

    Raises:
        ImageError: The image has no usable size.
    """
    return place((rgb.shape[1], rgb.shape[0]), described.size, described.fit)


def input_array(
    rgb: RgbImage, placement: Placement, described: DetectorInput, dtype: str
) -> npt.NDArray[np.generic]:
    """Make the network's input of an image.

    Args:
        rgb: uint8 RGB (H, W, 3).
        placement: From ``place_in_input``.
        described: Range, mean, layout and order of the channels.
        dtype: ``float32`` or ``float16``; ``uint8`` takes the levels as they are.

    Returns:
        (1, 3, height, width) or (1, height, width, 3), C-contiguous.
    """
    levels = place_image(rgb, placement, border=described.border)
    if described.colour_order == 'BGR':
        levels = levels[..., ::-1]
    planes = levels.transpose(2, 0, 1)
    if dtype != 'uint8':
        # A level becomes the same number everywhere: 256 of them for each channel are enough.
        table = _level_values(described).astype(dtype)
        planes = np.stack([row[plane] for row, plane in zip(table, planes, strict=True)])
    is_nchw = described.layout == 'NCHW'
    return np.ascontiguousarray((planes if is_nchw else planes.transpose(1, 2, 0))[None])


def _level_values(described: DetectorInput) -> npt.NDArray[np.float32]:
    """Return what each level becomes in each channel, (3, 256)."""
    low, high = described.value_range
    scaled = low + (high - low) / 255 * np.arange(256)
    mean, std = (np.array(each)[:, None] for each in (described.mean, described.std))
    return np.asarray((scaled - mean) / std, np.float32)


def boxes_in_image(boxes: npt.NDArray[np.floating], placement: Placement) -> Boxes:
    """Move boxes from the input to the image, and cut off what lies outside of it.

    Args:
        boxes: (N, 4) x_min, y_min, x_max, y_max in pixels of the input, finite.
        placement: From ``place_in_input``.

    Returns:
        float32 (N, 4) in pixels of the image; some may have no area left.
    """
    corners = boxes.astype(np.float64).reshape(-1, 2, 2)
    corners = (corners - placement.offset) / placement.scale
    corners = np.clip(corners, 0, placement.original_size)
    return corners.reshape(-1, 4).astype(np.float32)
