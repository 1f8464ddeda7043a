import numpy as np
import onnx
import pytest
import torch
from small_networks import with_all_layers_at_work
from torch import nn

from sim2real_ros.card import ModelCard
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.export import export_model
from sim2real_ros.training.export.uint8_contract import translate_in_torch
from sim2real_ros.training.networks import build_generator
from sim2real_ros.training.options import GeneratorOptions, Initialisation

pytestmark = pytest.mark.usefixtures('operators_known')

CARD = ModelCard(name='test', method='cyclegan', licence='CC0-1.0', training_data='noise')
NAMES = ('bilateral_grid', 'bilateral_grid_detail')


def generator(name):
    torch.manual_seed(0)
    options = GeneratorOptions(
        *(name, 4, 1, 2),
        norm='batch',
        grid_size=(4, 3),
        initialisation=Initialisation('kaiming', 1),
    )
    network = with_all_layers_at_work(build_generator(options)).eval()
    nn.init.normal_(network.head.weight, 0, 0.1)
    return network


def scene(width, height, count=1):
    noise = np.random.default_rng(3).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    noise[:, : height // 3] //= 8
    return noise


def differences(exported, network, rgb):
    translator = Translator.load(exported.path, provider='cpu')
    expected = translate_in_torch(network, rgb)
    assert np.abs(expected.astype(int) - rgb).mean() > 5
    found = np.stack([translator.translate(each) for each in rgb])
    return np.abs(found.astype(int) - expected)


@pytest.mark.parametrize('name', NAMES)
def test_a_model_of_free_size_takes_sides_that_are_no_multiple_of_the_grid(tmp_path, name):
    network = generator(name)
    exported = export_model(network, tmp_path / 'm.onnx', CARD)
    assert exported.card.size_multiple == network.size_multiple
    assert exported.parity.max_levels <= 1
    for width, height in ((64, 48), (50, 38), (16, 22)):
        assert differences(exported, network, scene(width, height, 2)).max() <= 1


def test_a_model_of_fixed_size_is_the_same(tmp_path):
    network = generator('bilateral_grid')
    exported = export_model(network, tmp_path / 'm.onnx', CARD, size=(51, 37))
    assert exported.parity.max_levels <= 1
    assert differences(exported, network, scene(51, 37)).max() <= 1


def test_a_fixed_size_that_the_grid_divides_needs_no_gathering(tmp_path):
    network = generator('bilateral_grid_detail')
    exported = export_model(network, tmp_path / 'm.onnx', CARD, size=(64, 48))
    assert exported.parity.max_levels <= 1
    operators = {node.op_type for node in onnx.load(exported.path).graph.node}
    assert not operators & {'Gather', 'GatherElements', 'GatherND', 'GridSample', 'Range', 'Loop'}


def test_float16_will_do(tmp_path):
    network = generator('bilateral_grid_detail')
    exported = export_model(network, tmp_path / 'm.onnx', CARD, size=(64, 48), fp16=True)
    assert differences(exported, network, scene(64, 48)).max() <= 8
