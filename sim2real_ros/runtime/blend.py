"""Mix a translated image with its original: strength, region of interest, feathered seam."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sim2real_ros.runtime.pixel_format import RgbImage

Roi = tuple[float, float, float, float]

FULL_ROI: Roi = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Blend:
    """How much of the translation to keep, and where.

    Attributes:
        strength: 0 = original, 1 = translated.
        roi: (x, y, width, height) as fractions of the image, from the top left corner.
        feather_px: Width of the soft inner border of the region, in pixels. Borders that lie on
            the image's own border stay hard.
    """

    strength: float = 1.0
    roi: Roi = FULL_ROI
    feather_px: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: A number is outside its range.
        """
        reason = blend_reason(self.strength, self.roi, self.feather_px)
        if reason:
            raise ValueError(reason)

    @property
    def keeps_original(self) -> bool:
        """Whether the translation leaves no trace, so that it need not be made at all."""
        return self.strength == 0.0

    @property
    def keeps_translated(self) -> bool:
        """Whether the original leaves no trace."""
        return self.strength == 1.0 and self.roi == FULL_ROI


def blend_reason(strength: float, roi: tuple[float, ...], feather_px: float) -> str:
    """Say why these numbers make no Blend; '' where they do."""
    if not 0.0 <= strength <= 1.0:
        return f'strength must lie in 0..1, not {strength}'
    if len(roi) != 4:
        return f'roi must be [x, y, width, height] as fractions, not {list(roi)}'
    x, y, width, height = roi
    # Fractions such as 0.1 + 0.9 may exceed 1 by a rounding error.
    inside = x >= 0 and y >= 0 and x + width <= 1 + 1e-9 and y + height <= 1 + 1e-9
    if not (inside and width > 0 and height > 0):
        return f'roi must lie inside the image (fractions of 0..1), not {list(roi)}'
    if not 0.0 <= feather_px <= 10000.0:
        return f'roi_feather_px must lie in 0..10000, not {feather_px}'
    return ''


class Blender:
    """Applies a Blend to frame after frame, keeping the weights between frames."""

    def __init__(self, blend: Blend) -> None:
        """Prepare for a Blend; weights are made with the first frame of each size."""
        self.blend = blend
        self._shape: tuple[int, int] | None = None
        self._weights: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._inverse = self._weights

    def apply(self, original: RgbImage, translated: RgbImage) -> None:
        """Mix ``original`` into ``translated`` in place.

        Args:
            original: uint8 (H, W, 3).
            translated: uint8 (H, W, 3), of the same size; changed.
        """
        if self.blend.keeps_translated:
            return
        if self.blend.roi == FULL_ROI:
            _mix(original, translated, self.blend.strength)
            return
        rows, columns = roi_slices(self.blend.roi, original.shape[:2])
        if self.blend.feather_px == 0.0 and self.blend.strength == 1.0:
            mixed: RgbImage = translated[rows, columns].copy()
        else:
            self._prepare_weights((original.shape[0], original.shape[1]))
            mixed = self._mix_region(original[rows, columns], translated[rows, columns])
        np.copyto(translated, original)
        translated[rows, columns] = mixed

    def _prepare_weights(self, shape: tuple[int, int]) -> None:
        if shape != self._shape:
            self._shape, self._weights = shape, feather_weights(self.blend, shape)
            self._inverse = np.float32(1.0) - self._weights

    def _mix_region(self, original: RgbImage, translated: RgbImage) -> RgbImage:
        mixed = np.empty(original.shape, np.uint8)
        after, before = np.ascontiguousarray(translated), np.ascontiguousarray(original)
        cv2.blendLinear(after, before, self._weights, self._inverse, dst=mixed)
        return mixed


def _mix(original: RgbImage, translated: RgbImage, strength: float) -> None:
    cv2.addWeighted(translated, strength, original, 1.0 - strength, 0.0, dst=translated)


def roi_slices(roi: Roi, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of a region; at least one pixel, never outside.

    Args:
        roi: (x, y, width, height) as fractions.
        shape: (H, W) of the image.
    """
    x, y, width, height = roi
    return _slice(y, height, shape[0]), _slice(x, width, shape[1])


def _slice(start: float, extent: float, length: int) -> slice:
    first = min(round(start * length), length - 1)
    return slice(first, max(first + 1, min(round((start + extent) * length), length)))


def feather_weights(blend: Blend, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the translation's weight for every pixel of the region.

    Args:
        blend: Strength, region and feather.
        shape: (H, W) of the image.

    Returns:
        float32, of the region's shape, in 0..strength: a linear ramp over ``feather_px`` pixels
        inward from every border of the region that is not a border of the image.
    """
    row_slice, column_slice = roi_slices(blend.roi, shape)
    rows = _ramp(row_slice, blend.feather_px, shape[0])
    columns = _ramp(column_slice, blend.feather_px, shape[1])
    return (blend.strength * np.minimum(rows[:, None], columns[None, :])).astype(np.float32)


def _ramp(region: slice, feather_px: float, length: int) -> NDArray[np.float64]:
    """Return the weights along one axis of the image, which is ``length`` pixels long."""
    ramp = np.ones(region.stop - region.start)
    if feather_px > 0:
        # Pixel centres: the first inner pixel is half a pixel away from the seam.
        rising = np.minimum((np.arange(len(ramp)) + 0.5) / feather_px, 1.0)
        # By pixels, not by fractions, of which 0.1 + 0.9 need not be 1.
        ramp = np.minimum(ramp, rising) if region.start > 0 else ramp
        ramp = np.minimum(ramp, rising[::-1]) if region.stop < length else ramp
    return ramp
