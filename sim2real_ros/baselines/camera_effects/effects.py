"""CameraEffects: what a camera does to an image, in a few bounded numbers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sim2real_ros.errors import ConfigError

EFFECTS = ('lens_distortion', 'vignetting', 'blur', 'white_balance', 'noise')
"""In the order in which a camera applies them; rounding to whole levels follows."""

BOUNDS: dict[str, tuple[float, float]] = {
    'lens_k1': (-0.5, 0.5),
    'lens_k2': (-0.5, 0.5),
    'corner_darkening': (0.0, 0.6),
    'blur_sigma_px': (0.0, 3.0),
    'gains': (0.5, 2.0),
    'noise_dark_levels': (0.0, 20.0),
    'noise_bright_levels': (0.0, 20.0),
    'chroma_ratio': (0.0, 2.0),
    'grain_sigma_px': (0.0, 2.0),
    'chroma_grain_sigma_px': (0.0, 2.0),
}
"""Lowest and highest value of each parameter."""


@dataclass(frozen=True)
class CameraEffects:
    """The parameters of all effects; the defaults change nothing.

    Luma and chroma are (R + G + B) / sqrt(3) and two axes at right angles to it of the same
    length, so that noise that is independent in R, G and B has a chroma ratio of 1.

    Attributes:
        lens_k1: An output pixel at ``p``, seen from the middle, is taken from
            ``p * (1 + k1 r^2 + k2 r^4)``; r is 1 in the corners. Outside, the border is repeated.
        lens_k2: See ``lens_k1``.
        corner_darkening: Part of the light that is lost in the corners. At radius r the factor is
            ``(1 + c r^2)^-2``, the law of cos^4, on the 0..255 values as they are.
        blur_sigma_px: Standard deviation of the Gaussian blur in pixels.
        gains: Factors of R, G and B.
        noise_dark_levels: Standard deviation of the luma noise at the value 0. The variance goes
            linearly from there to that at 255, as that of photons does.
        noise_bright_levels: The same at the value 255.
        chroma_ratio: Standard deviation of the noise on each chroma axis over that of the luma.
        grain_sigma_px: Standard deviation of the Gaussian that correlates the luma noise of
            neighbours; 0 = every pixel has its own.
        chroma_grain_sigma_px: The same for chroma.
    """

    lens_k1: float = 0.0
    lens_k2: float = 0.0
    corner_darkening: float = 0.0
    blur_sigma_px: float = 0.0
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise_dark_levels: float = 0.0
    noise_bright_levels: float = 0.0
    chroma_ratio: float = 0.0
    grain_sigma_px: float = 0.0
    chroma_grain_sigma_px: float = 0.0

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            ConfigError: A parameter is outside its bounds.
        """
        for name, (low, high) in BOUNDS.items():
            found = getattr(self, name)
            values = found if isinstance(found, tuple) else (found,)
            if not all(low <= value <= high for value in values):
                raise ConfigError(f'{name} must lie in {low:g}..{high:g}, not {found}.')

    @property
    def active(self) -> tuple[str, ...]:
        """Which of EFFECTS change anything."""
        changes = {
            'lens_distortion': (self.lens_k1, self.lens_k2) != (0.0, 0.0),
            'vignetting': self.corner_darkening > 0,
            'blur': self.blur_sigma_px > 0,
            'white_balance': self.gains != (1.0, 1.0, 1.0),
            'noise': max(self.noise_dark_levels, self.noise_bright_levels) > 0,
        }
        return tuple(name for name in EFFECTS if changes[name])

    @property
    def vignetting_coefficient(self) -> float:
        """The c of ``(1 + c r^2)^-2``."""
        return 1 / math.sqrt(1 - self.corner_darkening) - 1

    def without(self, effects: Iterable[str]) -> 'CameraEffects':
        """Return a copy with some of EFFECTS switched off."""
        neutral = CameraEffects()
        copy = self
        for name in (name for effect in effects for name in PARAMETERS[effect]):
            copy = replace(copy, **{name: getattr(neutral, name)})
        return copy

    def scaled(self, strength: float) -> 'CameraEffects':
        """Return a copy with all amounts times ``strength``, kept within their bounds.

        Gains are raised to that power. Chroma ratio and grain are no amounts and stay.
        """
        scaled: dict[str, Any] = {
            name: _bounded(name, getattr(self, name) * strength) for name in AMOUNTS
        }
        red, green, blue = (_bounded('gains', gain**strength) for gain in self.gains)
        return replace(self, **scaled, gains=(red, green, blue))


AMOUNTS = (
    'lens_k1',
    'lens_k2',
    'corner_darkening',
    'blur_sigma_px',
    'noise_dark_levels',
    'noise_bright_levels',
)
"""Parameters that are zero where their effect is off."""

PARAMETERS: dict[str, tuple[str, ...]] = {
    'lens_distortion': ('lens_k1', 'lens_k2'),
    'vignetting': ('corner_darkening',),
    'blur': ('blur_sigma_px',),
    'white_balance': ('gains',),
    'noise': (
        *('noise_dark_levels', 'noise_bright_levels', 'chroma_ratio'),
        *('grain_sigma_px', 'chroma_grain_sigma_px'),
    ),
}
"""Which parameters belong to which effect."""


def _bounded(name: str, value: float) -> float:
    low, high = BOUNDS[name]
    return min(max(value, low), high)
