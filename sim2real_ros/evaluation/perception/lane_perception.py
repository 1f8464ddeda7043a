"""LanePerception: how a robot gets from a picture to its pose in the lane."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sim2real_ros.config import load_yaml
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds
from sim2real_ros.evaluation.frame import LanePose, RgbImage
from sim2real_ros.evaluation.perception.anti_instagram import (
    ColourBalanceOptions,
    balance_colours,
)
from sim2real_ros.evaluation.perception.ground_projection import GroundCamera
from sim2real_ros.evaluation.perception.lane_filter import (
    GroundSegments,
    LaneFilterOptions,
    estimate_lane_pose,
    lane_votes,
)
from sim2real_ros.evaluation.perception.line_detector import LineDetectorOptions, detect_lines
from sim2real_ros.evaluation.perception.line_segments import LineSegments


@dataclass(frozen=True)
class LanePerception:
    """Constants of a robot's lane perception, as ``config/perception/duckietown_lane.yaml``.

    Attributes:
        name: For tables.
        camera: Where the camera is; it belongs to the robot that took the pictures.
        lane: The lane and the filter.
        detector: The line detector.
        colour_balance: The colour correction before it; None for none.
        description: Where the numbers come from.
    """

    name: str
    camera: GroundCamera
    lane: LaneFilterOptions = field(default_factory=LaneFilterOptions)
    detector: LineDetectorOptions = field(default_factory=LineDetectorOptions)
    colour_balance: ColourBalanceOptions | None = None
    description: str = ''


def load_lane_perception(path: str | Path) -> LanePerception:
    """Read constants from a YAML file, such as ``config/perception/duckietown_lane.yaml``.

    Raises:
        ConfigError: The file cannot be read or does not describe a lane perception.
    """
    return load_yaml(LanePerception, path)


def perceived_lane_pose(
    rgb: RgbImage, thresholds: ColourThresholds, perception: LanePerception
) -> LanePose | None:
    """Estimate the pose in the lane from one picture.

    Args:
        rgb: uint8 RGB (H, W, 3).
        thresholds: Must have the two colours of the lane; others are not looked for.
        perception: Constants of the robot.

    Returns:
        The pose, or None where the robot does not know.
    """
    if perception.colour_balance is not None:
        rgb = balance_colours(rgb, perception.colour_balance)
    lines = detect_lines(rgb, thresholds, perception.detector)
    image_size = rgb.shape[1], rgb.shape[0]
    right_line, centre_line = (
        on_ground(lines[colour], perception, image_size)
        for colour in (perception.lane.right_colour, perception.lane.centre_colour)
    )
    return estimate_lane_pose(
        lane_votes(right_line, centre_line, perception.lane), perception.lane
    )


def on_ground(
    lines: LineSegments, perception: LanePerception, image_size: tuple[int, int]
) -> GroundSegments:
    """Project segments to the road.

    Args:
        lines: What the detector found.
        perception: Camera and detector.
        image_size: (width, height) of the image that the detector looked at.

    Returns:
        The segments on the road; ends at or above the horizon are NaN.
    """
    pixels = lines.in_image(perception.detector.size, image_size)
    ground = perception.camera.ground_points(pixels, image_size)
    # A homography keeps the sense of turning among points before the camera, so the side of the
    # paint can be told in the picture: left of an edge that leads away is left on the road.
    away = np.where(ground[:, 1, :1] >= ground[:, 0, :1], 1.0, -1.0)
    direction = (lines.points[:, 1] - lines.points[:, 0]) * away
    leftward = np.stack([direction[:, 1], -direction[:, 0]], axis=1)
    return GroundSegments(ground, (leftward * lines.normals).sum(axis=1) > 0)
