"""GroundCamera: a pinhole camera on a robot, and where its pixels lie on the road."""

from dataclasses import dataclass

import numpy as np

from sim2real_ros.evaluation.perception.line_segments import FloatArray


@dataclass(frozen=True)
class GroundCamera:
    """A camera without distortion, looking ahead and down at a flat road.

    The frame of the robot: x ahead, y to the left, z up, in metres, its origin on the road below
    the point that poses are told of.

    Attributes:
        fov_y_deg: Angle between the upper and the lower edge of the image.
        pitch_down_deg: How far the optical axis looks below the horizon.
        height_m: Height above the road.
        forward_m: Distance ahead of the origin.
        aspect_ratio: Width over height of the camera's own images, whose pixels are square.
            Images of another shape were squeezed.
    """

    fov_y_deg: float
    pitch_down_deg: float
    height_m: float
    forward_m: float = 0.0
    aspect_ratio: float = 4 / 3

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            ValueError: A number is out of range.
        """
        if not 1 <= self.fov_y_deg <= 170:
            raise ValueError('fov_y_deg must be from 1 to 170')
        if not -60 <= self.pitch_down_deg <= 89:
            raise ValueError('pitch_down_deg must be from -60 to 89')
        if not 0 < self.height_m <= 100 or not abs(self.forward_m) <= 100:
            raise ValueError('height_m must be above 0, and it and forward_m at most 100')
        if not 0.1 <= self.aspect_ratio <= 10:
            raise ValueError('aspect_ratio must be from 0.1 to 10')

    def ground_to_image(self, image_size: tuple[int, int]) -> FloatArray:
        """Return the homography from the road to the image.

        A point (x, y, 0) of the road lies, seen from the camera and with s, c the sine and cosine
        of the pitch and x' = x - forward, at depth z = c x' + s h along the optical axis,
        -y to the right of it and c h - s x' below it. So
        u = cx + f_u (-y) / z and v = cy + f_v (c h - s x') / z.

        Args:
            image_size: (width, height) in pixels; pixel (0, 0) has its middle at u = v = 0.

        Returns:
            float64 (3, 3): (x, y, 1) to (u, v, 1) times the depth in metres, which is above 0 for
            what lies before the camera.
        """
        width, height = image_size
        half_y = np.tan(np.deg2rad(self.fov_y_deg) / 2)
        focal_v, focal_u = height / 2 / half_y, width / 2 / half_y / self.aspect_ratio
        pitch = np.deg2rad(self.pitch_down_deg)
        sine, cosine = np.sin(pitch), np.cos(pitch)
        ahead, height_m = self.forward_m, self.height_m
        camera = np.array(
            [
                [0.0, -1.0, 0.0],
                [-sine, 0.0, cosine * height_m + sine * ahead],
                [cosine, 0.0, sine * height_m - cosine * ahead],
            ]
        )
        intrinsics = np.array(
            [
                [focal_u, 0.0, (width - 1) / 2],
                [0.0, focal_v, (height - 1) / 2],
                [0.0, 0.0, 1.0],
            ]
        )
        return np.asarray(intrinsics @ camera)

    def image_points(self, ground_m: FloatArray, image_size: tuple[int, int]) -> FloatArray:
        """Return where points of the road appear.

        Args:
            ground_m: float64 (..., 2): x, y in metres in the frame of the robot.
            image_size: (width, height) in pixels.

        Returns:
            float64 (..., 2): u, v in pixels, maybe outside of the image; NaN for points that do
            not lie before the camera.
        """
        return _mapped(ground_m, self.ground_to_image(image_size))

    def ground_points(self, pixels: FloatArray, image_size: tuple[int, int]) -> FloatArray:
        """Return which points of the road are seen at pixels.

        Args:
            pixels: float64 (..., 2): u, v.
            image_size: (width, height) in pixels.

        Returns:
            float64 (..., 2): x, y in metres in the frame of the robot; NaN at and above the
            horizon.
        """
        # An inverse maps to (x, y, 1) over the depth: above 0 for what lies before the camera.
        image_to_ground = np.linalg.inv(self.ground_to_image(image_size))
        return _mapped(pixels, np.asarray(image_to_ground, np.float64))


def _mapped(points: FloatArray, homography: FloatArray) -> FloatArray:
    """Apply a homography; points whose third coordinate is not above 0 become NaN."""
    mapped = points @ homography[:, :2].T + homography[:, 2]
    third = mapped[..., 2:]
    third = np.where(third > 1e-9, third, np.nan)
    return np.asarray(mapped[..., :2] / third)
