"""The line detector of the Duckiebot: painted lines as short straight edges, colour by colour."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.colours.thresholds import ColourThresholds, to_hsv
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.perception.line_segments import (
    FloatArray,
    LineSegments,
    no_segments,
)


@dataclass(frozen=True)
class LineDetectorOptions:
    """Constants of the line detector; the defaults are those of duckietown/dt-core, daffy.

    Attributes:
        width_px: Width of the small picture it works on; images are resized by nearest neighbour.
        height_px: Its height, before rows are cut.
        cut_rows_px: Rows cut off at the top, where the sky is.
        canny_low: Lower threshold of the Canny edges, gradient in levels.
        canny_high: Upper one.
        canny_aperture_px: Size of the Sobel operator: 3, 5 or 7.
        dilation_px: Size of the ellipse that colours grow by.
        hough_rho_px: Step of the distance in the Hough transform.
        hough_theta_deg: Step of the angle.
        hough_votes: Edge pixels that a line needs.
        min_length_px: Shortest segment.
        max_gap_px: Largest gap within a segment.
        normal_reach_px: How far from its middle a segment looks for paint on either side.
    """

    width_px: int = 160
    height_px: int = 120
    cut_rows_px: int = 40
    canny_low: float = 80.0
    canny_high: float = 200.0
    canny_aperture_px: int = 3
    dilation_px: int = 3
    hough_rho_px: float = 1.0
    hough_theta_deg: float = 1.0
    hough_votes: int = 2
    min_length_px: float = 3.0
    max_gap_px: float = 1.0
    normal_reach_px: float = 3.0

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: A number makes no sense.
        """
        if not (1 <= self.width_px <= 4096 and 1 <= self.height_px <= 4096):
            raise ValueError('width_px and height_px must be 1 to 4096')
        if not 0 <= self.cut_rows_px < self.height_px:
            raise ValueError('cut_rows_px must be from 0 to below height_px')
        if self.canny_aperture_px not in (3, 5, 7):
            raise ValueError('canny_aperture_px must be 3, 5 or 7')
        if not 0 <= self.canny_low <= self.canny_high:
            raise ValueError('expected 0 <= canny_low <= canny_high')
        if not 1 <= self.dilation_px <= 99:
            raise ValueError('dilation_px must be 1 to 99')
        if not (self.hough_rho_px > 0 and 0 < self.hough_theta_deg <= 90 and self.hough_votes > 0):
            raise ValueError('steps and votes of the Hough transform must be above 0')
        if not (self.min_length_px > 0 and self.max_gap_px >= 0 and self.normal_reach_px >= 0):
            raise ValueError(
                'min_length_px must be above 0, max_gap_px, normal_reach_px at least 0'
            )

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the small picture, cut rows included."""
        return self.width_px, self.height_px


def detector_picture(
    image: npt.NDArray[np.uint8], options: LineDetectorOptions
) -> npt.NDArray[np.uint8]:
    """Shrink an image, or a mask, to what the detector looks at.

    Args:
        image: uint8 (H, W) or (H, W, 3).
        options: Constants of the detector.

    Returns:
        uint8 (height_px - cut_rows_px, width_px) or the same with 3 channels.
    """
    small = cv2.resize(image, options.size, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(small[options.cut_rows_px :], np.uint8)


def detect_lines(
    rgb: RgbImage, thresholds: ColourThresholds, options: LineDetectorOptions | None = None
) -> dict[str, LineSegments]:
    """Find the edges of painted lines.

    Shrink, cut, take the pixels of a colour, grow them by a pixel, keep the Canny edges among
    them, and fit segments with the probabilistic Hough transform (Matas, Galambos and Kittler,
    2000), as line_detector of duckietown/dt-core (daffy) does. OpenCV seeds that transform anew
    for each call: equal images give equal segments.

    Args:
        rgb: uint8 RGB (H, W, 3), any size.
        thresholds: The colours to look for.
        options: Constants of the detector; None for those of the robot.

    Returns:
        Segments by colour, in the order of the thresholds; colours that are not there have an
        empty LineSegments.
    """
    options = options or LineDetectorOptions()
    picture = detector_picture(rgb, options)
    hsv = to_hsv(picture)
    edges = cv2.Canny(
        picture, options.canny_low, options.canny_high, apertureSize=options.canny_aperture_px
    )
    shape = (options.dilation_px, options.dilation_px)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, shape)
    found = {}
    for colour in thresholds.colours:
        paint = thresholds.pixels(hsv, colour).view(np.uint8)
        near_paint = cv2.dilate(paint, ellipse)
        edges_of_paint = np.asarray(edges * near_paint, np.uint8)
        found[colour] = _segments(edges_of_paint, paint, options)
    return found


def _segments(
    edges: npt.NDArray[np.uint8], paint: npt.NDArray[np.uint8], options: LineDetectorOptions
) -> LineSegments:
    """Fit segments to the edges of one colour; both arrays are without the cut rows."""
    lines = cv2.HoughLinesP(
        edges,
        options.hough_rho_px,
        np.deg2rad(options.hough_theta_deg),
        options.hough_votes,
        minLineLength=options.min_length_px,
        maxLineGap=options.max_gap_px,
    )
    if lines is None:
        return no_segments()
    points = np.asarray(lines, np.float64).reshape(-1, 2, 2)
    points = points[(points[:, 0] != points[:, 1]).any(axis=1)]
    normals = _normals(points, paint, options.normal_reach_px)
    return LineSegments(points + np.array([0.0, options.cut_rows_px]), normals)


def _normals(points: FloatArray, paint: npt.NDArray[np.uint8], reach_px: float) -> FloatArray:
    """Point away from the paint; a side where nothing is clear counts as the robot counts it."""
    along = points[:, 1] - points[:, 0]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([along[:, 1], -along[:, 0]], axis=1)
    middles = points.mean(axis=1)
    behind = _painted(middles - reach_px * across, paint)
    before = _painted(middles + reach_px * across, paint)
    sign = np.where(behind & ~before, 1.0, -1.0)
    return np.asarray(across * sign[:, None])


def _painted(points: FloatArray, paint: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Look up points (N, 2); those outside count as the nearest pixel inside."""
    height, width = paint.shape
    u = np.clip(points[:, 0].astype(np.intp), 0, width - 1)
    v = np.clip(points[:, 1].astype(np.intp), 0, height - 1)
    return paint[v, u] > 0
