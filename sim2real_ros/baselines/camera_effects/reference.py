"""The effects in plain NumPy: what the graph has to compute, and what the fit applies."""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.discrete_gaussian import gaussian_kernel
from sim2real_ros.baselines.camera_effects.effects import CameraEffects
from sim2real_ros.baselines.camera_effects.noise_field import (
    BLOCK,
    FIELD_SIDE,
    field_place,
    noise_field,
)

Image = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class EffectsReference:
    """Applies camera effects to images.

    Attributes:
        effects: The parameters.
    """

    effects: CameraEffects

    @cached_property
    def _field(self) -> Values:
        field, scale = noise_field(self.effects)
        return np.moveaxis(field.astype(np.float32) * np.float32(scale), 0, -1)

    def __call__(self, image: Image, seen: Image | None = None) -> Image:
        """Apply the effects.

        Args:
            image: uint8 RGB of shape (H, W, 3) or (N, H, W, 3).
            seen: Of the same shape: the frame as it came in, which decides where the noise lies;
                None = the image itself.

        Returns:
            uint8 RGB of the same shape.
        """
        seen = image if seen is None else seen
        if image.ndim == 4:
            return np.stack([self(*pair) for pair in zip(image, seen, strict=True)])
        values = self._noise(self.optics(image), seen)
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)

    def optics(self, image: Image) -> Values:
        """Apply all effects but noise and rounding.

        Args:
            image: uint8 RGB of shape (H, W, 3).

        Returns:
            float32 of the same shape, 0..255 times the gains.
        """
        effects = self.effects
        values = distort(image.astype(np.float32), effects.lens_k1, effects.lens_k2)
        if effects.corner_darkening:
            reach = effects.vignetting_coefficient * squared_radius(*image.shape[:2])
            gain = np.asarray(1 / (1 + reach) ** 2, np.float32)
            values = values * gain[..., np.newaxis]
        if effects.blur_sigma_px:
            values = blur(values, effects.blur_sigma_px)
        return np.asarray(values * np.asarray(effects.gains, np.float32), np.float32)

    def _noise(self, values: Values, seen: Image) -> Values:
        effects = self.effects
        if 'noise' not in effects.active:
            return values
        height, width = values.shape[:2]
        row, block = field_place(seen)
        rows = (row + np.arange(height)) % FIELD_SIDE
        columns = (block * BLOCK + np.arange(width)) % FIELD_SIDE
        dark, bright = effects.noise_dark_levels**2, effects.noise_bright_levels**2
        variance = np.maximum(dark + (bright - dark) / 255 * values, 0)
        noise = np.sqrt(variance) * self._field[rows][:, columns]
        return np.asarray(values + noise, np.float32)


def squared_radius(height: int, width: int) -> Values:
    """Return the squared distance from the middle of the image; 1 in its corners.

    Returns:
        float32 (height, width), of the pixels' middles.
    """
    y = np.arange(height) + 0.5 - height / 2
    x = np.arange(width) + 0.5 - width / 2
    squared = (y[:, np.newaxis] ** 2 + x**2) / ((height**2 + width**2) / 4)
    return np.asarray(squared, np.float32)


def blur(values: Values, sigma_px: float) -> Values:
    """Blur with the discrete Gaussian; the border is repeated.

    Args:
        values: float32 (H, W) or (H, W, 3).
        sigma_px: Standard deviation in pixels.
    """
    kernel = gaussian_kernel(sigma_px)
    blurred = cv2.sepFilter2D(values, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return cast('Values', blurred)


def distort(values: Values, k1: float, k2: float) -> Values:
    """Distort as a lens does, with bilinear interpolation; see ``CameraEffects.lens_k1``."""
    if k1 == k2 == 0:
        return values
    height, width = values.shape[:2]
    squared = squared_radius(height, width).astype(np.float64)
    factor = 1 + k1 * squared + k2 * squared**2
    y = (np.arange(height)[:, np.newaxis] + 0.5 - height / 2) * factor + height / 2 - 0.5
    x = (np.arange(width) + 0.5 - width / 2) * factor + width / 2 - 0.5
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    top, left = y.astype(int), x.astype(int)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = (y - top)[..., np.newaxis], (x - left)[..., np.newaxis]
    upper = values[top, left] * (1 - across) + values[top, right] * across
    lower = values[bottom, left] * (1 - across) + values[bottom, right] * across
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
