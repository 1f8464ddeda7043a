"""Colour transfer in closed form: move the colour statistics of one domain onto another's."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.colour_space import COLOUR_SPACES, Affine, ColourSpace
from sim2real_ros.baselines.colour_statistics import ColourStatistics
from sim2real_ros.errors import ConfigError

Array = npt.NDArray[np.float64]

VARIANCE_FLOOR = 1e-4
"""Smallest variance along any axis, relative to the largest of the two domains.

A direction in which a domain does not vary (the chroma of a grey folder) has no scale of its own.
The floor keeps its gain at 1 where both lack it, and at most 100 where one does. A domain that
varies in no direction, all of one colour, says nothing about scale: then only the mean moves.
"""

ROUNDING_VARIANCE = 1e-12
"""Less than this is rounding: in all spaces one level of RGB makes a variance far above it."""


@dataclass(frozen=True, eq=False)
class ColourTransfer:
    """An affine map of colours in a colour space: translates one pixel at a time.

    Attributes:
        method: Key of the fit in ``METHODS``.
        space: The colour space of the map.
        affine: The map, on row vectors of that space.
    """

    method: str
    space: ColourSpace
    affine: Affine

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Translate RGB uint8 of shape (..., 3); this is the reference for the exported graph."""
        values = self.space.from_rgb(image.astype(np.float64))
        rgb = self.space.to_rgb(self.affine(values))
        return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def fit_colour_transfer(
    source: ColourStatistics,
    target: ColourStatistics,
    method: str,
    space: ColourSpace = COLOUR_SPACES['rgb'],
) -> ColourTransfer:
    """Fit the map that gives ``source`` the mean and (co)variance of ``target``.

    Args:
        source: Statistics of the simulated frames, taken in ``space``.
        target: Statistics of the real frames, taken in ``space``.
        method: Key of ``METHODS``.
        space: Where the statistics were taken.

    Raises:
        ConfigError: There is no such method.
        DataError: One of the statistics has seen no pixel.
    """
    if method not in METHODS:
        raise ConfigError(f'Unknown colour transfer {method!r}: expected {", ".join(METHODS)}.')
    matrix = _fit_matrix(METHODS[method], source.covariance, target.covariance)
    return ColourTransfer(method, space, Affine(matrix, target.mean - source.mean @ matrix))


def reinhard(source: Array, target: Array) -> Array:
    """Scale each axis by the ratio of standard deviations (Reinhard et al. 2001, section 3)."""
    return np.diag(np.sqrt(np.diag(target) / np.diag(source)))


def coral(source: Array, target: Array) -> Array:
    """Whiten with the source and colour with the target (Sun, Feng and Saenko 2016, eq. 3)."""
    return _power(source, -0.5) @ _power(target, 0.5)


def mkl(source: Array, target: Array) -> Array:
    """Solve linear optimal transport (Pitie and Kokaram 2007, Monge-Kantorovich linear).

    Of all linear maps that match the covariance this one moves the colours least.
    """
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


METHODS: dict[str, Callable[[Array, Array], Array]] = {
    'reinhard': reinhard,
    'coral': coral,
    'mkl': mkl,
}

DEFAULT_SPACES = {'reinhard': 'cielab', 'coral': 'rgb', 'mkl': 'rgb'}
"""The space each method works best in.

Reinhard et al. use l-alpha-beta. Its logarithm stretches the dark road of a simulator until the
covariance is further from the real one than before; CIELAB, which has the same intent, does not.
"""


def _fit_matrix(method: Callable[[Array, Array], Array], source: Array, target: Array) -> Array:
    smaller, larger = sorted(float(np.linalg.eigvalsh(each)[-1]) for each in (source, target))
    floor = max(VARIANCE_FLOOR * larger, ROUNDING_VARIANCE)
    if smaller <= floor:
        return np.eye(3)
    return method(_raise_to(source, floor), _raise_to(target, floor))


def _raise_to(covariance: Array, floor: float) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    if values[0] >= floor:
        return covariance
    return np.asarray((vectors * np.maximum(values, floor)) @ vectors.T)


def _power(matrix: Array, exponent: float) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values**exponent) @ vectors.T)
