"""UNIT's discriminator: one network for each of several sizes of the image.

M.-Y. Liu et al., "Unsupervised Image-to-Image Translation Networks" (2017); layers as the authors
later published them for street scenes.
"""

import torch
from torch import nn
from torch.nn import functional

from sim2real_ros.training.networks.image_size import check_size
from sim2real_ros.training.networks.normalisation import has_bias, normalisation
from sim2real_ros.training.options import DiscriminatorOptions

USUAL_FILTERS = 64
LAYERS = 4


class MultiscaleDiscriminator(nn.Module):
    """Logit maps of the image, of its half, its quarter, and so on.

    Attributes:
        scales: The networks, the one for the full size first.
        minimum_size: Of height and width, in pixels: 61 for three scales, 125 with a norm.
    """

    def __init__(self, options: DiscriminatorOptions, channels: int = 3) -> None:
        """Build it; weights start as torch starts them.

        Args:
            options: ``filters``, ``scales`` and ``norm`` count; UNIT has no norm.
            channels: Of the input.
        """
        super().__init__()
        self.scales = nn.ModuleList(_scale(options, channels) for _ in range(options.scales))
        # The last map of the smallest scale has a pixel; instance norm takes no less than 2x2.
        smallest = 2**LAYERS if options.norm == 'none' else 2 ** (LAYERS + 1)
        # Halving rounds up.
        self.minimum_size = (smallest - 1) * 2 ** (options.scales - 1) + 1

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return logits (N, 1, h, w) per scale of images (N, channels, H, W) in -1..1.

        At full size h is H / 16, at the next H / 32.

        Raises:
            ConfigError: H or W is less than ``minimum_size``.
        """
        check_size(image, 1, self.minimum_size)
        logits = []
        for scale, network in enumerate(self.scales):
            if scale:
                # The border's means count the pixels that are there, without the padding.
                image = functional.avg_pool2d(
                    image, 3, stride=2, padding=1, count_include_pad=False
                )
            logits.append(network(image))
        return logits


def _scale(options: DiscriminatorOptions, channels: int) -> nn.Sequential:
    layers = nn.Sequential()
    filters, bias = options.filters or USUAL_FILTERS, has_bias(options.norm)
    for index in range(LAYERS):
        width = filters * 2**index
        layers.append(nn.ReflectionPad2d(1))
        layers.append(nn.Conv2d(channels, width, 4, 2, bias=bias or index == 0))
        if index and options.norm != 'none':
            layers.append(normalisation(options.norm, width))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        channels = width
    layers.append(nn.Conv2d(channels, 1, 1))
    return layers
