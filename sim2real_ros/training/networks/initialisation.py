"""How the weights of a network start."""

import torch
from torch import nn

from sim2real_ros.training.networks.spectral_convolution import SpectralConvolution
from sim2real_ros.training.options import Initialisation

BATCH_NORM_DEVIATION = 0.02


def initialise(module: nn.Module, options: Initialisation) -> None:
    """Set the weights of all convolutions and linear layers in place.

    As in pytorch-CycleGAN-and-pix2pix: biases 0, weights of batch norm from N(1, 0.02). One
    difference: the gain also scales ``kaiming`` (fan-in, for ReLU), so give it 1 for the usual
    deviation. Other modules with weights of their own keep them.

    Args:
        module: Changed in place.
        options: Distribution and gain.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            _draw(part.weight, options)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
            if isinstance(part, SpectralConvolution):
                part.estimate_anew()
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, BATCH_NORM_DEVIATION)
            nn.init.zeros_(part.bias)


def _draw(weight: torch.Tensor, options: Initialisation) -> None:
    if options.kind == 'normal':
        nn.init.normal_(weight, 0.0, options.gain)
    elif options.kind == 'xavier':
        nn.init.xavier_normal_(weight, options.gain)
    elif options.kind == 'orthogonal':
        nn.init.orthogonal_(weight, options.gain)
    else:
        nn.init.kaiming_normal_(weight)
        weight.data.mul_(options.gain)
