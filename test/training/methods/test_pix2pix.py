import copy
import math

import pytest
import torch
from plain_loop import WatchedStepper, random_batch, weights_of
from torch.nn import functional

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError
from sim2real_ros.training.losses.gradient_consistency import gradient_consistency
from sim2real_ros.training.methods import pix2pix
from sim2real_ros.training.methods.pix2pix import Pix2Pix, Pix2PixConfig
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    ExtraLossOptions,
    GeneratorOptions,
    OptimiserOptions,
)

SMALL = {
    'generator': GeneratorOptions(name='unet', filters=4, depth=3, norm='batch'),
    'discriminator': DiscriminatorOptions(filters=4, layers=1, norm='batch'),
}


def small(dtype=torch.float64, **options):
    torch.manual_seed(0)
    method = Pix2Pix(Pix2PixConfig(**{**SMALL, **options}))
    method.networks.to(dtype)
    return method


def cross_entropy(logits, real):
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real))


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'l1_weight': 7.0},
        {'discriminator': DiscriminatorOptions(filters=4, layers=1)},
        {'generator': GeneratorOptions(name='unet', filters=4, depth=3)},
    ],
    ids=str,
)
def test_a_step_equals_the_equations_pass_by_pass(options):
    """Discriminator first; then the generator against what the discriminator has become."""
    method, batch = small(**options), random_batch(0)
    generator, judge = copy.deepcopy(method.networks).values()
    optimiser = torch.optim.Adam(judge.parameters(), lr=2e-4, betas=(0.5, 0.999))
    translated = generator(batch.sim)
    fake, real = torch.cat([batch.sim, translated], 1), torch.cat([batch.sim, batch.real], 1)
    judged = 0.5 * (cross_entropy(judge(fake.detach()), 0.0) + cross_entropy(judge(real), 1.0))
    judged.backward()
    optimiser.step()
    adversarial = cross_entropy(judge(fake), 1.0)
    l1 = method.config.l1_weight * functional.l1_loss(translated, batch.real)
    wanted_gradients = torch.autograd.grad(adversarial + l1, list(generator.parameters()))

    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    wanted = {'adversarial': adversarial, 'l1': l1, 'discriminator': judged}
    torch.testing.assert_close(losses, {name: loss.detach() for name, loss in wanted.items()})
    torch.testing.assert_close(stepper.log[1][3]['generator'], list(wanted_gradients))
    torch.testing.assert_close(weights_of(method.networks['discriminator']), weights_of(judge))


def test_a_step_moves_the_discriminator_then_the_generator():
    method = small()
    stepper = WatchedStepper(method)
    losses = method.step(random_batch(0), stepper)
    assert [(name, moved, reached) for name, moved, reached, _, _ in stepper.log] == [
        ('discriminator', {'discriminator'}, {'discriminator'}),
        ('generator', {'generator'}, {'generator'}),
    ]
    assert all(loss.shape == () and not loss.requires_grad for loss in losses.values())
    assert all(each.requires_grad for each in method.networks.parameters())


def test_region_and_extras_enter_the_loss():
    options = ExtraLossOptions(
        gradient_weight=3.0, region_top=0.5, semantic_weight=2.0, semantic_classes=3
    )
    method = small(torch.float32, extra_losses=options)
    batch = random_batch(0, dtype=torch.float32, masks=True)
    generator = copy.deepcopy(method.networks['generator'])
    with torch.no_grad():
        translated = generator(batch.sim)
    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    assert [entry[:2] for entry in stepper.log] == [
        ('segmenter', {'segmenter'}),
        ('discriminator', {'discriminator'}),
        ('generator', {'generator'}),
    ]
    edges = 3 * gradient_consistency(translated, batch.sim, method.extra.region)
    torch.testing.assert_close(losses['gradient'], edges)
    l1 = 100 * (translated - batch.real)[:, :, 8:].abs().mean()
    torch.testing.assert_close(losses['l1'], l1)
    parts = [losses[name] for name in ('adversarial', 'l1', 'gradient', 'semantic')]
    torch.testing.assert_close(sum(parts), stepper.log[-1][-1])


def test_wgan_adds_the_gradient_penalty_of_pairs(monkeypatch):
    method, batch = small(adversarial='wgan', gradient_penalty_weight=7.0), random_batch(0)
    calls = []

    def penalty(judge, real, fake):
        calls.append((real, fake))
        return torch.tensor(100.0, dtype=torch.float64)

    monkeypatch.setattr(pix2pix, 'gradient_penalty', penalty)
    twin = small(adversarial='wgan', gradient_penalty_weight=0.0)
    with_penalty = method.step(batch, WatchedStepper(method))['discriminator']
    without = twin.step(batch, WatchedStepper(twin))['discriminator']
    torch.testing.assert_close(with_penalty, without + 700)
    torch.testing.assert_close(calls[0][0], torch.cat([batch.sim, batch.real], 1))
    assert torch.equal(calls[0][1][:, :3], batch.sim)


@pytest.mark.parametrize('adversarial', ['vanilla', 'lsgan', 'wgan', 'hinge'])
def test_a_step_in_mixed_precision_is_finite(adversarial):
    method = small(torch.float32, adversarial=adversarial)
    batch = random_batch(0, dtype=torch.float32)
    losses = method.step(batch, WatchedStepper(method, 'bf16-mixed'))
    assert all(math.isfinite(loss) and loss.dtype == torch.float32 for loss in losses.values())


def test_defaults_are_those_of_the_authors():
    method = Pix2Pix(Pix2PixConfig())
    assert weights_of(method.networks['generator']).numel() == 54_413_955
    assert weights_of(method.networks['discriminator']).numel() == 2_768_705
    dropouts = [
        each.p for each in method.generator().modules() if type(each).__name__ == 'Dropout'
    ]
    assert dropouts == [0.5] * 3
    assert (method.config.adversarial, method.config.l1_weight) == ('vanilla', 100)
    assert Pix2Pix.batch_kind == 'paired'
    assert method.state() == {}


def test_discriminators_may_have_a_rate_of_their_own():
    options = OptimiserOptions(learning_rate=5e-5)
    rates = {
        name: each.param_groups[0]['lr']
        for name, each in small(discriminator_optimiser=options).optimisers.items()
    }
    assert rates == {'generator': 2e-4, 'discriminator': 5e-5}


def test_what_is_exported_and_shown():
    method, batch = small(), random_batch(0)
    assert method.generator() is method.networks['generator']
    method.networks.eval()
    with torch.no_grad():
        pictures = method.pictures(batch)
        assert list(pictures) == ['sim', 'translated', 'real']
        torch.testing.assert_close(pictures['translated'], method.generator()(batch.sim))


@pytest.mark.parametrize('name', ['l1_weight', 'gradient_penalty_weight'])
def test_negative_weights_are_refused(name):
    with pytest.raises(ConfigError, match='weights must not be negative'):
        from_mapping(Pix2PixConfig, {name: -1.0}, 'test')
