"""What an exported bilateral grid tells about its parts, and that its strength is checked."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from small_bilateral import small_bilateral_generator, write_small_bilateral

from sim2real_ros.runtime.bilateral.structure import METADATA_KEY, read_description
from sim2real_ros.runtime.frame_context import DETAIL_STRENGTH, FrameContext
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.export import model_export
from sim2real_ros.training.export.parity_images import parity_images

pytestmark = pytest.mark.usefixtures('operators_known')

NAMES = ('bilateral_grid', 'bilateral_grid_detail')
DETAIL = 'bilateral_grid_detail'


def entries(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def scene(width, height):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def levels_apart(one, other):
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize('name', NAMES)
def test_the_entry_describes_the_generator(bilateral_models, name):
    told = read_description(entries(bilateral_models[name])[METADATA_KEY])
    network = small_bilateral_generator(name)
    assert (told.columns, told.rows, told.bins) == (4, 3, 4)
    assert told.copy_size == network.copy_size
    assert told.guide_slopes == network.guide.slopes.flatten().tolist()
    assert bool(told.detail) == (name == DETAIL)
    if name == DETAIL:
        assert told.detail_amplitude == network.detail.amplitude
    inner = {output for node in onnx.load(bilateral_models[name]).graph.node
             for output in node.output}  # fmt: skip
    assert {told.copy, told.grid, *filter(None, [told.detail])} <= inner


def with_other_strength(proto, operator, value):
    """Put an operator between the input ``detail_strength`` and what reads it."""
    for node in proto.graph.node:
        for number, name in enumerate(node.input):
            if name == DETAIL_STRENGTH:
                node.input[number] = 'other_strength'
    proto.graph.initializer.append(numpy_helper.from_array(np.float32([value]), 'other_value'))
    names = [DETAIL_STRENGTH, 'other_value']
    proto.graph.node.insert(0, helper.make_node(operator, names, ['other_strength']))
    onnx.checker.check_model(proto)
    return proto


def parity(proto):
    network = small_bilateral_generator(DETAIL)
    contract = model_export.contract_around(network, torch.float32, None)
    return model_export._measured(
        proto, network, contract, parity_images(None, network.size_multiple)
    )


def test_parity_is_measured_with_and_without_the_detail(bilateral_models):
    def proto():
        return onnx.load(bilateral_models[DETAIL])

    assert parity(proto()).max_levels <= 1
    # Right at strength 1 alone, and right at strength 0 alone.
    assert parity(with_other_strength(proto(), 'Max', 0.75)).max_levels > 1
    assert parity(with_other_strength(proto(), 'Mul', 0.25)).max_levels > 1


def test_what_a_kernel_in_float32_does_not_compute_has_no_entry():
    kept = np.zeros((48, 64), bool)
    for name in NAMES:
        network = small_bilateral_generator(name)
        for dtype, region in (
            (torch.float16, None),
            (torch.float32, kept),
            (torch.float16, kept),
        ):
            assert model_export.contract_around(network, dtype, region).metadata() == {}
        (text,) = model_export.contract_around(network, torch.float32, None).metadata().values()
        assert json.loads(text)['version'] == 1


@pytest.fixture(scope='module')
def in_float16(tmp_path_factory):
    path = tmp_path_factory.mktemp('half') / 'm.onnx'
    return write_small_bilateral(DETAIL, path, size=(64, 48), fp16=True)


def test_in_float16_the_graph_runs_at_every_strength(bilateral_models, in_float16):
    assert METADATA_KEY not in entries(in_float16)
    half = Translator.load(in_float16, provider='cpu', threads=1)
    full = Translator.load(bilateral_models[DETAIL], provider='cpu', threads=1)
    assert half.backend.name.startswith('onnxruntime ')
    assert half.backend.fallback == ''
    rgb = scene(64, 48)
    found = [half.translate(rgb, None, FrameContext(strength)) for strength in (0.0, 1.0)]
    for strength, image in zip((0.0, 1.0), found, strict=True):
        assert levels_apart(image, full.translate(rgb, None, FrameContext(strength))) <= 8
    assert levels_apart(*found) > 3


def test_with_a_region_to_keep_the_graph_runs(tmp_path):
    kept = np.zeros((48, 64), bool)
    kept[:20] = True
    path = write_small_bilateral('bilateral_grid', tmp_path / 'm.onnx', size=(64, 48), kept=kept)
    assert METADATA_KEY not in entries(path)
    translator = Translator.load(path, provider='cpu', threads=1)
    assert translator.backend.name.startswith('onnxruntime ')
    assert translator.backend.fallback == ''
    rgb = scene(64, 48)
    translated = translator.translate(rgb)
    assert np.array_equal(translated[:20], rgb[:20])
    assert levels_apart(translated[20:], rgb[20:]) > 5
