"""Normalisation of whole images, as UNIT's decoder has it."""

import torch
from torch import nn


class ImageLayerNorm(nn.Module):
    """Scale every image of (N, C, H, W) to mean 0 and deviation 1, then each channel by weights.

    Unlike ``nn.LayerNorm`` the deviation is the unbiased one, and eps is added to it and not to
    the variance: y = weight * (x - mean) / (std + eps) + bias, as UNIT's authors published it.

    Attributes:
        weight: (C,), starts uniform in 0..1.
        bias: (C,), starts at 0.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        """Build it for a number of channels."""
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.rand(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Normalise; statistics are float32 in any precision, the result is as the input."""
        wide = features.float()
        # Written out, as exporters know no unbiased deviation; two passes keep it exact.
        mean = wide.mean(dim=(1, 2, 3), keepdim=True)
        centred = wide - mean
        variance = centred.square().sum(dim=(1, 2, 3), keepdim=True) / (features[0].numel() - 1)
        scale = self.weight.view(1, -1, 1, 1) / (variance.sqrt() + self.eps)
        return torch.addcmul(self.bias.view(1, -1, 1, 1), centred, scale).to(features.dtype)
