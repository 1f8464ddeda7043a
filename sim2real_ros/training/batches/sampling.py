"""What a sample of a batch shows: which images, which crop, mirrored or not.

Everything is a function of the run's seed and the sample's number since the run's beginning, so it
depends neither on threads nor on how many processes share the work.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

SIM, REAL = 0, 1
_ORDER, _CHANGES, _REPLACEMENT = 0, 1, 2


@dataclass(frozen=True)
class Sampler:
    """Chooses the images of a sample.

    An epoch has as many samples as the larger domain has images, and shows each of these once, in
    a new order; the images of the smaller domain come about equally often. Of unpaired data both
    orders are independent, so partners are random. (The original CycleGAN draws the second image
    at random each time, so of the second domain some are missed in an epoch.)

    Attributes:
        seed: Of the run.
        sim_count: Number of sim images.
        real_count: Number of real images; the same for pairs.
        paired: Whether both images of a sample have the same number.
    """

    seed: int
    sim_count: int
    real_count: int
    paired: bool

    @property
    def images_per_epoch(self) -> int:
        """Number of samples in an epoch."""
        return max(self.sim_count, self.real_count)

    def numbers(self, sample: int) -> tuple[int, int]:
        """Return the numbers of the sim and the real image of a sample."""
        epoch, position = divmod(sample, self.images_per_epoch)
        sim = int(_order(self.seed, epoch, SIM, self.images_per_epoch)[position])
        if self.paired:
            return sim, sim
        real = int(_order(self.seed, epoch, REAL, self.images_per_epoch)[position])
        return sim % self.sim_count, real % self.real_count

    def replacements(self, sample: int, domain: int) -> npt.NDArray[np.int64]:
        """Return all image numbers in the order to try where a sample's image is unreadable."""
        count = self.real_count if domain == REAL else self.sim_count
        return _generator(self.seed, _REPLACEMENT, sample, domain).permutation(count)


@dataclass(frozen=True)
class Changes:
    """What happens to a prepared image on its way into a batch.

    Attributes:
        left: Where the crop lies between left (0) and right (1, excluded).
        top: Where it lies between top and bottom, likewise.
        mirrored: Whether left and right are swapped.
        colours: Factors on brightness, contrast and saturation.
    """

    left: float
    top: float
    mirrored: bool
    colours: tuple[float, float, float]


def draw_changes(
    seed: int, sample: int, domain: int, *, flip: bool, colour_jitter: float
) -> Changes:
    """Draw the changes of one image.

    Args:
        seed: Of the run.
        sample: Number since the beginning of the run.
        domain: ``SIM`` or ``REAL``; of pairs both get those of ``SIM``.
        flip: Whether half of the images are mirrored.
        colour_jitter: Factors lie within 1 - this and 1 + this.
    """
    draws = _generator(seed, _CHANGES, sample, domain).random(6)
    brightness, contrast, saturation = (1 + colour_jitter * (2 * float(u) - 1) for u in draws[3:])
    return Changes(
        float(draws[0]),
        float(draws[1]),
        flip and bool(draws[2] < 0.5),
        (brightness, contrast, saturation),
    )


def _generator(seed: int, *keys: int) -> np.random.Generator:
    return np.random.default_rng((seed, *keys))


@lru_cache(maxsize=8)
def _order(seed: int, epoch: int, domain: int, count: int) -> npt.NDArray[np.int64]:
    return _generator(seed, _ORDER, epoch, domain).permutation(count)
