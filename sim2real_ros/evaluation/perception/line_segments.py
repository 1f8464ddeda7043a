"""LineSegments: what a line detector found of one colour."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LineSegments:
    """Straight edges of painted lines, in pixels of the detector's small picture.

    Attributes:
        points: float64 (N, 2, 2): both ends of each segment as (u, v), u to the right and v down,
            (0, 0) at the middle of the first pixel of the whole picture, cut rows included.
        normals: float64 (N, 2): unit vectors (u, v) at right angles to the segments that point
            away from the paint, as far as the detector can tell.
    """

    points: FloatArray
    normals: FloatArray

    def __len__(self) -> int:
        """Return the number of segments."""
        return len(self.points)

    @cached_property
    def lengths_px(self) -> FloatArray:
        """Lengths in pixels of the small picture; (N,), all above 0."""
        return np.asarray(np.linalg.norm(self.points[:, 1] - self.points[:, 0], axis=1))

    def in_image(self, detector_size: tuple[int, int], image_size: tuple[int, int]) -> FloatArray:
        """Return the ends in pixels of the image that the small picture was made from.

        Nearest-neighbour resizing takes small pixel i from image pixel floor(i * scale), so there
        is no shift by half a pixel as other ways of resizing have it.

        Args:
            detector_size: (width, height) of the small picture.
            image_size: (width, height) of the image.

        Returns:
            float64 (N, 2, 2).
        """
        scale = np.array(image_size, np.float64) / np.array(detector_size, np.float64)
        return np.asarray(self.points * scale)


def no_segments() -> LineSegments:
    """Return what is found where there is nothing."""
    return LineSegments(np.zeros((0, 2, 2)), np.zeros((0, 2)))
