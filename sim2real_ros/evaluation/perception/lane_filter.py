"""The Duckiebot's lane filter: where in its lane a robot is, by a vote of line segments."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import LanePose
from sim2real_ros.evaluation.perception.line_segments import FloatArray


@dataclass(frozen=True)
class LaneFilterOptions:
    """The lane, and the histogram of votes; defaults are those of duckietown/dt-core, daffy.

    Attributes:
        right_colour: Colour of the line at the right of the lane.
        centre_colour: Colour of the line at its left, in the middle of the road.
        lane_width_m: Between the inner edges of both lines.
        right_line_width_m: Width of the paint at the right.
        centre_line_width_m: Width of the paint at the left.
        range_m: Segments whose middle lies farther from the robot have no vote.
        d_min_m: Lower end of the histogram over the distance from the centre of the lane.
        d_max_m: Upper end.
        d_step_m: Width of its bins.
        phi_min_rad: Lower end of the histogram over the heading.
        phi_max_rad: Upper end.
        phi_step_rad: Width of its bins.
        d_blur_bins: Standard deviation of the blur along d, in bins; 0 for none.
        phi_blur_bins: The same along phi.
        min_votes: With fewer votes there is no estimate.
    """

    right_colour: str = 'white'
    centre_colour: str = 'yellow'
    lane_width_m: float = 0.23
    right_line_width_m: float = 0.05
    centre_line_width_m: float = 0.025
    range_m: float = 0.33
    d_min_m: float = -0.15
    d_max_m: float = 0.3
    d_step_m: float = 0.02
    phi_min_rad: float = -1.5
    phi_max_rad: float = 1.5
    phi_step_rad: float = 0.1
    d_blur_bins: float = 1.0
    phi_blur_bins: float = 2.0
    min_votes: int = 3

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: A number makes no sense.
        """
        if not (self.lane_width_m > 0 and self.range_m > 0):
            raise ValueError('lane_width_m and range_m must be above 0')
        if min(self.right_line_width_m, self.centre_line_width_m) < 0:
            raise ValueError('widths of lines must not be below 0')
        if not (self.d_min_m < self.d_max_m and self.phi_min_rad < self.phi_max_rad):
            raise ValueError('the histogram must begin before it ends')
        if not (self.d_step_m > 0 and self.phi_step_rad > 0) or max(self.bins) > 1000:
            raise ValueError('steps must be above 0 and make at most 1000 bins')
        if not (0 <= self.d_blur_bins <= 100 and 0 <= self.phi_blur_bins <= 100):
            raise ValueError('blurs must be from 0 to 100 bins')
        if self.min_votes < 1:
            raise ValueError('min_votes must be at least 1')
        if self.right_colour == self.centre_colour:
            raise ValueError('right_colour and centre_colour must differ')

    @property
    def bins(self) -> tuple[int, int]:
        """Numbers of bins along d and phi; the last one may reach over the end."""
        return (
            _bin_count(self.d_max_m - self.d_min_m, self.d_step_m),
            _bin_count(self.phi_max_rad - self.phi_min_rad, self.phi_step_rad),
        )


@dataclass(frozen=True, eq=False)
class GroundSegments:
    """Edges of one painted line on the road, in the frame of the robot.

    Attributes:
        points_m: float64 (N, 2, 2): both ends as (x ahead, y to the left) in metres.
        left_edge: bool (N,): whether the paint lies to the right of the edge, looking ahead.
    """

    points_m: FloatArray
    left_edge: npt.NDArray[np.bool_]


def lane_votes(
    right_line: GroundSegments, centre_line: GroundSegments, options: LaneFilterOptions
) -> FloatArray:
    """Turn segments into votes.

    With the robot's heading phi against the lane, the lane runs along t = (cos phi, -sin phi) in
    the frame of the robot, and n = (sin phi, cos phi) points to the left of it. A point p of the
    road then lies d + n p to the left of the centre of the lane. An edge of paint tells t by its
    own direction, and d by where in the lane it must be: with the width w of the lane and the
    widths r and c of both lines, the edges of the right line lie at -w/2 (left) and -w/2 - r
    (right), those of the centre line at w/2 (right) and w/2 + c (left). So
    phi = -atan2(t_y, t_x) and d = edge - n p, p being the middle of the segment.

    Args:
        right_line: Edges of the line at the right of the lane.
        centre_line: Edges of the line at its left.
        options: The lane.

    Returns:
        float64 (N, 2): d in metres and phi in radians of each segment within the range; whatever
        is not ahead of the robot, or not finite, has no vote.
    """
    half = options.lane_width_m / 2
    right_edges = np.where(right_line.left_edge, -half, -half - options.right_line_width_m)
    centre_edges = np.where(centre_line.left_edge, half + options.centre_line_width_m, half)
    points = np.concatenate([right_line.points_m, centre_line.points_m])
    edges = np.concatenate([right_edges, centre_edges])
    along = points[:, 1] - points[:, 0]
    middles = points.mean(axis=1)
    with np.errstate(invalid='ignore'):
        usable = (points[..., 0] > 0).all(axis=1) & np.isfinite(points).all(axis=(1, 2))
        usable &= (np.hypot(*middles.T) < options.range_m) & (along != 0).any(axis=1)
    along, middles, edges = along[usable], middles[usable], edges[usable]
    along = along * np.where(along[:, :1] < 0, -1.0, 1.0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    phi = -np.arctan2(along[:, 1], along[:, 0])
    lateral = np.sin(phi) * middles[:, 0] + np.cos(phi) * middles[:, 1]
    return np.stack([edges - lateral, phi], axis=1)


def vote_histogram(votes: FloatArray, options: LaneFilterOptions) -> FloatArray:
    """Count votes, float64 of shape ``options.bins``; votes outside of the histogram are lost."""
    d_bins, phi_bins = options.bins
    d = np.floor((votes[:, 0] - options.d_min_m) / options.d_step_m)
    phi = np.floor((votes[:, 1] - options.phi_min_rad) / options.phi_step_rad)
    inside = (d >= 0) & (d < d_bins) & (phi >= 0) & (phi < phi_bins)
    flat = (d[inside] * phi_bins + phi[inside]).astype(np.intp)
    return np.bincount(flat, minlength=d_bins * phi_bins).reshape(d_bins, phi_bins).astype(float)


def estimate_lane_pose(votes: FloatArray, options: LaneFilterOptions) -> LanePose | None:
    """Return the middle of the bin that most votes, blurred, are for.

    The robot's filter multiplies the histograms of successive frames and blurs in between; this
    is its answer to a single frame, so that one bad frame does not spoil the next ones.

    Args:
        votes: float64 (N, 2) as ``lane_votes`` gives them.
        options: The histogram.

    Returns:
        The estimate, or None where fewer than ``min_votes`` votes are inside of the histogram.
    """
    histogram = vote_histogram(votes, options)
    if histogram.sum() < options.min_votes:
        return None
    d, phi = np.unravel_index(int(_blurred(histogram, options).argmax()), histogram.shape)
    return LanePose(
        options.d_min_m + (float(d) + 0.5) * options.d_step_m,
        options.phi_min_rad + (float(phi) + 0.5) * options.phi_step_rad,
    )


def _blurred(histogram: FloatArray, options: LaneFilterOptions) -> FloatArray:
    """Blur along both axes; outside of the histogram there are no votes."""
    d_kernel, phi_kernel = _gaussian(options.d_blur_bins), _gaussian(options.phi_blur_bins)
    return np.asarray(
        cv2.sepFilter2D(
            histogram, cv2.CV_64F, phi_kernel, d_kernel, borderType=cv2.BORDER_CONSTANT
        )
    )


def _gaussian(sigma_bins: float) -> FloatArray:
    """Return the weights of a blur over four standard deviations to either side."""
    reach = int(4 * sigma_bins + 0.5)
    offsets = np.arange(-reach, reach + 1) / max(sigma_bins, 1e-9)
    weights = np.exp(-(offsets**2) / 2)
    return np.asarray(weights / weights.sum())


def _bin_count(extent: float, step: float) -> int:
    # Rounded before the ceiling: 0.28 / 0.02 is a little more than 14 for a computer.
    return int(np.ceil(round(min(extent / step, 1e6), 6)))
