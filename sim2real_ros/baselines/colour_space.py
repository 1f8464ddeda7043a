"""Colour spaces in which statistics are taken, each with its exact inverse.

Every space has the same shape, so that one ONNX builder serves them all: an optional sRGB
decoding, an affine map, a curve for each channel, and a second affine map. Affine maps act on row
vectors.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

CIE_DELTA = 6 / 29
"""Below CIE_DELTA**3 the CIE lightness curve is a straight line (CIE 15:2004)."""

SRGB_KNEE = 0.04045
"""Below it the sRGB curve is a straight line of slope 1/12.92 (IEC 61966-2-1)."""


@dataclass(frozen=True, eq=False)
class Affine:
    """The map x -> x @ matrix + offset on row vectors of three channels."""

    matrix: Array
    offset: Array

    def __call__(self, values: Array) -> Array:
        """Map values of shape (..., 3)."""
        return values @ self.matrix + self.offset

    def then(self, other: 'Affine') -> 'Affine':
        """Return the map that applies this one first and ``other`` second."""
        return Affine(self.matrix @ other.matrix, self.offset @ other.matrix + other.offset)

    def inverse(self) -> 'Affine':
        """Return the map back; the matrix must be regular."""
        matrix = np.linalg.inv(self.matrix).astype(np.float64)
        return Affine(matrix, -self.offset @ matrix)


@dataclass(frozen=True, eq=False)
class ColourSpace:
    """A colour space reached from RGB in 0..255.

    Attributes:
        name: Key in ``COLOUR_SPACES``.
        srgb: Whether RGB is decoded to linear light first.
        mix: First map; takes 0..255, or linear light in 0..1 where ``srgb``.
        curve: Curve of each channel between the two maps.
        axes: Second map, to the space's own axes.
    """

    name: str
    srgb: bool
    mix: Affine
    curve: Literal['none', 'log', 'cie']
    axes: Affine

    def from_rgb(self, rgb: Array) -> Array:
        """Map RGB in 0..255, shape (..., 3), to this space."""
        values = self.mix(srgb_to_linear(rgb) if self.srgb else rgb)
        if self.curve == 'log':
            values = np.log(values)
        elif self.curve == 'cie':
            values = _cie_curve(values)
        return self.axes(values)

    def to_rgb(self, values: Array) -> Array:
        """Map values of this space, shape (..., 3), to RGB; may lie outside 0..255."""
        values = self.axes.inverse()(values)
        if self.curve == 'log':
            values = np.exp(values)
        elif self.curve == 'cie':
            values = _inverse_cie_curve(values)
        values = self.mix.inverse()(values)
        return linear_to_srgb(values) if self.srgb else values


def srgb_to_linear(rgb: Array) -> Array:
    """Decode sRGB in 0..255 to linear light in 0..1 (IEC 61966-2-1)."""
    value = rgb / 255
    return np.where(value <= SRGB_KNEE, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: Array) -> Array:
    """Encode linear light as sRGB in 0..255; light outside 0..1 is clipped."""
    value = np.clip(linear, 0, 1)
    curve = 1.055 * value ** (1 / 2.4) - 0.055
    return 255 * np.where(value <= SRGB_KNEE / 12.92, 12.92 * value, curve)


def _cie_curve(t: Array) -> Array:
    return np.where(t > CIE_DELTA**3, np.cbrt(t), t / (3 * CIE_DELTA**2) + 4 / 29)


def _inverse_cie_curve(f: Array) -> Array:
    return np.where(f > CIE_DELTA, f**3, 3 * CIE_DELTA**2 * (f - 4 / 29))


def _rgb() -> ColourSpace:
    same = Affine(np.eye(3), np.zeros(3))
    return ColourSpace('rgb', False, same, 'none', same)


def _lalphabeta() -> ColourSpace:
    """Build l-alpha-beta (Ruderman et al. 1998) as in Reinhard et al. 2001, section 2.

    As in the paper the camera's RGB is taken as it is. One level is added before the logarithm,
    which is not in the paper: black stays finite and the map keeps an exact inverse.
    """
    rgb_to_lms = np.array(
        [[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]]
    )
    mix = Affine(rgb_to_lms.T / 255, np.full(3, 1 / 255))
    opponent = np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]]) / np.sqrt([[3], [6], [2]])
    return ColourSpace(
        'lalphabeta', False, mix, 'log', Affine(opponent.T / np.log(10), np.zeros(3))
    )


def _cielab() -> ColourSpace:
    """Build CIELAB of sRGB under D65 (CIE 15:2004, IEC 61966-2-1)."""
    linear_to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    white = linear_to_xyz.sum(axis=1, keepdims=True)
    mix = Affine((linear_to_xyz / white).T, np.zeros(3))
    axes = np.array([[0.0, 116, 0], [500, -500, 0], [0, 200, -200]])
    return ColourSpace('cielab', True, mix, 'cie', Affine(axes.T, np.array([-16.0, 0, 0])))


COLOUR_SPACES = {space.name: space for space in (_rgb(), _lalphabeta(), _cielab())}
