"""Mean and covariance of pixels, gathered frame by frame without keeping the frames."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ColourStatistics:
    """First and second moments of a set of pixels; adding two gives those of the union.

    Sums of squares are kept about the mean and merged by the pairwise formula of Chan, Golub and
    LeVeque (1979), which stays exact where plain sums of squares cancel.

    Attributes:
        count: Number of pixels.
        mean: Mean of each channel, float64, shape (3,).
        scatter: Sum of the outer products of deviations from the mean, float64, shape (3, 3).
    """

    count: int
    mean: Array
    scatter: Array

    @classmethod
    def empty(cls) -> 'ColourStatistics':
        """Return the statistics of no pixel at all."""
        return cls(0, np.zeros(3), np.zeros((3, 3)))

    @classmethod
    def of(cls, pixels: Array) -> 'ColourStatistics':
        """Measure pixels of shape (N, 3)."""
        if len(pixels) == 0:
            return cls.empty()
        mean = pixels.mean(axis=0)
        deviation = pixels - mean
        return cls(len(pixels), mean, deviation.T @ deviation)

    def __add__(self, other: 'ColourStatistics') -> 'ColourStatistics':
        """Merge with the statistics of other pixels."""
        count = self.count + other.count
        if count == 0:
            return self
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.count / count)
        between = np.outer(delta, delta) * (self.count * other.count / count)
        return ColourStatistics(count, mean, self.scatter + other.scatter + between)

    @property
    def covariance(self) -> Array:
        """Unbiased covariance, shape (3, 3); zero for a single pixel.

        Raises:
            DataError: There is no pixel.
        """
        if self.count == 0:
            raise DataError('No pixel was seen, so there are no colour statistics.')
        return self.scatter / max(self.count - 1, 1)

    @property
    def std(self) -> Array:
        """Standard deviation of each channel, shape (3,)."""
        return np.sqrt(np.diag(self.covariance))


def sample_pixels(
    image: npt.NDArray[np.uint8], *, max_pixels: int = 20_000, skip_top: float = 0.0
) -> npt.NDArray[np.uint8]:
    """Take pixels of an image on a regular grid.

    Args:
        image: uint8, shape (H, W, 3).
        max_pixels: Roughly as many are taken, so that large images do not outweigh small ones;
            0 takes all.
        skip_top: Fraction of the rows, from the top, that is left out: 0 <= skip_top < 1. The
            horizon's content (sky in a simulator, walls in a room) often differs between the
            domains while the road does not.

    Returns:
        uint8, shape (N, 3), at least one pixel.
    """
    rows = image[min(int(skip_top * image.shape[0]), image.shape[0] - 1) :]
    pixels = rows.shape[0] * rows.shape[1]
    step = int(np.ceil(np.sqrt(pixels / max_pixels))) if max_pixels else 1
    return rows[:: max(step, 1), :: max(step, 1)].reshape(-1, 3)
