"""OpenVINO in fewer digits: only where the CPU has them, and the image bears it."""

import graph_cases
import numpy as np
import pytest
from onnx import TensorProto, helper

from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.backends.reduced_precision import Deviation
from sim2real_ros.runtime.model_file import open_model

pytest.importorskip('openvino')
backend_module = pytest.importorskip('sim2real_ros.runtime.backends.openvino_backend')


class Core:
    def __init__(self, *capabilities):
        self.capabilities = [*capabilities]

    def get_property(self, device, name):
        assert (device, name) == ('CPU', 'OPTIMIZATION_CAPABILITIES')
        return self.capabilities


@pytest.fixture
def model(tmp_path):
    """Return a model that adds (255 - x) / 4 by way of a convolution."""
    nodes = [
        helper.make_node('Cast', ['image'], ['real'], to=TensorProto.FLOAT),
        helper.make_node('Transpose', ['real'], ['planes'], perm=[0, 3, 1, 2]),
        helper.make_node('Conv', ['planes', 'weights', 'bias'], ['mixed']),
        helper.make_node('Transpose', ['mixed'], ['pixels'], perm=[0, 2, 3, 1]),
        helper.make_node('Round', ['pixels'], ['whole']),
        helper.make_node('Cast', ['whole'], ['translated'], to=TensorProto.UINT8),
    ]
    proto = graph_cases.uint8_model(
        nodes,
        constants={
            'weights': (np.eye(3, dtype=np.float32) * 0.75).reshape(3, 3, 1, 1),
            'bias': np.full(3, 63.75, np.float32),
        },
        dims=(1, 24, 32, 3),
    )
    return open_model(graph_cases.save(proto, tmp_path / 'model.onnx'))


def load(model, **options):
    return backend_module.OpenVinoBackend(model, BackendOptions(threads=1, **options))


def expected(image):
    return np.rint(image * 0.75 + 63.75)


@pytest.fixture
def image():
    return graph_cases.random_image(32, 24)[None]


@pytest.mark.parametrize('precision', ['auto', 'float32'])
def test_unasked_it_computes_in_float32(model, image, precision):
    backend = load(model, precision=precision)
    assert (backend.precision, backend.fallback) == ('float32', '')
    assert np.abs(backend.run(image, None) - expected(image)).max() <= 1


def test_the_processor_is_asked():
    supported = backend_module.supported_precisions
    assert supported(Core('FP32', 'INT8')) == ('float32',)
    assert supported(Core('FP32', 'BF16', 'INT8')) == ('float32', 'bfloat16')
    assert supported(Core('FP32', 'BF16', 'FP16')) == ('float32', 'bfloat16', 'float16')
    assert supported()[0] == 'float32'


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_what_the_processor_has_not_is_told(model, image, precision, monkeypatch):
    monkeypatch.setattr(backend_module, 'supported_precisions', lambda: ('float32',))
    backend = load(model, precision=precision)
    assert backend.precision == 'float32'
    assert backend.fallback == f'this CPU has no {precision}, only float32'
    assert np.abs(backend.run(image, None) - expected(image)).max() <= 1


def test_bfloat16_is_used_where_the_image_bears_it(model, image, monkeypatch):
    # Without the hardware OpenVINO ignores the hint, which is near enough for this.
    monkeypatch.setattr(backend_module, 'supported_precisions', lambda: ('float32', 'bfloat16'))
    backend = load(model, precision='bfloat16')
    assert (backend.precision, backend.fallback) == ('bfloat16', '')
    assert np.abs(backend.run(image, None) - expected(image)).max() <= 2


def test_bfloat16_that_ruins_the_image_is_refused_and_told(model, image, monkeypatch):
    monkeypatch.setattr(backend_module, 'supported_precisions', lambda: ('float32', 'bfloat16'))
    monkeypatch.setattr(backend_module, 'deviation', lambda *_: Deviation(19, 1.06))
    backend = load(model, precision='bfloat16')
    assert backend.precision == 'float32'
    assert backend.fallback.startswith('bfloat16 differs from float32 by 19 levels at most, 1.1')
    assert np.abs(backend.run(image, None) - expected(image)).max() <= 1


def test_provider_and_precision_are_both_told(model, monkeypatch):
    monkeypatch.setattr(backend_module, 'supported_precisions', lambda: ('float32',))
    fallback = load(model, provider='cuda', precision='bfloat16').fallback
    assert fallback == (
        'the openvino backend runs on the CPU, not on cuda; this CPU has no bfloat16, only float32'
    )


def test_a_model_that_cannot_be_tried_stays_in_float32(tmp_path, image, monkeypatch):
    monkeypatch.setattr(backend_module, 'supported_precisions', lambda: ('float32', 'bfloat16'))
    nodes = [
        helper.make_node('ReduceMax', ['image'], ['most'], axes=[3], keepdims=1),
        helper.make_node('Identity', ['most'], ['translated']),
    ]
    proto = graph_cases.model(
        nodes,
        {'image': (TensorProto.UINT8, (1, 24, 32, 3))},
        {'translated': (TensorProto.UINT8, None)},
    )
    card = 'name: no image\n'
    path = graph_cases.save(proto, tmp_path / 'model.onnx', card)
    backend = load(open_model(path), precision='bfloat16')
    assert backend.precision == 'float32'
    assert backend.fallback.startswith('bfloat16 cannot be compared with float32: The model ret')
    assert np.array_equal(backend.run(image, None), image.max(axis=3, keepdims=True))
