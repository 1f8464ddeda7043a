"""SimGAN's two losses against plain loops, hand-computed values and numerical gradients."""

import math

import pytest
import torch

from sim2real_ros.training.losses.local_adversarial import local_adversarial_loss
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.losses.self_regularisation import (
    Normalisation,
    self_regularisation_loss,
)
from sim2real_ros.training.options import ExtraLossOptions

LOWER_HALF = Region(ExtraLossOptions(region_top=0.5))


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_self_regularisation_of_nothing_changed_is_zero() -> None:
    image = _random(2, 3, 4, 5)
    assert self_regularisation_loss(image, image) == 0
    assert self_regularisation_loss(image, image, 'sum') == 0


@pytest.mark.parametrize(
    ('normalisation', 'region', 'expected'),
    [
        ('mean', None, 10 / 8),
        ('sum', None, 10 / 2),
        ('mean', LOWER_HALF, 7 / 4),
        ('sum', LOWER_HALF, 3.5),
    ],
)
def test_self_regularisation_of_known_images(
    normalisation: Normalisation, region: Region | None, expected: float
) -> None:
    sim = torch.zeros(2, 1, 2, 2)
    refined = torch.tensor([[[[1.0, -2.0], [3.0, 0.0]]], [[[0.0, 0.0], [0.0, -4.0]]]])
    loss = self_regularisation_loss(refined, sim, normalisation, region)
    assert loss == expected


def _naive_entropy(logits: torch.Tensor, channel: int) -> float:
    total = 0.0
    for image in logits.tolist():
        for row in zip(*image, strict=True):
            for pair in zip(*row, strict=True):
                total += math.log(sum(math.exp(value) for value in pair)) - pair[channel]
    return total


@pytest.mark.parametrize(('real', 'channel'), [(True, 1), (False, 0)])
def test_local_adversarial_equals_a_loop_over_places(real: bool, channel: int) -> None:
    logits = _random(2, 2, 3, 4)
    total = _naive_entropy(logits, channel)
    by_sum = local_adversarial_loss(logits, real, 'sum')
    by_mean = local_adversarial_loss(logits, real, 'mean')
    torch.testing.assert_close(by_sum, torch.tensor(total / 2, dtype=torch.float64))
    torch.testing.assert_close(by_mean, torch.tensor(total / 24, dtype=torch.float64))


def test_local_adversarial_of_known_logits() -> None:
    undecided = torch.zeros(1, 2, 3, 3)
    torch.testing.assert_close(local_adversarial_loss(undecided, True), torch.tensor(math.log(2)))
    sure_of_real = torch.tensor([-50.0, 50.0]).reshape(1, 2, 1, 1)
    assert local_adversarial_loss(sure_of_real, True) == 0
    assert local_adversarial_loss(sure_of_real, False) == 100


def test_local_adversarial_looks_at_the_region_only() -> None:
    logits = _random(2, 2, 4, 3)
    for normalisation in ('mean', 'sum'):
        whole = local_adversarial_loss(logits, True, normalisation, LOWER_HALF)
        lower = local_adversarial_loss(logits[:, :, 2:], True, normalisation)
        torch.testing.assert_close(whole, lower)


def test_gradients_are_right() -> None:
    logits = _random(2, 2, 2, 3).requires_grad_()
    for normalisation in ('mean', 'sum'):
        assert torch.autograd.gradcheck(
            lambda x, n=normalisation: local_adversarial_loss(x, True, n), (logits,)
        )
    refined, sim = _random(1, 3, 2, 2).requires_grad_(), torch.zeros(1, 3, 2, 2).double()
    assert torch.autograd.gradcheck(lambda x: self_regularisation_loss(x, sim), (refined,))


def test_sum_and_mean_correspond_as_documented() -> None:
    """The total's gradient is the same but for a factor, with the weight converted."""
    refined, sim = _random(2, 3, 8, 12), _random(2, 3, 8, 12).flip(0)
    weights = _random(2, 3, 4, 4)

    def gradient(normalisation: Normalisation, weight: float) -> torch.Tensor:
        image = refined.clone().requires_grad_()
        logits = torch.nn.functional.conv2d(image, weights, stride=4)
        assert logits.shape == (2, 2, 2, 3)
        loss = local_adversarial_loss(logits, True, normalisation)
        loss = loss + weight * self_regularisation_loss(image, sim, normalisation)
        loss.backward()
        assert image.grad is not None
        return image.grad

    places, values = 2 * 3, 3 * 8 * 12
    by_sum = gradient('sum', 0.5)
    by_mean = gradient('mean', 0.5 * values / places)
    torch.testing.assert_close(by_sum, places * by_mean)
