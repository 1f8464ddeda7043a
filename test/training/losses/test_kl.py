"""UNIT's divergence term against hand-computed values and numerical gradients."""

import torch

from sim2real_ros.training.losses.kl import kl_loss


def test_kl_is_the_mean_square() -> None:
    mean = torch.tensor([[[[1.0, -2.0], [0.0, 3.0]]]])
    assert kl_loss(mean) == (1 + 4 + 0 + 9) / 4


def test_kl_is_twice_the_divergence_from_the_standard_normal() -> None:
    mean = torch.tensor([0.5, -1.5], dtype=torch.float64)
    normal = torch.distributions.Normal
    divergence = torch.distributions.kl_divergence(normal(mean, 1.0), normal(0.0, 1.0)).mean()
    torch.testing.assert_close(kl_loss(mean), 2 * divergence)


def test_kl_gradient_is_right() -> None:
    mean = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(kl_loss, (mean,))


def test_kl_adds_up_in_float32() -> None:
    mean = torch.full((1, 64, 64, 64), 0.1, dtype=torch.bfloat16)
    loss = kl_loss(mean)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, mean[0, 0, 0, 0].float() ** 2)
