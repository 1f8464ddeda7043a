"""CUT with ``nce_weight`` 0: a plain GAN from sim to real."""

import copy

import pytest
import torch
from plain_loop import WatchedStepper, random_batch
from small_cut import MIRRORED_EDGES, NORMAL, check_edges_of_what_was_not_mirrored, small_cut

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.options import DiscriminatorOptions, GeneratorOptions


def small(generator='resnet', **options):
    blocks = {'blocks': 1} if generator != 'unet' else {'depth': 3}
    return small_cut(
        generator=GeneratorOptions(generator, 4, initialisation=NORMAL, **blocks),
        discriminator=DiscriminatorOptions(filters=4, layers=1),
        **{'nce_weight': 0.0, **options},
    )


@pytest.mark.parametrize('weight', [1.0, 3.0])
def test_a_step_is_the_adversarial_loss_and_nothing_else(weight):
    method, batch = small(adversarial_weight=weight), random_batch(0)
    networks = copy.deepcopy(method.networks)
    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    fake = networks['generator'](batch.sim)
    on_real, on_fake = networks['discriminator'](batch.real), networks['discriminator'](fake)
    judged = 0.5 * ((on_real - 1).square().mean() + on_fake.square().mean())
    fooled = weight * (method.networks['discriminator'](fake) - 1).square().mean()
    expected = {'discriminator': judged.detach(), 'adversarial': fooled.detach()}
    torch.testing.assert_close(losses, expected, check_dtype=False)
    gradients = torch.autograd.grad(fooled, list(networks['generator'].parameters()))
    found = stepper.log[1][3]['generator']
    torch.testing.assert_close(found, list(gradients), check_dtype=False)


def test_the_generator_runs_once_and_only_on_sim():
    method, batch, seen = small(), random_batch(0), []
    method.networks['generator'].register_forward_hook(lambda _, x, y: seen.append(x[0]))
    method._generator.encode = None
    method.step(batch, WatchedStepper(method))
    assert len(seen) == 1
    assert torch.equal(seen[0], batch.sim)
    assert list(method.networks) == ['generator', 'discriminator']
    assert list(method.pictures(batch)) == ['sim', 'translated', 'real']


def test_any_generator_will_do():
    method = small('unet')
    losses = method.step(random_batch(0), WatchedStepper(method))
    assert set(losses) == {'discriminator', 'adversarial'}
    with pytest.raises(ConfigError, match=r"cut cannot use the generator 'unet'.*nce_weight to 0"):
        small('unet', nce_weight=1.0)


def test_edges_are_still_compared_with_what_was_not_mirrored(monkeypatch):
    check_edges_of_what_was_not_mirrored(small(**MIRRORED_EDGES), monkeypatch)
