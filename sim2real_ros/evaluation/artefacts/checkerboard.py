"""Checkerboard: patterns with a period of 2 or 4 pixels, which transposed convolutions leave."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage, SimFrame
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.quantity import Quantity

Spectrum = npt.NDArray[np.float64]

MIN_EXCESS_DB = 20.0
"""Untouched pictures, JPEG of any quality and blur stay below 13 dB, enlargement by cubic
interpolation below 19 dB; a checkerboard of 1 level lies above 28 dB."""

MIN_LEVELS = 0.3
"""Nobody sees a weaker pattern, and rounding to 8 bits makes some of that size."""

MIN_GAIN_DB = 6.0
"""How much more than its input a frame must have, to be called the translation's doing."""

_TILES = ((64, 9), (32, 4))
"""Side of a tile, and how many of them there must be at least."""

_RING_BINS = 3
"""The Hann window spreads a line of the spectrum over 1 bin to each side; 3 bins are clear."""

_ROUNDING_POWER = 1 / 12

_STANDS_OUT = 10.0
"""Times the power of the neighbours below which a frequency is texture, not pattern."""

EXCESS = Quantity(
    'checkerboard_db',
    'Checkerboard',
    'lower',
    'How far the spectrum at periods of 2 and 4 pixels stands out of its neighbourhood, at the '
    'strongest of these frequencies. Below 13 dB for ordinary pictures, whatever their JPEG '
    'quality; transposed convolutions of stride 2 leave 20 dB and more.',
    unit='dB',
    source='Odena, Dumoulin, Olah: Deconvolution and Checkerboard Artifacts, Distill 2016 '
    "(the artefact); the number is this project's own",
    decimals=1,
)

LEVELS = Quantity(
    'checkerboard_levels',
    'Checkerboard, strength',
    'lower',
    'Root mean square of the pattern that most of the picture has at periods of 2 and 4 pixels, '
    'in grey levels of 0..255. From about 1 level on it can be seen on even surfaces.',
    unit='levels',
    limits=(0.0, None),
    decimals=2,
)

SHARE = Quantity(
    'checkerboard_share',
    'Frames with a checkerboard',
    'lower',
    f'Share of the frames with at least {MIN_EXCESS_DB:g} dB and {MIN_LEVELS:g} levels of '
    f'checkerboard that have {MIN_GAIN_DB:g} dB more of it than their input. 0 is right; whether '
    'people see it, the strength tells.',
    limits=(0.0, 1.0),
)


@dataclass(frozen=True)
class Grid:
    """The pattern with periods of 2 and 4 pixels in one image.

    Attributes:
        excess_db: Power at the most outstanding frequency over that of its neighbours.
        levels: Root mean square of the whole pattern, 0..255.
    """

    excess_db: float
    levels: float


class Checkerboard(Measure):
    """Looks for the grid of transposed convolutions, also in real frames for comparison."""

    quantities = (EXCESS, LEVELS, SHARE)

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Measure the output's grid, and whether its input has it too."""
        before = frame.sim.once(sim_grid)
        found = before if frame.translated is frame.sim.image else grid_of(frame.translated)
        if found is None or before is None:
            return Observation()
        visible = found.excess_db >= MIN_EXCESS_DB and found.levels >= MIN_LEVELS
        added = found.excess_db - before.excess_db >= MIN_GAIN_DB
        return Observation(
            {
                EXCESS.key: found.excess_db,
                LEVELS.key: found.levels,
                SHARE.key: float(visible and added),
            }
        )


def sim_grid(frame: SimFrame) -> Grid | None:
    """Return the grid of a simulated frame, for ``SimFrame.once``."""
    return grid_of(frame.image)


def grid_of(image: RgbImage) -> Grid | None:
    """Measure how strong the pattern with periods of 2 and 4 pixels is.

    The power spectrum is the median over tiles with a Hann window (Welch's method, with a median
    in place of the mean), so that fine texture in one place does not count. Luminance alone:
    JPEG's halved colours have a period of 2 pixels themselves.

    Args:
        image: uint8 RGB (H, W, 3).

    Returns:
        None where the image is too small, which is below 64x64.
    """
    power = median_spectrum(image)
    if power is None:
        return None
    side = len(power)
    weight = float(_window(side).sum())
    floor = float((_window(side) ** 2).sum()) * _ROUNDING_POWER
    ratios, squares = [], 0.0
    for row in range(0, side, side // 4):
        for column in range(0, side, side // 4):
            if row or column:
                around = _neighbours(power, row, column)
                ratios.append((power[row, column] + floor) / (around + floor))
                if ratios[-1] >= _STANDS_OUT:
                    squares += (power[row, column] - around) / weight**2
    return Grid(10 * float(np.log10(max(ratios))), float(np.sqrt(squares)))


def median_spectrum(image: RgbImage) -> Spectrum | None:
    """Return the median power spectrum of an image's tiles; (side, side), as ``np.fft.fft2``."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    for side, least in _TILES:
        rows, columns = height // side, width // side
        if rows * columns >= least:
            break
    else:
        return None
    cropped = grey[: rows * side, : columns * side].astype(np.float32)
    tiles = cropped.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
    centred = tiles - tiles.mean(axis=(1, 2), keepdims=True)
    half = np.fft.rfft2(centred * _window(side))
    power = np.median(half.real**2 + half.imag**2, axis=0)
    mirrored = np.roll(power[::-1, side // 2 - 1 : 0 : -1], 1, axis=0)
    return np.concatenate([power, mirrored], axis=1).astype(np.float64)


@lru_cache
def _window(side: int) -> npt.NDArray[np.float32]:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side)
    return np.outer(hann, hann).astype(np.float32)


def _neighbours(power: Spectrum, row: int, column: int) -> float:
    """Return the median power on a square ring around a frequency; frequencies wrap around."""
    span = np.arange(-_RING_BINS, _RING_BINS + 1)
    square = power[np.ix_((row + span) % len(power), (column + span) % len(power))]
    ring = np.maximum(np.abs(span)[:, None], np.abs(span)[None]) == _RING_BINS
    return float(np.median(square[ring]))
