"""HsvHistogram: how often each HSV colour occurs, and how often within each labelled colour."""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.colours.thresholds import BoolImage, HsvImage

HUE_BINS = 180
LEVEL_STEP = 4
"""Step of saturation and value: finer ones cost memory, and no camera repeats them."""
LEVEL_BINS = 256 // LEVEL_STEP

Counts = npt.NDArray[np.int64]


class HsvHistogram:
    """Counts of pixels over hue, saturation and value; its size does not grow with the frames.

    Attributes:
        total: int64 (180, 64, 64) over (hue, saturation // 4, value // 4), of all pixels.
        positives: The same by colour, of the pixels that the masks give that colour.
        frames: Number of images that were added.
    """

    def __init__(self, colours: Iterable[str]) -> None:
        """Start with nothing.

        Args:
            colours: Names of the colours to count.
        """
        shape = (HUE_BINS, LEVEL_BINS, LEVEL_BINS)
        self.total: Counts = np.zeros(shape, np.int64)
        self.positives: dict[str, Counts] = {name: np.zeros(shape, np.int64) for name in colours}
        self.frames = 0

    def add(self, hsv: HsvImage, labelled: Mapping[str, BoolImage]) -> None:
        """Count the pixels of one image.

        Args:
            hsv: uint8 (H, W, 3) as ``to_hsv`` gives it: hue 0..179, the others 0..255.
            labelled: bool (H, W) for each colour: where the mask has it.

        Raises:
            ImageError: A mask has another size than the image.
        """
        bins = bin_numbers(hsv)
        _count(self.total, bins.ravel())
        for name, chosen in labelled.items():
            if chosen.shape != bins.shape:
                raise ImageError(
                    f'the mask of {name!r} has shape {chosen.shape}, the image {bins.shape}'
                )
            _count(self.positives[name], bins[chosen])
        self.frames += 1


def bin_numbers(hsv: HsvImage) -> npt.NDArray[np.int32]:
    """Return the number of the bin of each pixel, (H, W), 0 .. 180 * 64 * 64 - 1."""
    wide = hsv.astype(np.int32)
    saturation, value = wide[..., 1] // LEVEL_STEP, wide[..., 2] // LEVEL_STEP
    numbers: npt.NDArray[np.int32] = (wide[..., 0] * LEVEL_BINS + saturation) * LEVEL_BINS + value
    return numbers


def _count(counts: Counts, bins: npt.NDArray[np.int32]) -> None:
    """Add pixels in place: the histogram has more bins than most images have pixels."""
    np.add.at(counts.reshape(-1), bins, 1)
