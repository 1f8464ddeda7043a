"""The two parts against the whole graph in ONNX Runtime."""

import contextlib
import json
import threading

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.backends.fused_backend import FusedBackend
from sim2real_ros.runtime.backends.onnxruntime_backend import OnnxRuntimeBackend
from sim2real_ros.runtime.bilateral.grid_parts import read_parts
from sim2real_ros.runtime.bilateral.structure import METADATA_KEY, is_bilateral
from sim2real_ros.runtime.frame_context import CameraMemory, FrameContext
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator

NAMES = ('bilateral_grid', 'bilateral_grid_detail')
OPTIONS = BackendOptions('cpu', 2)


@pytest.fixture(scope='module')
def backends(bilateral_models):
    """The fused and the plain back end of each model, by name."""
    models = {name: open_model(path) for name, path in bilateral_models.items()}
    return {
        name: (FusedBackend(model, OPTIONS), OnnxRuntimeBackend(model, OPTIONS))
        for name, model in models.items()
    }


def noise(width, height, count=1, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    images[:, : height // 3] //= 8
    return images


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int))


@pytest.mark.parametrize('strength', [0.0, 0.5, 1.0])
@pytest.mark.parametrize('size', [(64, 48), (50, 38), (16, 16), (18, 62), (256, 192)])
@pytest.mark.parametrize('name', NAMES)
def test_both_paths_are_equal_to_a_level(backends, name, size, strength):
    fused, plain = backends[name]
    images, context = noise(*size), FrameContext(detail_strength=strength)
    expected = plain.run(images, None, context)
    out = np.zeros_like(images)
    assert fused.run(images, out, context) is out
    assert difference(out, expected).max() <= 1
    assert difference(expected, images).mean() > 5
    if name == 'bilateral_grid':
        images = noise(size[0] - 1, size[1] + 1)
        assert difference(fused.run(images, None), plain.run(images, None)).max() <= 1


def test_the_strength_of_the_detail_counts(backends):
    fused, images = backends['bilateral_grid_detail'][0], noise(64, 48)
    none, half, full = (
        fused.run(images, None, FrameContext(detail_strength=s)).astype(int) for s in (0, 0.5, 1)
    )
    assert difference(none, full).max() > 3
    inside = ((none > 20) & (none < 235)).all(-1)
    assert difference(2 * half, none + full)[inside].max() <= 3


def test_a_batch_is_translated_image_by_image(backends):
    fused, _ = backends['bilateral_grid']
    images = noise(40, 30, count=3)
    together = fused.run(images, None)
    for number in range(3):
        alone = fused.run(images[number : number + 1], None)
        assert np.array_equal(alone[0], together[number])


def test_what_is_no_place_for_the_result_is_refused(backends):
    fused, images = backends['bilateral_grid'][0], noise(20, 16)
    for out in (np.zeros((1, 16, 19, 3), np.uint8), np.zeros((1, 16, 20, 3), np.float32)):
        with pytest.raises(BackendError, match='The fused backend returns uint8'):
            fused.run(images, out)


def test_the_input_may_be_read_only(backends):
    images = noise(20, 16)
    images.flags.writeable = False
    for fused, plain in backends.values():
        assert difference(fused.run(images, None), plain.run(images, None)).max() <= 1


def test_several_threads_may_each_have_a_translator(backends, bilateral_models):
    path = bilateral_models['bilateral_grid_detail']
    expected = {}
    images = {seed: noise(128, 96, seed=seed) for seed in range(2)}
    for seed, image in images.items():
        expected[seed] = backends['bilateral_grid_detail'][0].run(image, None)
    found, start = {seed: [] for seed in images}, threading.Barrier(2)

    def translate(seed):
        backend = FusedBackend(open_model(path), OPTIONS)
        start.wait()
        found[seed] = [backend.run(images[seed], None) for _ in range(20)]

    threads = [threading.Thread(target=translate, args=(seed,)) for seed in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, results in found.items():
        assert len(results) == 20
        assert all(np.array_equal(result, expected[seed]) for result in results)


def test_with_memory_the_grid_is_averaged_over_time(backends):
    fused, images = backends['bilateral_grid'][0], noise(64, 48)
    other = np.clip(images.astype(int) + 25, 0, 255).astype(np.uint8)
    memory = CameraMemory()
    first = fused.run(images, None, FrameContext(1.0, 1.0, 0.0, memory))
    assert np.array_equal(first, fused.run(images, None))
    smoothed = fused.run(other, None, FrameContext(1.0, 1.0, 0.01, memory))
    assert difference(smoothed, fused.run(other, None)).max() > 0
    # A batch has no common past.
    pair = np.concatenate([images, other])
    assert np.array_equal(
        fused.run(pair, None, FrameContext(1.0, 1.0, 0.02, memory)), fused.run(pair, None)
    )


def test_a_translator_takes_it(backends, bilateral_models):
    model = open_model(bilateral_models['bilateral_grid_detail'])
    translator = Translator(model, backends['bilateral_grid_detail'][0])
    rgb = noise(53, 41)[0]
    expected = Translator(model, backends['bilateral_grid_detail'][1]).translate(rgb)
    assert difference(translator.translate(rgb), expected).max() <= 3
    assert translator.backend.provider == 'cpu'
    assert translator.backend.name.startswith('fused (onnxruntime ')


def test_another_provider_is_told_as_fallback(bilateral_models):
    model = open_model(bilateral_models['bilateral_grid'])
    assert 'runs on the CPU, not on cuda' in FusedBackend(model, BackendOptions('cuda')).fallback


# Files whose description is wrong.


def changed(path, target, **changes):
    """Copy a model with some entries of its description replaced; ... = removed."""
    proto = onnx.load(path)
    for entry in proto.metadata_props:
        if entry.key == METADATA_KEY:
            content = {**json.loads(entry.value), **changes}
            entry.value = json.dumps({k: v for k, v in content.items() if v is not ...})
    target.write_bytes(proto.SerializeToString())
    return open_model(target)


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'guide_slopes': [1, 2, 3, 4]}, r'differs by \d+ levels from the whole'),
        ({'detail_amplitude': 0.9}, r'differs by \d+ levels from the whole'),
        ({'copy_size': [16, 16]}, 'ONNX Runtime failed|differs|cannot load'),
        ({'rows': 4}, 'ONNX Runtime failed'),
        ({'bins': 5}, 'ONNX Runtime failed'),
        ({'grid': 'bilateral_copy'}, 'cut'),
        ({'grid': 'nowhere'}, 'cut'),
        ({'copy': 'nowhere'}, 'cut|cannot load'),
        ({'detail': ...}, 'further inputs'),
        ({'detail': 'translated'}, 'cut|cannot load|ONNX Runtime failed'),
        ({'version': 2}, 'version 2, known is 1'),
        ({'columns': 10**9}, 'rows and columns must lie in'),
        ({'guide_outer': [float('nan')] * 8}, 'weights must lie within'),
        ({'guide_inner': [[1, 2, 3]] * 8}, 'must have 4 numbers'),
        ({'guide_outer': [0.5]}, 'a number for each row'),
        ({'bins': ...}, 'bins'),
    ],
)
def test_a_wrong_description_is_found_out(bilateral_models, tmp_path, changes, reason):
    path = bilateral_models['bilateral_grid_detail']
    model = changed(path, tmp_path / 'm.onnx', **changes)
    assert is_bilateral(model)
    with pytest.raises(BackendError, match=reason):
        FusedBackend(model, OPTIONS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    key=st.sampled_from(
        [
            *('version', 'copy', 'copy_size', 'grid', 'columns', 'rows', 'bins', 'guide_slopes'),
            *('guide_inner', 'guide_outer', 'detail', 'detail_amplitude', 'more'),
        ]
    ),
    value=JSON,
)
def test_no_description_does_more_than_being_refused(bilateral_models, tmp_path, key, value):
    path = bilateral_models['bilateral_grid_detail']
    model = changed(path, tmp_path / 'm.onnx', **{key: value})
    with contextlib.suppress(ModelError):
        read_parts(model)


def test_a_model_without_description_is_not_bilateral(bilateral_models, tmp_path):
    proto = onnx.load(bilateral_models['bilateral_grid'])
    del proto.metadata_props[:]
    (tmp_path / 'm.onnx').write_bytes(proto.SerializeToString())
    model = open_model(tmp_path / 'm.onnx')
    assert not is_bilateral(model)
    with pytest.raises(BackendError, match='cannot be run in parts'):
        FusedBackend(model, OPTIONS)
