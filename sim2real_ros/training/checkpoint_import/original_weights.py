"""Weights of our generators as the original programs expect them."""

import torch
from torch import nn

from sim2real_ros.training.checkpoint_import.checkpoint_file import Weights
from sim2real_ros.training.networks.resampling import BlurPool, BlurUpsample

_HALVING = torch.tensor([1.0, 2.0, 1.0])
_DOUBLING = torch.tensor([1.0, 3.0, 3.0, 1.0])
BLUR_KERNELS = {
    3: torch.outer(_HALVING, _HALVING) / 16,
    4: torch.outer(_DOUBLING, _DOUBLING) / 16,
}
"""By width: the constant kernels that CUT's checkpoints carry as ``filt``, of its halvings (which
sum to 1) and doublings (which sum to 4)."""


def original_weights(generator: nn.Module) -> Weights:
    """Return the weights of a ResNet or U-Net under the names of the original programs.

    Our networks have these names already; CUT wants its constant kernels besides.

    Args:
        generator: From ``build_generator``; others are returned as they are.

    Returns:
        On the CPU, in the order of the layers.
    """
    weights = {key: value.detach().cpu() for key, value in generator.state_dict().items()}
    for name, module in generator.named_modules():
        if isinstance(module, nn.Sequential):
            weights |= _blur_kernels(f'{name}.' if name else '', module)
    return weights


def _blur_kernels(prefix: str, layers: nn.Sequential) -> Weights:
    """Return the kernels of one sequence, one copy per channel: (C, 1, k, k).

    Between its convolutions, residual blocks leave the number of channels as it is.
    """
    kernels: Weights = {}
    channels = 3
    for index, layer in enumerate(layers):
        if isinstance(layer, BlurPool | BlurUpsample):
            kernel = BLUR_KERNELS[3 if isinstance(layer, BlurPool) else 4]
            kernels[f'{prefix}{index}.filt'] = kernel.repeat(channels, 1, 1, 1)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            channels = layer.out_channels
    return kernels
