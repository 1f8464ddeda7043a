"""In bf16 every weight still learns, and in the direction that float32 would take.

Autocast keeps the 16-bit copies of weights that it makes. In older versions of torch, one that is
made without gradients, and met again with gradients before autocast ends, does silently not learn.
"""

import pytest
import torch
from plain_loop import WatchedStepper, random_batch

from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    ExtraLossOptions,
    GeneratorOptions,
    Initialisation,
)

STRONG = Initialisation('kaiming', 1.0)
RESNET = GeneratorOptions('resnet', 4, 1, initialisation=STRONG)
PATCH = {'discriminator': DiscriminatorOptions(filters=4, layers=1)}
CUT = {**PATCH, 'generator': RESNET, 'nce_patches': 64}
CASES = {
    'cyclegan': ('cyclegan', {**PATCH, 'generator': RESNET}),
    'cyclegan, wgan': ('cyclegan', {**PATCH, 'generator': RESNET, 'adversarial': 'wgan'}),
    'pix2pix': (
        'pix2pix',
        {**PATCH, 'generator': GeneratorOptions('unet', 4, depth=3, initialisation=STRONG)},
    ),
    'unit': (
        'unit',
        {
            'generator': GeneratorOptions('unit', 2, 2, initialisation=STRONG),
            'discriminator': DiscriminatorOptions('multiscale', 4, scales=2, norm='none'),
            'share_layers': True,
        },
    ),
    'simgan': (
        'simgan',
        {
            'generator': GeneratorOptions('refiner', 4, 1, initialisation=STRONG),
            'discriminator': DiscriminatorOptions('local', 6, initialisation=STRONG),
            'max_gradient_norm': 0.0,
            'refiner_updates': 1,
        },
    ),
    'cut': ('cut', CUT),
    'cut, features by a pass of their own': (
        'cut',
        {**CUT, 'generator': GeneratorOptions('hyper_unet', 4, 1, initialisation=STRONG)},
    ),
    'distil': (
        'distil',
        {**PATCH, 'generator': GeneratorOptions('mobile_unet', 4, 1, initialisation=STRONG)},
    ),
}


def gradients(name, precision):
    """Return the gradients of one step's updates, by (update, network)."""
    method, options = CASES[name]
    extra = ExtraLossOptions(semantic_weight=1.0, semantic_classes=3, gradient_weight=1.0)
    torch.manual_seed(0)
    trained = METHODS[method](METHODS[method].Config(**options, extra_losses=extra))
    trained.step_count = 10**6
    stepper = WatchedStepper(trained, precision)
    torch.manual_seed(5)
    trained.step(random_batch(0, size=32, dtype=torch.float32, masks=True), stepper)
    return {
        (update, network): found[network]
        for update, moved, _, found, _ in stepper.log
        for network in moved
    }


def test_every_method_is_looked_at():
    assert {method for method, _ in CASES.values()} == set(METHODS)


@pytest.mark.parametrize('name', CASES)
def test_bf16_has_the_gradients_of_float32(name):
    wanted, found = gradients(name, '32-true'), gradients(name, 'bf16-mixed')
    assert set(wanted) == set(found)
    for key in wanted:
        assert [each is None for each in found[key]] == [each is None for each in wanted[key]]
        one, other = (
            torch.cat([each.flatten() for each in side[key] if each is not None])
            for side in (wanted, found)
        )
        assert torch.cosine_similarity(one, other, dim=0) > 0.8, key
