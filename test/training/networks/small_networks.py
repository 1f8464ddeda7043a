"""The smallest form of every network in the tables, for tests that run over all of them."""

import torch
from torch import nn

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.networks import GENERATORS, build_discriminator, build_generator
from sim2real_ros.training.options import DiscriminatorOptions, GeneratorOptions, Initialisation

SIDE = 32
# Strong enough that every layer shows in the output.
STRONG = Initialisation('kaiming', 1.0)


def small_generator(name, **options):
    """Build a generator with few weights, whichever options it knows."""
    torch.manual_seed(0)
    for size in ({'blocks': 1}, {'depth': 3}, {}):
        try:
            generator = build_generator(
                GeneratorOptions(name, filters=8, initialisation=STRONG, **size, **options)
            )
            return with_all_layers_at_work(generator)
        except ConfigError as error:
            refusal = error
    raise refusal


def with_all_layers_at_work(generator):
    """Draw weights that start as 0, behind which no other layer would show."""
    for parameter in generator.parameters():
        if parameter.dim() > 1 and not parameter.any():
            nn.init.kaiming_normal_(parameter)
    return generator


def small_discriminator(name, **options):
    torch.manual_seed(0)
    return build_discriminator(
        DiscriminatorOptions(name, filters=6, initialisation=STRONG, **options)
    )


def suitable_image(network, batch=1):
    """Noise of an oblong size that the generator takes."""
    multiple = network.size_multiple
    height = -(-SIDE // multiple) * multiple
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, 3, height, height + multiple, generator=generator) * 2 - 1


ALL_GENERATORS = sorted(GENERATORS)
TAPPED_GENERATORS = [n for n in ALL_GENERATORS if hasattr(small_generator(n), 'feature_layers')]
