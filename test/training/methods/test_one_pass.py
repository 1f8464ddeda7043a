import pytest
import torch
from torch import nn

from sim2real_ros.training.methods.one_pass import in_one_pass, logits_in_one_pass, mixes_images


class Counted(nn.Module):
    """A small network that counts how often it is called."""

    def __init__(self, norm, scales=0):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), norm, nn.Conv2d(4, 3, 1))
        self.calls, self.scales = 0, scales

    def forward(self, image):
        self.calls += 1
        answer = self.layers(image)
        return [answer[..., i:] for i in range(self.scales)] if self.scales else answer


def images(count, seed, size=8):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, size, size, generator=generator)


def gradients(network, outputs):
    network.zero_grad()
    sum((i + 1) * output.square().mean() for i, output in enumerate(outputs)).backward()
    return [each.grad.clone() for each in network.parameters()]


@pytest.mark.parametrize('norm', [nn.InstanceNorm2d(4), nn.Identity(), nn.GroupNorm(2, 4)])
@pytest.mark.parametrize('counts', [(1, 1), (2, 3)])
def test_one_pass_gives_values_and_gradients_of_two(norm, counts):
    network = Counted(norm)
    first, second = images(counts[0], 1), images(counts[1], 2)
    together = in_one_pass(network, first, second)
    assert network.calls == 1
    apart = (network(first), network(second))
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(gradients(network, together), gradients(network, apart))


def test_batch_norm_takes_two_passes_in_order():
    network = Counted(nn.BatchNorm2d(4))
    twin = Counted(nn.BatchNorm2d(4))
    together = in_one_pass(network, images(2, 1), images(2, 2))
    assert network.calls == 2
    assert mixes_images(network)
    apart = (twin(images(2, 1)), twin(images(2, 2)))
    torch.testing.assert_close(together, apart)
    torch.testing.assert_close(network.layers[1].running_mean, twin.layers[1].running_mean)


def test_different_sizes_take_two_passes():
    network = Counted(nn.Identity())
    first, second = in_one_pass(network, images(1, 1, 8), images(1, 2, 6))
    assert (first.shape, second.shape) == ((1, 3, 8, 8), (1, 3, 6, 6))
    assert network.calls == 2


@pytest.mark.parametrize(('norm', 'calls'), [(nn.Identity(), 1), (nn.BatchNorm2d(4), 2)])
def test_answers_of_several_scales_are_sorted_by_batch(norm, calls):
    network = Counted(norm, scales=3)
    first, second = images(1, 1), images(2, 2)
    answers = logits_in_one_pass(network, first, second)
    assert network.calls == calls
    assert [len(answer) for answer in answers] == [3, 3]
    for answer, batch in zip(answers, (first, second), strict=True):
        torch.testing.assert_close(list(answer), network(batch))


def test_answers_of_one_scale_stay_tensors():
    network = Counted(nn.Identity())
    first, second = logits_in_one_pass(network, images(1, 1), images(2, 2))
    torch.testing.assert_close(first, network(images(1, 1)))
    torch.testing.assert_close(second, network(images(2, 2)))
