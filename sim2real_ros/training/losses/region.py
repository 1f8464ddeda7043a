"""Region: which part of the picture the losses look at, and means that respect it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional

from sim2real_ros.errors import ConfigError, ImageError
from sim2real_ros.image.palette_png import decode_ids
from sim2real_ros.training.options import ExtraLossOptions

_KEPT_SIZES = 16


def at_least_float32(x: torch.Tensor) -> torch.Tensor:
    """Return ``x`` in float32 or better: means of many values lose too much in 16 bits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Region:
    """Weights 0..1 of the places of a picture, at any resolution.

    The region belongs to the pictures as the networks see them. With random crops its place in
    the scene moves with the crop; with random mirroring a mask should be symmetric.

    A weight is the share of a place's area that lies in the region, so maps of logits, which are
    coarser than the image, are weighted by as much of it as each logit stands for.
    """

    def __init__(self, options: ExtraLossOptions) -> None:
        """Read the mask, if there is one.

        Args:
            options: Of which ``region_top`` and ``region_mask`` count.

        Raises:
            ConfigError: The mask cannot be read, or leaves nothing to look at.
        """
        self.top = options.region_top
        self._mask = _read_mask(options.region_mask) if options.region_mask else None
        self._kept: dict[tuple[int, int, torch.device, torch.dtype], torch.Tensor] = {}
        if self._mask is not None and not self._at(*self._mask.shape[-2:]).any():
            raise ConfigError(
                f'region_mask {options.region_mask!r}: no pixel below region_top = {self.top} '
                'is non-zero; paint what the losses shall look at'
            )

    def weights(self, height: int, width: int, like: torch.Tensor) -> torch.Tensor | None:
        """Return the weights at one resolution.

        Args:
            height: Of the map to weight, in places.
            width: Likewise.
            like: A floating-point tensor whose device and type the weights shall have.

        Returns:
            (1, 1, height, width), 0..1; None when everything counts alike.
        """
        if self._mask is None and not self.top:
            return None
        key = (height, width, like.device, like.dtype)
        if key not in self._kept:
            if len(self._kept) >= _KEPT_SIZES:
                self._kept.clear()
            self._kept[key] = self._at(height, width).to(like.device, like.dtype)
        return self._kept[key]

    def _at(self, height: int, width: int) -> torch.Tensor:
        if self._mask is None:
            return self._rows(height).expand(1, 1, height, width)
        rows = self._rows(self._mask.shape[-2])
        return functional.adaptive_avg_pool2d(self._mask * rows, (height, width))

    def _rows(self, height: int) -> torch.Tensor:
        """Return the share of each row that lies below ``top``, (1, 1, height, 1)."""
        bottoms = torch.arange(1, height + 1, dtype=torch.float64)
        return (bottoms - self.top * height).clamp(0, 1).float().reshape(1, 1, -1, 1)


def weighted_mean(x: torch.Tensor, region: Region | None = None) -> torch.Tensor:
    """Average over images, channels and the places of the region.

    Args:
        x: (N, C, H, W).
        region: None = all places.

    Returns:
        Scalar, float32 or better.
    """
    x = at_least_float32(x)
    weights = None if region is None else region.weights(x.shape[-2], x.shape[-1], x)
    if weights is None:
        return x.mean()
    return (x * weights).sum() / (weights.sum() * x.shape[0] * x.shape[1])


def l1(a: torch.Tensor, b: torch.Tensor, region: Region | None = None) -> torch.Tensor:
    """Return the mean absolute difference.

    Args:
        a: (N, C, H, W).
        b: Likewise.
        region: Where to look; None = everywhere.

    Returns:
        Scalar, in the unit of ``a`` and ``b``.
    """
    return weighted_mean((at_least_float32(a) - at_least_float32(b)).abs(), region)


def _read_mask(path: str) -> torch.Tensor:
    """Return 1 where a mask file is not black, (1, 1, H, W)."""
    try:
        ids = decode_ids(Path(path).read_bytes())
    except (OSError, ValueError, ImageError) as error:
        raise ConfigError(
            f'region_mask {path!r} cannot be read: {error}; expected a PNG that is 0 where the '
            'losses shall not look'
        ) from error
    inside = ids[..., :3].any(axis=-1) if ids.ndim == 3 else ids != 0
    return torch.from_numpy(inside).float()[None, None]
