import torch
from torch import nn

from sim2real_ros.training.engine.weight_average import WeightAverage


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def change(module):
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.add_(1)


def test_it_is_the_naive_average():
    module, decay, start = network(), 0.75, 2
    average = WeightAverage(module, decay, start)
    naive = {name: p.detach().clone().double() for name, p in module.named_parameters()}
    for steps in range(1, 7):
        change(module)
        average.update(steps)
        for name, parameter in module.named_parameters():
            own = parameter.detach().double()
            naive[name] = own if steps <= start else decay * naive[name] + (1 - decay) * own
    for name, parameter in average.network.named_parameters():
        torch.testing.assert_close(parameter.double(), naive[name], rtol=1e-6, atol=1e-6)
        assert not parameter.requires_grad
    assert not average.network.training
    for mine, theirs in zip(average.network.buffers(), module.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_swapping_in_gives_every_bit_back():
    module = network()
    average = WeightAverage(module, 0.5)
    change(module)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    averaged = {name: tensor.clone() for name, tensor in average.network.state_dict().items()}
    parameters = list(module.parameters())
    with average.swapped_in():
        shown = module.state_dict()
        assert all(torch.equal(shown[name], averaged[name]) for name in shown)
        assert not torch.equal(shown['0.weight'], before['0.weight'])
    after = module.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    # Optimisers hold on to the parameters themselves.
    assert all(a is b for a, b in zip(parameters, module.parameters(), strict=True))
