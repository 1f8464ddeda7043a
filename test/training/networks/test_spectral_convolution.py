import io

import pytest
import torch
from torch.nn import functional

from sim2real_ros.training.networks.initialisation import initialise
from sim2real_ros.training.networks.spectral_convolution import SpectralConvolution
from sim2real_ros.training.options import Initialisation


def convolution(**options):
    torch.manual_seed(0)
    return SpectralConvolution(3, 8, 4, 2, padding=1, **options)


def exactly_normalised(weight):
    return weight / torch.linalg.matrix_norm(weight.detach().flatten(1), 2)


@pytest.mark.parametrize('gain', [0.02, 5.0])
def test_weights_are_divided_by_their_largest_singular_value(gain):
    layer, features = convolution(), torch.rand(2, 3, 8, 10)
    initialise(layer, Initialisation('normal', gain))
    expected = functional.conv2d(
        features, exactly_normalised(layer.weight), layer.bias, stride=2, padding=1
    )
    torch.testing.assert_close(layer(features), expected, rtol=1e-2, atol=1e-3)


def test_the_estimate_follows_the_weights_in_training_only():
    layer, features = convolution(bias=False), torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        layer.weight.copy_(torch.randn_like(layer.weight))
        expected = functional.conv2d(
            features, exactly_normalised(layer.weight), stride=2, padding=1
        )
        layer.eval()
        off = layer(features)
        assert torch.equal(layer(features), off)
        assert not torch.allclose(off, expected, rtol=0.05)
        layer.train()
        for _ in range(60):
            layer(features)
        torch.testing.assert_close(layer.eval()(features), expected, rtol=1e-3, atol=1e-4)


def test_gradients_are_those_of_the_exact_quotient():
    layer, features = convolution().double(), torch.rand(1, 3, 8, 8).double()
    for _ in range(200):
        layer(features)
    weight = layer.weight.detach().clone().requires_grad_()
    quotient = weight / torch.linalg.matrix_norm(weight.flatten(1), 2)
    functional.conv2d(
        features, quotient, layer.bias, stride=2, padding=1
    ).square().sum().backward()
    layer(features).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, weight.grad, rtol=1e-6, atol=1e-8)


def test_a_later_pass_leaves_the_graph_of_an_earlier_one_intact():
    layer, features = convolution(), torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        layer.weight.copy_(torch.randn_like(layer.weight))
    first = layer(features).sum()
    (expected,) = torch.autograd.grad(first, layer.weight, retain_graph=True)
    layer(features)
    (found,) = torch.autograd.grad(first, layer.weight)
    assert torch.equal(found, expected)


def test_sigma_is_computed_in_float32_in_a_run_of_16_bits():
    layer, features = convolution().eval(), torch.rand(1, 3, 8, 8)
    weight = (layer.weight / layer._sigma()).detach()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = layer(features)
        expected = functional.conv2d(features, weight, layer.bias, stride=2, padding=1)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, expected)


def test_its_estimate_is_saved():
    layer, features = convolution(), torch.rand(1, 3, 8, 8)
    layer(features)
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = convolution()
    initialise(other, Initialisation())
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(features), layer(features))
