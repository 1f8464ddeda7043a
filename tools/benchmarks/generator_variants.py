"""The generators that benchmarks compare, with random weights."""

import torch
from torch import nn

from sim2real_ros.training.networks import build_generator
from sim2real_ros.training.options import GeneratorOptions

VARIANTS: dict[str, GeneratorOptions] = {
    'resnet-9': GeneratorOptions(name='resnet', blocks=9),
    'resnet-6-16': GeneratorOptions(name='resnet', blocks=6, filters=16),
    # At its usual depth of 8, sides would be multiples of 256.
    'unet-7': GeneratorOptions(name='unet', depth=7),
    'unit': GeneratorOptions(name='unit'),
    'refiner': GeneratorOptions(name='refiner'),
    'hyper_unet': GeneratorOptions(name='hyper_unet'),
    'separable_resnet': GeneratorOptions(name='separable_resnet'),
    'mobile_unet': GeneratorOptions(name='mobile_unet'),
    'bilateral_grid': GeneratorOptions(name='bilateral_grid'),
    'bilateral_grid_detail': GeneratorOptions(name='bilateral_grid_detail'),
    'tiny-resnet': GeneratorOptions(name='resnet', blocks=1, filters=4),
    'tiny-bilateral_grid': GeneratorOptions(name='bilateral_grid', filters=4, blocks=1, depth=2),
}
"""By the name that tables call them; those with a number or 'tiny' differ from the usual ones."""

_DEVIATION = 0.02


def random_generator(name: str) -> nn.Module:
    """Build a generator for use; what starts as nothing is a little more than that.

    Otherwise a graph could be simplified to one that does not do the work.
    """
    torch.manual_seed(0)
    generator = build_generator(VARIANTS[name])
    with torch.no_grad():
        for parameter in generator.parameters():
            if not parameter.any():
                parameter.normal_(0, _DEVIATION)
    return generator.eval()
