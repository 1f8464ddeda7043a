"""Pictures of what a line detector found, for the report."""

from collections.abc import Mapping

import cv2
import numpy as np

from sim2real_ros.evaluation.colours.thresholds import ColourThresholds
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.perception.line_detector import LineDetectorOptions
from sim2real_ros.evaluation.perception.line_segments import LineSegments

UNNAMED_RGB = (128, 128, 128)
OUTLINE_RGB = (0, 0, 0)
WIDTH_PX = 320


def draw_lines(
    rgb: RgbImage,
    segments: Mapping[str, LineSegments],
    thresholds: ColourThresholds,
    options: LineDetectorOptions | None = None,
    *,
    width_px: int = WIDTH_PX,
) -> RgbImage:
    """Draw segments over a small, darkened picture.

    Args:
        rgb: uint8 RGB (H, W, 3), the image that the detector looked at.
        segments: What ``detect_lines`` found in it.
        thresholds: Tell the colours to draw with.
        options: Constants of the detector that found them; None for those of the robot.
        width_px: Width of the result.

    Returns:
        uint8 RGB (height, width_px, 3), of the image's shape; ``rgb`` stays as it is.
    """
    options = options or LineDetectorOptions()
    height_px = max(1, round(width_px * rgb.shape[0] / rgb.shape[1]))
    size = width_px, height_px
    # Darkened, so that white segments can be seen on white paint.
    drawn = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) * 0.55, np.uint8)
    for outline in (True, False):
        for colour, found in segments.items():
            shown = thresholds.display_rgb.get(colour, UNNAMED_RGB)
            for first, last in np.rint(found.in_image(options.size, size)).astype(int):
                cv2.line(
                    drawn,
                    first.tolist(),
                    last.tolist(),
                    OUTLINE_RGB if outline else shown,
                    3 if outline else 1,
                    cv2.LINE_AA,
                )
    return drawn
