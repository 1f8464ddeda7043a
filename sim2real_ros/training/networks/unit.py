"""The variational autoencoder of UNIT.

M.-Y. Liu et al., "Unsupervised Image-to-Image Translation Networks" (2017); layers as the authors
later published them for street scenes.
"""

import torch
from torch import nn

from sim2real_ros.training.networks.image_layer_norm import ImageLayerNorm
from sim2real_ros.training.networks.image_size import check_size
from sim2real_ros.training.networks.normalisation import Norm, has_bias, normalisation
from sim2real_ros.training.networks.residual import ResidualBlock
from sim2real_ros.training.options import GeneratorOptions

USUAL_FILTERS, USUAL_BLOCKS = 64, 4


class UnitEncoder(nn.Module):
    """Image to the mean of its latent code.

    Attributes:
        layers: Down to a quarter of the size.
        blocks: Residual blocks; the paper shares the last ones between two domains.
    """

    def __init__(
        self,
        filters: int = USUAL_FILTERS,
        blocks: int = USUAL_BLOCKS,
        norm: Norm = 'instance',
    ) -> None:
        """Build it.

        Args:
            filters: Channels after the first layer; the code has four times as many.
            blocks: Number of residual blocks.
            norm: After each convolution.
        """
        super().__init__()
        bias = has_bias(norm)
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, filters, 7, bias=bias),
            *_norm_and_relu(norm, filters),
        )
        for channels in (filters, 2 * filters):
            self.layers.append(nn.ReflectionPad2d(1))
            self.layers.append(nn.Conv2d(channels, 2 * channels, 4, 2, bias=bias))
            self.layers.extend(_norm_and_relu(norm, 2 * channels))
        self.blocks = nn.Sequential(*(ResidualBlock(4 * filters, norm) for _ in range(blocks)))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the code (N, 4 * filters, H / 4, W / 4) of images (N, 3, H, W) in -1..1."""
        mean: torch.Tensor = self.blocks(self.layers(image))
        return mean


class UnitDecoder(nn.Module):
    """Latent code to image.

    Attributes:
        blocks: Residual blocks; the paper shares the first ones between two domains.
        layers: Up to the image.
    """

    def __init__(
        self,
        filters: int = USUAL_FILTERS,
        blocks: int = USUAL_BLOCKS,
        norm: Norm = 'instance',
    ) -> None:
        """Build it.

        Args:
            filters: Channels before the last layer; the code has four times as many.
            blocks: Number of residual blocks.
            norm: Of the blocks; the layers after them have a layer norm.
        """
        super().__init__()
        self.blocks = nn.Sequential(*(ResidualBlock(4 * filters, norm) for _ in range(blocks)))
        self.layers = nn.Sequential()
        for channels in (4 * filters, 2 * filters):
            self.layers.extend(
                [
                    nn.Upsample(scale_factor=2, mode='nearest'),
                    nn.ReflectionPad2d(2),
                    nn.Conv2d(channels, channels // 2, 5),
                    ImageLayerNorm(channels // 2),
                    nn.ReLU(inplace=True),
                ]
            )
        self.layers.extend([nn.ReflectionPad2d(3), nn.Conv2d(filters, 3, 7), nn.Tanh()])

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Return images (N, 3, H, W) in -1..1 of codes (N, 4 * filters, H / 4, W / 4)."""
        image: torch.Tensor = self.layers(self.blocks(latent))
        return image


class UnitTranslator(nn.Module):
    """One domain's encoder before a domain's decoder, without noise.

    Attributes:
        encoder: Of the domain that images come from.
        decoder: Of the domain that they are translated to.
        size_multiple: Of height and width.
        minimum_size: Of height and width, in pixels.
    """

    size_multiple = 4
    minimum_size = 8

    def __init__(self, encoder: UnitEncoder, decoder: UnitDecoder) -> None:
        """Join them."""
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Return the mean of the latent code.

        Args:
            image: (N, 3, H, W) in -1..1.

        Returns:
            (N, 4 * filters, H / 4, W / 4); the code is normal around it with a deviation of 1.

        Raises:
            ConfigError: H or W is not a multiple of 4, or less than 8.
        """
        check_size(image, self.size_multiple, self.minimum_size)
        mean: torch.Tensor = self.encoder(image)
        return mean

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Return the images of latent codes, with or without noise added to them."""
        image: torch.Tensor = self.decoder(latent)
        return image

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate images (N, 3, H, W) in -1..1 to the same, by way of the mean."""
        return self.decode(self.encode(image))


class UnitVae(UnitTranslator):
    """The autoencoder of one domain."""

    def __init__(self, options: GeneratorOptions) -> None:
        """Build it; weights start as torch starts them, those of the layer norm in 0..1.

        Args:
            options: ``filters``, ``blocks`` of encoder and decoder each, and ``norm`` count.
        """
        filters, blocks = options.filters or USUAL_FILTERS, options.blocks or USUAL_BLOCKS
        super().__init__(
            UnitEncoder(filters, blocks, options.norm), UnitDecoder(filters, blocks, options.norm)
        )


def _norm_and_relu(norm: Norm, channels: int) -> list[nn.Module]:
    return [normalisation(norm, channels), nn.ReLU(inplace=True)]
