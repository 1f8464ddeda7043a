"""Pictures of a straight road at a known pose, drawn with OpenCV's own camera."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

WHITE, YELLOW, RED = (235, 235, 235), (240, 190, 20), (200, 25, 25)
ASPHALT, SKY = (60, 60, 62), (120, 160, 205)
WHITE_ID, YELLOW_ID = 2, 3


@dataclass(frozen=True)
class View:
    """The camera of the simulator gym-duckietown."""

    fov_y_deg: float = 75.0
    pitch_down_deg: float = 19.15
    height_m: float = 0.108
    forward_m: float = 0.066
    size: tuple[int, int] = (512, 384)

    def pixels(self, robot_points):
        """Project (N, 3) points in the frame of the robot with cv2.projectPoints."""
        pitch = np.deg2rad(self.pitch_down_deg)
        ahead = np.array([np.cos(pitch), 0, -np.sin(pitch)])
        right = np.array([0.0, -1, 0])
        rotation = np.stack([right, np.cross(ahead, right), ahead])
        shift = -rotation @ [self.forward_m, 0, self.height_m]
        width, height = self.size
        focal = height / 2 / np.tan(np.deg2rad(self.fov_y_deg) / 2)
        matrix = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
        turned, _ = cv2.Rodrigues(rotation)
        points = np.asarray(robot_points, np.float64).reshape(-1, 1, 3)
        pixels, _ = cv2.projectPoints(points, turned, shift, matrix, None)
        return pixels.reshape(-1, 2)


def stripes(lane_width=0.23, white=0.05, yellow=0.025):
    """Yield (colour, id, along from, to, right edge, left edge) in lane coordinates, metres."""
    half = lane_width / 2
    far = half + yellow + lane_width
    yield WHITE, WHITE_ID, -1.0, 6.0, -half - white, -half
    yield WHITE, WHITE_ID, -1.0, 6.0, far, far + white
    for start in np.arange(-0.5, 5.0, 0.12):
        yield YELLOW, YELLOW_ID, start, start + 0.09, half, half + yellow


@cache
def road(d_m, phi_rad, view=None, scale=3):
    """Draw what a robot at (d, phi) sees.

    Returns:
        uint8 RGB picture and uint8 mask of ids; equal calls share them, so they are read-only.
    """
    view = view or View()
    large = View(view.fov_y_deg, view.pitch_down_deg, view.height_m, view.forward_m,
                 (view.size[0] * scale, view.size[1] * scale))  # fmt: skip
    rgb = np.full((large.size[1], large.size[0], 3), ASPHALT, np.uint8)
    mask = np.zeros(rgb.shape[:2], np.uint8)
    horizon = round(large.pixels([[1e5, 0, 0]])[0, 1])
    rgb[:horizon] = SKY
    lane_to_robot = np.array(
        [[np.cos(phi_rad), np.sin(phi_rad)], [-np.sin(phi_rad), np.cos(phi_rad)]]
    )
    for colour, number, start, end, right, left in stripes():
        along = np.linspace(start, end, 200)
        ring = np.concatenate(
            [np.c_[along, np.full(200, right)], np.c_[along[::-1], np.full(200, left)]]
        )
        ring = (ring - [0, d_m]) @ lane_to_robot.T
        ring = ring[ring[:, 0] > view.forward_m + 0.03]
        if len(ring) < 3:
            continue
        corners = large.pixels(np.c_[ring, np.zeros(len(ring))])
        polygon = np.rint(corners * 16).astype(np.int32)
        cv2.fillPoly(rgb, [polygon], colour, shift=4)
        cv2.fillPoly(mask, [polygon], number, shift=4)
    rgb = cv2.resize(rgb, view.size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(mask, view.size, interpolation=cv2.INTER_NEAREST)
    rgb.flags.writeable = mask.flags.writeable = False
    return rgb, mask
