"""Buffers on a GPU that exists only in the fake: fixed addresses, and nothing stale."""

import fake_onnxruntime
import graph_cases
import numpy as np
import pytest
from onnx import TensorProto, helper

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.session_runs import DeviceRun, HostRun
from sim2real_ros.runtime.model_file import open_model


def detail_model(path):
    """Give a model of fixed shape with a further input the two runs' fake can serve."""
    proto = graph_cases.model(
        [helper.make_node('Identity', ['image'], ['translated'])],
        {
            'image': (TensorProto.UINT8, (1, 4, 6, 3)),
            'detail_strength': (TensorProto.FLOAT, (1,)),
        },
        {'translated': (TensorProto.UINT8, (1, 4, 6, 3))},
    )
    card = {'name': 'detail', 'extra_inputs': {'detail_strength': [1.0]}}
    return open_model(graph_cases.save(proto, path, card))


@pytest.fixture(params=[fake_onnxruntime.OrtValue, fake_onnxruntime.OldOrtValue])
def opened(request, tmp_path):
    """Return the run, its session and the driver that gave the memory."""
    runtime = fake_onnxruntime.FakeRuntime(values=request.param)
    model, driver = detail_model(tmp_path / 'm.onnx'), fake_onnxruntime.FakeDriver()
    session = fake_onnxruntime.Session(runtime, [(fake_onnxruntime.CUDA, {})])
    strength = {'detail_strength': np.ones(1, np.float32)}
    run = DeviceRun(runtime, session, model, strength, driver.pinned_array)
    return run, session, driver


def image(seed):
    return graph_cases.random_image(6, 4, seed)[None]


def strength(value):
    return {'detail_strength': np.array([value], np.float32)}


def test_every_frame_gives_its_own_result(opened):
    run, *_ = opened
    for seed in range(3):
        out = np.zeros((1, 4, 6, 3), np.uint8)
        assert run.run(image(seed), out, strength(1.0)) is out
        assert np.array_equal(out, 255 - image(seed))
        assert np.array_equal(run.run(image(seed), None, strength(1.0)), out)


def test_results_are_the_callers_own(opened):
    run, *_ = opened
    first = run.run(image(0), None, strength(1.0))
    run.run(image(1), None, strength(1.0))
    assert np.array_equal(first, 255 - image(0))


def test_changed_inputs_reach_the_gpu(opened):
    run, *_ = opened
    value = strength(1.0)
    for each in (0.5, 0.0, 1.0):
        value['detail_strength'][...] = each
        expected = np.rint((255 - image(0).astype(np.int16)) * each).astype(np.uint8)
        assert np.array_equal(run.run(image(0), None, value), expected)


def test_buffers_stay_where_they_are(opened, monkeypatch):
    run, session, driver = opened
    bound = []
    original = session.run_with_iobinding

    def spy(binding):
        values = (*binding.inputs.values(), binding.output)
        bound.append([value.array.ctypes.data for value in values])
        original(binding)

    monkeypatch.setattr(session, 'run_with_iobinding', spy)
    for seed in range(3):
        run.run(image(seed), None, strength(seed / 2))
    assert bound[0] == bound[1] == bound[2]
    assert len(driver.pinned) == 2


def test_strided_frames_are_read_right(opened):
    run, *_ = opened
    wide = graph_cases.random_image(12, 4, 5)[None]
    result = run.run(wide[:, :, ::2], None, strength(1.0))
    assert np.array_equal(result, 255 - wide[:, :, ::2])


@pytest.mark.parametrize('shape', [(1, 6, 4, 3), (2, 4, 6, 3), (1, 1, 1, 3)])
def test_another_shape_is_refused(opened, shape):
    run, *_ = opened
    with pytest.raises(BackendError, match=r'The image has uint8 .*expected uint8 \(1, 4, 6, 3\)'):
        run.run(np.zeros(shape, np.uint8), None, strength(1.0))
    with pytest.raises(BackendError, match='out has'):
        run.run(image(0), np.zeros(shape, np.uint8), strength(1.0))
    with pytest.raises(BackendError, match='out has float32'):
        run.run(image(0), np.zeros((1, 4, 6, 3), np.float32), strength(1.0))


def test_the_host_run_needs_no_buffers(tmp_path):
    runtime = fake_onnxruntime.FakeRuntime()
    session = fake_onnxruntime.Session(runtime, [(fake_onnxruntime.CPU, {})])
    run = HostRun(session, detail_model(tmp_path / 'm.onnx'))
    assert np.array_equal(run.run(image(0), None, strength(1.0)), 255 - image(0))
