"""CUT with ``nce_weight`` 0: a plain GAN from sim to real."""

import copy

import pytest
import torch
from plain_loop import WatchedStepper, random_batch

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.methods.cut import Cut, CutConfig
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    ExtraLossOptions,
    GeneratorOptions,
    Initialisation,
)

NORMAL = Initialisation('normal', 0.1)


def small(generator='resnet', **options):
    torch.manual_seed(0)
    blocks = {'blocks': 1} if generator != 'unet' else {'depth': 3}
    method = Cut(
        CutConfig(
            generator=GeneratorOptions(generator, 4, initialisation=NORMAL, **blocks),
            discriminator=DiscriminatorOptions(filters=4, layers=1),
            **{'nce_weight': 0.0, **options},
        )
    )
    method.networks.to(torch.float64)
    return method


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
    options = ExtraLossOptions(gradient_weight=2.0)
    method = small(extra_losses=options, flip_equivariance=True)
    batch, seen = random_batch(0), []
    monkeypatch.setattr(torch, 'rand', lambda *shape: torch.zeros(*shape))
    monkeypatch.setattr(
        method.extra, 'generator_losses', lambda sim, made, mask: seen.append((sim, made)) or {}
    )
    with torch.no_grad():
        expected = method._generator(batch.sim.flip(3)).flip(3)
    method.step(batch, WatchedStepper(method))
    ((sim, made),) = seen
    assert sim is batch.sim
    torch.testing.assert_close(made.detach(), expected)
