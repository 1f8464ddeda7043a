"""The noise: one stored field, laid over each frame at a place that the frame's content decides.

A graph with RandomNormal gives other noise in every runtime. Hashing each pixel costs a dozen
integer operations a value. A stored field that wraps around, moved by a checksum of the frame,
is the same everywhere, costs one Gather, and is another one for every frame that differs.
"""

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.discrete_gaussian import gaussian_response
from sim2real_ros.baselines.camera_effects.effects import CameraEffects

FIELD_SIDE = 256
"""Of the stored field, in pixels; a power of two."""

BLOCK = 16
"""The field moves sideways by whole blocks, so that Gather copies 64 bytes at a time."""

BLOCKS = FIELD_SIDE // BLOCK
PLACES = FIELD_SIDE * BLOCKS

ROW_STEP = 4
"""Every so many rows enter the checksum."""

MODULUS = 4093
SPREAD = 509
"""Weights of the checksum by row and column are (31 i) mod SPREAD + 1. All sums fit in int32."""

STIR = 1597
"""Odd, so that i -> STIR i mod PLACES reaches every place, and near checksums part."""

OPPONENT_AXES = np.array(
    [
        np.array([1, 1, 1]) / np.sqrt(3),
        np.array([1, 0, -1]) / np.sqrt(2),
        np.array([1, -2, 1]) / np.sqrt(6),
    ]
)
"""Rows: luma and the two chroma axes in RGB, orthonormal."""


def noise_field(effects: CameraEffects) -> tuple[npt.NDArray[np.int8], float]:
    """Make the stored field.

    Returns:
        int8 of shape (3, FIELD_SIDE, FIELD_SIDE), RGB planes, and the factor that gives its luma
        the standard deviation 1.
    """
    white = np.random.Generator(np.random.PCG64(2024)).standard_normal((3, FIELD_SIDE, FIELD_SIDE))
    sigmas = (effects.grain_sigma_px, *(effects.chroma_grain_sigma_px,) * 2)
    amounts = (1.0, effects.chroma_ratio, effects.chroma_ratio)
    planes = [
        amount * _correlated(plane, sigma)
        for plane, sigma, amount in zip(white, sigmas, amounts, strict=True)
    ]
    rgb = np.einsum('ac,ahw->chw', OPPONENT_AXES, np.stack(planes))
    scale = float(np.abs(rgb).max() / 127)
    return np.rint(rgb / scale).astype(np.int8), scale


def _correlated(white: npt.NDArray[np.float64], sigma_px: float) -> npt.NDArray[np.float64]:
    response = gaussian_response(sigma_px, FIELD_SIDE)
    filtered = np.fft.ifft2(np.fft.fft2(white) * np.outer(response, response)).real
    filtered -= filtered.mean()
    return np.asarray(filtered / filtered.std())


def field_place(image: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """Return where the field begins on an image: row and block, from a checksum of its content.

    Args:
        image: uint8 (H, W, 3).
    """
    sample = image[::ROW_STEP].astype(np.int64)
    checksum = _weighted(sample.sum(axis=(1, 2))) + 7 * _weighted(sample.sum(axis=(0, 2)))
    place = checksum % PLACES * STIR % PLACES
    return place // BLOCKS, place % BLOCKS


def _weighted(sums: npt.NDArray[np.int64]) -> int:
    weights = 31 * np.arange(len(sums)) % SPREAD + 1
    return int((sums % MODULUS * weights % MODULUS).sum())
