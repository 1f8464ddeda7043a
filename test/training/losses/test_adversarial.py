import math

import numpy as np
import pytest
import torch
from torch import nn

from sim2real_ros.training.losses.adversarial import adversarial_loss, gradient_penalty
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.options import ExtraLossOptions

KINDS = ('lsgan', 'vanilla', 'hinge', 'wgan')


def logits(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2


def naive(kind, x, real, for_generator=False):
    """The formulas of the papers, one logit at a time, in plain Python."""
    total = 0.0
    for value in x.flatten().tolist():
        if kind == 'lsgan':
            total += (value - (1.0 if real else 0.0)) ** 2
        elif kind == 'vanilla':
            probability = 1 / (1 + math.exp(-value))
            total -= math.log(probability if real else 1 - probability)
        elif kind == 'wgan' or for_generator:
            total += -value if real else value
        else:
            total += max(0.0, 1 - value if real else 1 + value)
    return total / x.numel()


@pytest.mark.parametrize('for_generator', [False, True])
@pytest.mark.parametrize('real', [False, True])
@pytest.mark.parametrize('kind', KINDS)
def test_adversarial_loss_equals_the_formula(kind, real, for_generator):
    x = logits(2, 1, 3, 4)
    loss = adversarial_loss(x, real, kind, for_generator=for_generator)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(naive(kind, x, real, for_generator), abs=1e-12)


@pytest.mark.parametrize('for_generator', [False, True])
@pytest.mark.parametrize('real', [False, True])
@pytest.mark.parametrize('kind', KINDS)
def test_adversarial_loss_has_the_right_gradient(kind, real, for_generator):
    x = logits(2, 1, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: adversarial_loss(x, real, kind, for_generator=for_generator), x
    )


def test_lsgan_of_a_perfect_and_of_a_fooled_discriminator():
    one, zero = torch.ones(1, 1, 30, 30), torch.zeros(1, 1, 30, 30)
    perfect = adversarial_loss(one, True, 'lsgan') + adversarial_loss(zero, False, 'lsgan')
    fooled = adversarial_loss(zero, True, 'lsgan') + adversarial_loss(one, False, 'lsgan')
    assert (0.5 * perfect).item() == 0
    assert (0.5 * fooled).item() == 1


@pytest.mark.parametrize('c', [-1.5, 0.0, 0.25, 1.0])
def test_lsgan_of_a_generator_is_not_halved(c):
    x = torch.full((1, 1, 30, 30), c)
    loss = adversarial_loss(x, True, 'lsgan', for_generator=True)
    assert loss.item() == pytest.approx((c - 1) ** 2)


def test_vanilla_equals_binary_cross_entropy_and_survives_large_logits():
    x = logits(1, 1, 5, 5)
    for real in (True, False):
        wanted = nn.functional.binary_cross_entropy_with_logits(x, torch.full_like(x, real))
        torch.testing.assert_close(adversarial_loss(x, real, 'vanilla'), wanted)
    huge = torch.tensor([[[[1000.0]]]])
    assert adversarial_loss(huge, False, 'vanilla').item() == 1000
    assert adversarial_loss(huge, True, 'vanilla').item() == 0


def test_hinge_is_content_beyond_the_margin_but_its_generator_never():
    x = torch.full((1, 1, 2, 2), 3.0)
    assert adversarial_loss(x, True, 'hinge').item() == 0
    assert adversarial_loss(-x, False, 'hinge').item() == 0
    assert adversarial_loss(x, True, 'hinge', for_generator=True).item() == -3


@pytest.mark.parametrize('kind', KINDS)
def test_scales_are_added_up(kind):
    maps = [logits(2, 1, 4, 4, seed=1), logits(2, 1, 2, 2, seed=2), logits(2, 1, 1, 1, seed=3)]
    loss = adversarial_loss(maps, False, kind)
    assert loss.item() == pytest.approx(sum(naive(kind, each, False) for each in maps))


@pytest.mark.parametrize('kind', KINDS)
def test_logits_outside_the_region_do_not_matter(kind):
    region = Region(ExtraLossOptions(region_top=0.5))
    x, other = logits(1, 1, 4, 3), logits(1, 1, 4, 3)
    other[:, :, :2] = 77.0
    loss = adversarial_loss(x, True, kind, region=region)
    assert loss.item() == adversarial_loss(other, True, kind, region=region).item()
    assert loss.item() == pytest.approx(naive(kind, x[:, :, 2:], True))


def test_half_precision_logits_are_averaged_in_float32():
    x = torch.full((1, 1, 100, 100), 1.015625, dtype=torch.bfloat16)
    loss = adversarial_loss(x, False, 'lsgan')
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(1.015625**2, rel=1e-6)


class Linear(nn.Module):
    """A critic whose slope is known: the same everywhere."""

    def __init__(self, slope):
        super().__init__()
        self.weight = nn.Parameter(slope)

    def forward(self, image):
        return (image * self.weight).sum((1, 2, 3)).reshape(-1, 1, 1, 1)


def test_gradient_penalty_of_a_linear_critic_is_known():
    slope = logits(1, 3, 4, 4)
    critic = Linear(slope)
    penalty = gradient_penalty(critic, logits(2, 3, 4, 4, seed=1), logits(2, 3, 4, 4, seed=2))
    norm = np.linalg.norm(slope.numpy())
    assert penalty.item() == pytest.approx((norm - 1) ** 2)
    penalty.backward()
    wanted = 2 * (norm - 1) * slope / norm  # derivative by the slope itself
    torch.testing.assert_close(critic.weight.grad, wanted)


def test_gradient_penalty_looks_between_real_and_fake():
    seen = []

    def critic(image):
        seen.append(image.detach())
        return [image.sum((1, 2, 3)), 2 * image.sum((1, 2, 3))]

    real, fake = torch.zeros(64, 1, 2, 2), torch.ones(64, 1, 2, 2)
    torch.manual_seed(0)
    penalty = gradient_penalty(critic, real, fake, target_norm=0.0)
    # Two scales are added up: a slope of 3 at each of 4 pixels.
    assert penalty.item() == pytest.approx(36.0)
    (between,) = seen
    assert bool(((between > 0) & (between < 1)).all())
    # One place on the line for each image, and a different one for the next.
    assert bool((between.flatten(1).std(1) < 1e-6).all())
    assert between[:, 0, 0, 0].std() > 0.2


def test_gradient_penalty_is_differentiable_where_the_slope_is_zero():
    critic = Linear(torch.zeros(1, 3, 4, 4))
    gradient_penalty(critic, logits(1, 3, 4, 4), logits(1, 3, 4, 4)).backward()
    assert bool(critic.weight.grad.isfinite().all())


def test_gradient_penalty_does_not_reach_the_generator():
    fake = torch.ones(1, 3, 4, 4, requires_grad=True)
    critic = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 1, 2))
    gradient_penalty(critic, torch.zeros(1, 3, 4, 4), fake).backward()
    assert fake.grad is None
    assert critic[0].weight.grad is not None
