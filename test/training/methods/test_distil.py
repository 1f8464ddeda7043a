import copy
import math

import pytest
import torch
from plain_loop import WatchedStepper, random_batch, weights_of
from torch.nn import functional

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError
from sim2real_ros.training.losses.gradient_consistency import sobel
from sim2real_ros.training.methods.distil import Distil, DistilConfig
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    ExtraLossOptions,
    GeneratorOptions,
    OptimiserOptions,
)

SMALL = {
    'generator': GeneratorOptions(name='mobile_unet', filters=4, blocks=1, norm='batch'),
    'discriminator': DiscriminatorOptions(filters=4, layers=1),
}


def small(dtype=torch.float64, **options):
    torch.manual_seed(0)
    method = Distil(DistilConfig(**{**SMALL, **options}))
    method.networks.to(dtype)
    return method


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'adversarial_weight': 0.5, 'l1_weight': 3.0, 'edge_weight': 2.0},
        {'discriminator': DiscriminatorOptions(filters=4, layers=1, norm='batch')},
    ],
    ids=str,
)
def test_a_step_equals_the_equations_pass_by_pass(options):
    method, batch = small(**options), random_batch(0)
    config = method.config
    student, judge = copy.deepcopy(method.networks).values()
    optimiser = torch.optim.Adam(judge.parameters(), lr=2e-4, betas=(0.5, 0.999))
    translated = student(batch.sim)
    judged = 0.5 * (
        (judge(batch.real) - 1).square().mean() + judge(translated.detach()).square().mean()
    )
    judged.backward()
    optimiser.step()
    wanted = {
        'adversarial': config.adversarial_weight * (judge(translated) - 1).square().mean(),
        'l1': config.l1_weight * functional.l1_loss(translated, batch.real),
        'edges': config.edge_weight * functional.l1_loss(sobel(translated), sobel(batch.real)),
    }
    gradients = torch.autograd.grad(sum(wanted.values()), list(student.parameters()))
    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    wanted['discriminator'] = judged
    torch.testing.assert_close(losses, {name: loss.detach() for name, loss in wanted.items()})
    torch.testing.assert_close(stepper.log[1][3]['generator'], list(gradients))
    torch.testing.assert_close(weights_of(method.networks['discriminator']), weights_of(judge))


def test_a_step_moves_the_discriminator_then_the_student():
    method = small()
    stepper = WatchedStepper(method)
    losses = method.step(random_batch(0), stepper)
    assert [(name, moved, reached) for name, moved, reached, _, _ in stepper.log] == [
        ('discriminator', {'discriminator'}, {'discriminator'}),
        ('generator', {'generator'}, {'generator'}),
    ]
    assert all(loss.shape == () and not loss.requires_grad for loss in losses.values())


def test_without_an_adversarial_loss_there_is_no_discriminator():
    method = small(adversarial_weight=0.0, edge_weight=0.0)
    assert list(method.networks) == ['generator']
    assert list(method.optimisers) == ['generator']
    stepper = WatchedStepper(method)
    losses = method.step(random_batch(0), stepper)
    assert set(losses) == {'l1'}
    assert [entry[:2] for entry in stepper.log] == [('generator', {'generator'})]


def test_region_and_extras_enter_the_loss():
    options = ExtraLossOptions(region_top=0.5, semantic_weight=2.0, semantic_classes=3)
    method = small(torch.float32, extra_losses=options)
    batch = random_batch(0, dtype=torch.float32, masks=True)
    student = copy.deepcopy(method.networks['generator'])
    with torch.no_grad():
        translated = student(batch.sim)
    stepper = WatchedStepper(method)
    losses = method.step(batch, stepper)
    assert [entry[0] for entry in stepper.log] == ['segmenter', 'discriminator', 'generator']
    l1 = 10 * (translated - batch.real)[:, :, 8:].abs().mean()
    torch.testing.assert_close(losses['l1'], l1)
    edges = 10 * (sobel(translated) - sobel(batch.real))[:, :, 8:].abs().mean()
    torch.testing.assert_close(losses['edges'], edges)
    parts = [losses[name] for name in ('adversarial', 'l1', 'edges', 'semantic')]
    torch.testing.assert_close(sum(parts), stepper.log[-1][-1])


@pytest.mark.parametrize('adversarial', ['lsgan', 'vanilla', 'hinge'])
def test_a_step_in_mixed_precision_is_finite(adversarial):
    method = small(torch.float32, adversarial=adversarial)
    batch = random_batch(0, dtype=torch.float32)
    losses = method.step(batch, WatchedStepper(method, 'bf16-mixed'))
    assert all(math.isfinite(loss) and loss.dtype == torch.float32 for loss in losses.values())


def test_the_usual_student_is_small():
    method = Distil(DistilConfig())
    assert weights_of(method.generator()).numel() < 300_000
    assert method.config.batch_size > 1  # of which batch norm takes its statistics
    assert Distil.batch_kind == 'paired'


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
        assert list(pictures) == ['sim', 'translated', 'teacher']
        torch.testing.assert_close(pictures['translated'], method.generator()(batch.sim))
        assert pictures['teacher'] is batch.real


@pytest.mark.parametrize(
    'values',
    [
        {'l1_weight': -1.0},
        {'adversarial_weight': 0.0, 'l1_weight': 0.0, 'edge_weight': 0.0},
    ],
    ids=str,
)
def test_weights_that_teach_nothing_are_refused(values):
    with pytest.raises(ConfigError, match='must not be negative, and one of them positive'):
        from_mapping(DistilConfig, values, 'test')
