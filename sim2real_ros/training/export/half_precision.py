"""Float16 generators whose normalisations stay in float32."""

import copy
from typing import Any

import torch
from torch import nn


class Float32Norm(nn.Module):
    """A normalisation between float16 layers that computes in float32.

    Sums of squares over a whole feature map overflow float16 (65504): runtimes that take the
    graph at its word return NaN. The casts cost little, and TensorRT fuses them.
    """

    def __init__(self, norm: nn.Module) -> None:
        """Wrap a normalisation layer."""
        super().__init__()
        self.norm = norm.float()

    def forward(self, features: torch.Tensor, *arguments: Any) -> torch.Tensor:
        """Normalise float16 features (N, C, H, W)."""
        result: torch.Tensor = self.norm(features.float(), *arguments)
        return result.half()


def half_precision(generator: nn.Module) -> nn.Module:
    """Return a copy of a generator with float16 weights and float32 normalisations.

    Args:
        generator: A float32 generator in evaluation mode. Every layer with ``Norm`` in its class's
            name counts as normalisation, but for batch normalisation: it knows its statistics
            already, and the exporter makes it part of the convolution before it.
    """
    half = copy.deepcopy(generator).half()
    _restore_norms(half)
    return half


def _restore_norms(module: nn.Module) -> None:
    for name, child in module.named_children():
        if 'Norm' in type(child).__name__ and not _is_folded(child):
            setattr(module, name, Float32Norm(child))
        else:
            _restore_norms(child)


def _is_folded(norm: nn.Module) -> bool:
    if not isinstance(norm, nn.BatchNorm2d) or norm.running_var is None:
        return False
    return bool(torch.isfinite(norm.running_var).all())
