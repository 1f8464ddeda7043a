"""Exported bilateral grids through the Translator, on every back end."""

import json
import sys

import numpy as np
import onnx
import pytest

from sim2real_ros.runtime.backends import BACKENDS, PACKAGES
from sim2real_ros.runtime.bilateral.structure import METADATA_KEY
from sim2real_ros.runtime.frame_context import FrameContext
from sim2real_ros.runtime.translator import Translator

NAMES = ('bilateral_grid', 'bilateral_grid_detail')
DETAIL = 'bilateral_grid_detail'


def scene(width, height):
    """Draw noise below a dark sky."""
    image = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image[: height // 3] //= 8
    return image


def levels_apart(one, other):
    return int(np.abs(one.astype(int) - other).max())


def load(path, backend='auto', **options):
    return Translator.load(path, backend=backend, provider='cpu', threads=1, **options)


@pytest.fixture(scope='module')
def fixed_model(tmp_path_factory):
    """A model of one size that the tiles do not divide."""
    from small_bilateral import write_small_bilateral

    path = tmp_path_factory.mktemp('fixed') / 'm.onnx'
    return write_small_bilateral('bilateral_grid', path, size=(51, 37))


@pytest.mark.parametrize('name', NAMES)
def test_auto_runs_them_fused_and_equal_to_the_graph_at_every_size(bilateral_models, name):
    fused, plain = load(bilateral_models[name]), load(bilateral_models[name], 'onnxruntime')
    used = fused.backend
    assert used.name.startswith('fused (onnxruntime ')
    assert (used.provider, used.precision, used.fallback) == ('cpu', 'float32', '')
    assert plain.backend.name.startswith('onnxruntime ')
    for size in ((64, 48), (53, 41), (129, 95), (16, 16), (5, 3)):
        rgb = scene(*size)
        out = np.zeros_like(rgb)
        assert fused.translate(rgb, out) is out
        assert levels_apart(out, plain.translate(rgb)) <= 1
        model_size = fused.model_size(size)
        at_model_size = fused.translate_at_model_size(rgb)
        assert at_model_size.shape == (model_size[1], model_size[0], 3)
        assert levels_apart(at_model_size, plain.translate_at_model_size(rgb)) <= 1
        if min(size) > 5:
            assert levels_apart(out, rgb) > 5


def test_a_model_of_fixed_size_is_fused_too(fixed_model):
    fused, plain = load(fixed_model), load(fixed_model, 'onnxruntime')
    assert fused.backend.name.startswith('fused ')
    for size in ((51, 37), (64, 48), (30, 20)):
        rgb = scene(*size)
        assert levels_apart(fused.translate(rgb), plain.translate(rgb)) <= 1


@pytest.mark.parametrize('backend', BACKENDS)
def test_the_detail_strength_counts_on_every_back_end(bilateral_models, backend):
    pytest.importorskip(PACKAGES[backend])
    from small_bilateral import small_bilateral_generator

    from sim2real_ros.training.export.uint8_contract import translate_in_torch

    network, rgb = small_bilateral_generator(DETAIL), scene(64, 48)
    translator = load(bilateral_models[DETAIL], backend)
    assert translator.backend.name.startswith(backend)
    amplitude, found = network.detail.amplitude, {}
    # In this order a strength that stays in force from frame to frame shows.
    for strength in (1.0, 0.0, 1.0):
        found[strength] = translator.translate(rgb, None, FrameContext(strength))
        network.detail.amplitude = amplitude * strength
        assert levels_apart(found[strength], translate_in_torch(network, rgb[None])[0]) <= 1
    assert levels_apart(found[0.0], found[1.0]) > 3
    assert np.array_equal(translator.translate(rgb), found[1.0])


def test_without_numba_the_graph_runs_as_it_is(bilateral_models, monkeypatch):
    expected = load(bilateral_models[DETAIL]).translate(scene(64, 48))
    monkeypatch.setitem(sys.modules, 'numba', None)
    plain = load(bilateral_models[DETAIL])
    assert plain.backend.name.startswith('onnxruntime ')
    assert plain.backend.fallback == ''
    assert levels_apart(plain.translate(scene(64, 48)), expected) <= 1


def test_a_broken_numba_is_told(bilateral_models, monkeypatch):
    monkeypatch.setitem(sys.modules, BACKENDS['fused'].partition(':')[0], None)
    plain = load(bilateral_models['bilateral_grid']).backend
    assert plain.name.startswith('onnxruntime ')
    told = 'not the fused back end: The package numba is installed, but broken'
    assert plain.fallback.startswith(told)


@pytest.mark.parametrize(
    ('change', 'reason'),
    [({'guide_slopes': [1, 2, 3, 4]}, 'differs by'), ({'version': 2}, 'version 2, known is 1')],
)
def test_a_file_that_tells_lies_runs_as_a_graph(bilateral_models, tmp_path, change, reason):
    proto = onnx.load(bilateral_models[DETAIL])
    (entry,) = (each for each in proto.metadata_props if each.key == METADATA_KEY)
    entry.value = json.dumps({**json.loads(entry.value), **change})
    onnx.save(proto, tmp_path / 'liar.onnx')
    liar, honest = load(tmp_path / 'liar.onnx'), load(bilateral_models[DETAIL], 'onnxruntime')
    assert liar.backend.name.startswith('onnxruntime ')
    assert liar.backend.fallback.startswith('not the fused back end: ')
    assert reason in liar.backend.fallback
    rgb = scene(64, 48)
    assert np.array_equal(liar.translate(rgb), honest.translate(rgb))
