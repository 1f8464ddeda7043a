import pytest
import torch
from torch import nn

from sim2real_ros.training.methods.freezing import frozen


def test_frozen_networks_pass_gradients_on_but_get_none():
    generator, judge = nn.Linear(2, 2), nn.Linear(2, 1)
    with frozen(judge):
        loss = judge(generator(torch.ones(1, 2))).sum()
    loss.backward()
    assert all(each.grad is None for each in judge.parameters())
    torch.testing.assert_close(generator.bias.grad, judge.weight[0].detach())


def test_what_did_not_learn_before_does_not_learn_after():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight.requires_grad_(False)
    with frozen(first, second):
        assert not any(each.requires_grad for each in [*first.parameters(), *second.parameters()])
    assert [each.requires_grad for each in second.parameters()] == [False, True]
    assert all(each.requires_grad for each in first.parameters())


def test_an_error_inside_does_not_leave_networks_frozen():
    network = nn.Linear(2, 2)
    with pytest.raises(ValueError, match='inside'), frozen(network):
        raise ValueError('inside')
    assert all(each.requires_grad for each in network.parameters())
