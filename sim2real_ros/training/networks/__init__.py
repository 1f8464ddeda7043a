"""Generators and discriminators, independent of the methods that train them."""

from collections.abc import Callable

from torch import nn

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.networks.bilateral_grid import BilateralGrid, BilateralGridDetail
from sim2real_ros.training.networks.hyper_unet import HyperUnet
from sim2real_ros.training.networks.initialisation import initialise
from sim2real_ros.training.networks.local_discriminator import LocalDiscriminator
from sim2real_ros.training.networks.mobile_unet import MobileUnet
from sim2real_ros.training.networks.multiscale_discriminator import MultiscaleDiscriminator
from sim2real_ros.training.networks.patch_discriminator import (
    PatchDiscriminator,
    PixelDiscriminator,
)
from sim2real_ros.training.networks.projected_discriminator import ProjectedDiscriminator
from sim2real_ros.training.networks.refiner import Refiner
from sim2real_ros.training.networks.resnet import ResnetGenerator
from sim2real_ros.training.networks.unet import UnetGenerator
from sim2real_ros.training.networks.unit import UnitVae
from sim2real_ros.training.networks.unused_options import refuse_unused
from sim2real_ros.training.options import DiscriminatorOptions, GeneratorOptions


def _resnet(options: GeneratorOptions) -> nn.Module:
    refuse_unused(options, 'depth')
    return ResnetGenerator(options)


def _unet(options: GeneratorOptions) -> nn.Module:
    refuse_unused(options, 'blocks', 'downsampling')
    return UnetGenerator(options)


def _unit(options: GeneratorOptions) -> nn.Module:
    refuse_unused(options, 'depth', 'dropout', 'downsampling', 'upsampling')
    return UnitVae(options)


def _refiner(options: GeneratorOptions) -> nn.Module:
    refuse_unused(options, 'depth', 'norm', 'dropout', 'downsampling', 'upsampling')
    return Refiner(options)


def _hyper_unet(options: GeneratorOptions) -> nn.Module:
    refuse_unused(options, 'depth', 'downsampling')
    return HyperUnet(options)


def _mobile_unet(options: GeneratorOptions) -> nn.Module:
    refuse_unused(options, 'depth', 'dropout', 'downsampling', 'upsampling')
    return MobileUnet(options)


def _separable_resnet(options: GeneratorOptions) -> nn.Module:
    refuse_unused(options, 'depth')
    return ResnetGenerator(options, separable=True)


def _bilateral_grid(options: GeneratorOptions) -> nn.Module:
    refuse_unused(options, 'dropout', 'downsampling', 'upsampling', 'detail_levels')
    return BilateralGrid(options)


def _bilateral_grid_detail(options: GeneratorOptions) -> nn.Module:
    refuse_unused(options, 'dropout', 'downsampling', 'upsampling')
    return BilateralGridDetail(options)


def _patch(options: DiscriminatorOptions, channels: int) -> nn.Module:
    refuse_unused(options, 'scales')
    return PatchDiscriminator(options, channels)


def _pixel(options: DiscriminatorOptions, channels: int) -> nn.Module:
    refuse_unused(options, 'layers', 'scales', 'downsampling')
    return PixelDiscriminator(options, channels)


def _multiscale(options: DiscriminatorOptions, channels: int) -> nn.Module:
    refuse_unused(options, 'layers', 'downsampling')
    return MultiscaleDiscriminator(options, channels)


def _local(options: DiscriminatorOptions, channels: int) -> nn.Module:
    refuse_unused(options, 'layers', 'scales', 'norm', 'downsampling')
    return LocalDiscriminator(options, channels)


def _projected(options: DiscriminatorOptions, channels: int) -> nn.Module:
    refuse_unused(options, 'layers', 'norm', 'downsampling')
    return ProjectedDiscriminator(options, channels)


GENERATORS: dict[str, Callable[[GeneratorOptions], nn.Module]] = {
    'resnet': _resnet,
    'unet': _unet,
    'unit': _unit,
    'refiner': _refiner,
    'hyper_unet': _hyper_unet,
    'mobile_unet': _mobile_unet,
    'separable_resnet': _separable_resnet,
    'bilateral_grid': _bilateral_grid,
    'bilateral_grid_detail': _bilateral_grid_detail,
}

_GRID_OPTIONS = ('grid_size', 'grid_bins', 'guide_filters', 'detail_levels')

DISCRIMINATORS: dict[str, Callable[[DiscriminatorOptions, int], nn.Module]] = {
    'patch': _patch,
    'pixel': _pixel,
    'multiscale': _multiscale,
    'local': _local,
    'projected': _projected,
}


def build_generator(options: GeneratorOptions) -> nn.Module:
    """Build a generator and start its weights.

    Args:
        options: Which one, and how large.

    Returns:
        A module from images (N, 3, H, W) in -1..1 to the same, with ``size_multiple``, of which H
        and W must be multiples.

    Raises:
        ConfigError: There is no such generator, or an option does not suit it.
    """
    if options.name not in GENERATORS:
        raise _unknown('generator', options.name, list(GENERATORS))
    if not options.name.startswith('bilateral_grid'):
        refuse_unused(options, *_GRID_OPTIONS)
    generator = GENERATORS[options.name](options)
    initialise(generator, options.initialisation)
    return generator


def build_discriminator(options: DiscriminatorOptions, channels: int = 3) -> nn.Module:
    """Build a discriminator and start its weights.

    Args:
        options: Which one, and how large.
        channels: Of its input: 3, or 6 where it sees two images at once.

    Returns:
        A module from (N, channels, H, W) in -1..1 to logits: one map (N, 1, h, w), a list of them
        from ``multiscale`` and ``projected``, two channels (refined, real) from ``local``.

    Raises:
        ConfigError: There is no such discriminator, or an option does not suit it.
        ModelError: The weights that ``projected`` rests on are not installed.
    """
    if options.name not in DISCRIMINATORS:
        raise _unknown('discriminator', options.name, list(DISCRIMINATORS))
    if options.name != 'projected':
        refuse_unused(options, 'augment')
    discriminator = DISCRIMINATORS[options.name](options, channels)
    initialise(discriminator, options.initialisation)
    return discriminator


def _unknown(kind: str, name: str, known: list[str]) -> ConfigError:
    return ConfigError(f'there is no {kind} {name!r}; choose one of {", ".join(known)}')
