"""The whole chain from TensorRT to the CPU, over an onnxruntime that exists only here."""

import logging

import fake_onnxruntime
import graph_cases
import numpy as np
import pytest
from fake_onnxruntime import CPU, CUDA, TENSORRT, FakeDriver, FakeRuntime

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.backends.gpu_machine import GpuMachine, find_gpu_machine
from sim2real_ros.runtime.backends.session_plan import TENSORFLOAT32
from sim2real_ros.runtime.model_file import open_model

backend_module = pytest.importorskip('sim2real_ros.runtime.backends.onnxruntime_backend')


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'sim2real_ros' / 'tensorrt'


@pytest.fixture
def model(tmp_path):
    node = graph_cases.identity().graph.node
    proto = graph_cases.uint8_model(node, dims=(1, 24, 32, 3))
    return open_model(graph_cases.save(proto, tmp_path / 'model.onnx'))


@pytest.fixture
def free_model(tmp_path):
    return open_model(graph_cases.save(graph_cases.identity(), tmp_path / 'free.onnx'))


def load(model, runtime, machine=None, **options):
    machine = machine or GpuMachine(('tensorrt', 'cuda'), FakeDriver(), 101600)
    return backend_module.OnnxRuntimeBackend(
        model, BackendOptions(**options), runtime=runtime, machine=machine
    )


def inexact(levels, **kinds):
    """Misbehave by some levels where all options are as given."""

    def behave(provider, options, session):
        if provider != 'cpu' and kinds.items() <= options.items():
            session.error = lambda image: np.full(image.shape, -levels, np.int16)

    return behave


def test_the_best_is_tensorrt_in_float16_with_a_graph(model):
    runtime = FakeRuntime()
    backend = load(model, runtime)
    assert (backend.provider, backend.precision) == ('tensorrt', 'float16')
    assert (backend.fallback, backend.notes) == ('', ())
    assert runtime.opened[0][1]['trt_cuda_graph_enable'] == '1'
    image = graph_cases.random_image(32, 24, 9)[None]
    assert np.array_equal(backend.run(image, None), 255 - image)


def test_the_backend_needs_no_machine_handed_in(model):
    backend = backend_module.OnnxRuntimeBackend(model, BackendOptions('cpu'))
    assert (backend.provider, backend.precision, backend.fallback) == ('cpu', 'float32', '')


def test_float16_that_is_a_level_off_is_taken(model):
    assert load(model, FakeRuntime(inexact(1))).precision == 'float16'


@pytest.mark.parametrize('levels', [2, 255])
def test_unasked_float16_that_changes_more_gives_way_silently(model, levels):
    backend = load(model, FakeRuntime(inexact(levels, trt_fp16_enable='1')))
    assert (backend.provider, backend.precision) == ('tensorrt', TENSORFLOAT32)
    assert backend.fallback == ''
    assert f'{levels} levels at most' in backend.notes[-1]


def small_specks(provider, options, session):
    if options.get('trt_fp16_enable') == '1':
        session.error = lambda image: np.where(image < 10, -9, 0)


def test_asked_float16_may_change_more_than_unasked(model):
    assert load(model, FakeRuntime(small_specks)).precision == TENSORFLOAT32
    asked = load(model, FakeRuntime(small_specks), precision='float16')
    assert (asked.precision, asked.fallback) == ('float16', '')


def test_asked_float16_that_gives_garbage_is_told(model):
    backend = load(model, FakeRuntime(inexact(90, trt_fp16_enable='1')), precision='float16')
    assert backend.precision == TENSORFLOAT32
    assert 'on tensorrt float16 differs from float32 by 90 levels' in backend.fallback


def test_tensorrt_wrong_in_every_precision_goes_to_cuda(model):
    def behave(provider, options, session):
        inexact(50)(provider, options, session) if provider == 'tensorrt' else None

    backend = load(model, FakeRuntime(behave))
    assert (backend.provider, backend.precision) == ('cuda', TENSORFLOAT32)
    assert 'on tensorrt float16 differs' in backend.fallback
    assert f'on tensorrt {TENSORFLOAT32} differs' in backend.fallback


def test_tf32_that_changes_the_image_is_switched_off(model):
    backend = load(model, FakeRuntime(inexact(3, use_tf32='1')), provider='cuda')
    assert (backend.provider, backend.precision, backend.fallback) == ('cuda', 'float32', '')


def test_a_silent_fallback_to_the_cpu_is_found_and_told(model):
    def behave(provider, options, session):
        session.providers = [CPU]

    runtime = FakeRuntime(behave)
    backend = load(model, runtime)
    assert (backend.provider, backend.precision) == ('cpu', 'float32')
    assert 'could not start the tensorrt provider' in backend.fallback
    assert [name for name, _ in runtime.opened] == ['tensorrt', 'cuda', 'cpu']


def test_a_provider_that_raises_is_told(model):
    def behave(provider, options, session):
        if provider == 'tensorrt':
            raise RuntimeError('Please install\n   TensorRT libraries')

    backend = load(model, FakeRuntime(behave), provider='tensorrt')
    assert backend.provider == 'cuda'
    assert backend.fallback == 'tensorrt failed: Please install TensorRT libraries'


def test_a_graph_that_cannot_be_captured_is_left_out(model):
    def behave(provider, options, session):
        if options.get('enable_cuda_graph') == '1':
            raise RuntimeError('all compute graph nodes have not been partitioned')

    runtime = FakeRuntime(behave)
    backend = load(model, runtime, provider='cuda')
    assert (backend.provider, backend.fallback) == ('cuda', '')
    assert backend.notes[0].startswith(
        'cuda in tensorfloat32 with a CUDA graph: cuda failed: all '
    )
    assert runtime.opened[-1] == ('cpu', {}), 'compared with the CPU'
    assert runtime.opened[-2][1]['enable_cuda_graph'] == '0'


def test_a_graph_that_replays_an_old_frame_is_left_out(model):
    def behave(provider, options, session):
        session.stale = options.get('enable_cuda_graph') == '1'

    backend = load(model, FakeRuntime(behave), provider='cuda', precision='float32')
    assert backend.precision == 'float32'
    assert len(backend.notes) == 1
    image = graph_cases.random_image(32, 24, 9)[None]
    assert np.array_equal(backend.run(image, None), 255 - image)


def test_a_graph_that_fails_later_is_left_then(model, caplog):
    runtime = FakeRuntime()
    backend = load(model, runtime, provider='cuda')
    runtime.sessions[0].fails = 'capture failed in this thread'
    image = graph_cases.random_image(32, 24, 9)[None]
    out = np.empty_like(image)
    assert backend.run(image, out) is out
    assert np.array_equal(out, 255 - image)
    assert 'going on without: capture failed in this thread' in caplog.text
    assert backend.provider == 'cuda'
    runtime.sessions[-1].fails = runtime.sessions[-2].fails = 'the GPU is lost'
    with pytest.raises(BackendError, match='ONNX Runtime failed: the GPU is lost'):
        backend.run(image, out)


def test_a_frame_of_another_shape_does_not_cost_the_graph(model, caplog):
    backend = load(model, FakeRuntime(), provider='cuda')
    with pytest.raises(BackendError, match='expected uint8'):
        backend.run(np.zeros((1, 8, 8, 3), np.uint8), None)
    assert not caplog.records


def test_free_sizes_run_on_cuda_without_fixed_buffers(free_model):
    runtime = FakeRuntime()
    backend = load(free_model, runtime)
    assert [name for name, _ in runtime.opened] == ['cuda', 'cpu']
    assert (backend.provider, backend.fallback) == ('cuda', '')
    for size in ((6, 4), (10, 8)):
        image = graph_cases.random_image(*size)[None]
        assert np.array_equal(backend.run(image, None), 255 - image)


@pytest.mark.parametrize('provider', ['tensorrt', 'cuda'])
def test_a_machine_without_gpu_says_what_is_missing(model, provider):
    runtime = FakeRuntime()
    assert load(model, runtime, GpuMachine(('tensorrt', 'cuda'))).fallback == ''
    backend = load(model, runtime, GpuMachine(('tensorrt', 'cuda')), provider=provider)
    assert backend.provider == 'cpu'
    assert 'libcuda.so.1 cannot be loaded or finds no GPU' in backend.fallback
    backend = load(model, runtime, GpuMachine(), provider=provider)
    assert f'has no {provider} provider; install onnxruntime-gpu' in backend.fallback


def test_cuda_stands_in_for_a_missing_tensorrt(model):
    machine = GpuMachine(('tensorrt', 'cuda'), FakeDriver(), None)
    backend = load(model, FakeRuntime(), machine, provider='tensorrt')
    assert backend.provider == 'cuda'
    assert 'libnvinfer.so.10 cannot be loaded; install TensorRT 10' in backend.fallback


def test_building_an_engine_is_told_before_and_after(model, caplog, cache):
    load(model, FakeRuntime())
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith(
        "Building a TensorRT engine of 'model.onnx' in float16: this takes minutes the first time"
    )
    assert messages[1].startswith('The TensorRT engine was ready after ')
    (engine,) = (path for path in cache.iterdir() if not path.name.startswith('timing_'))
    (engine / 'engine_1.engine').write_text('')
    caplog.clear()
    load(model, FakeRuntime())
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_folder_that_cannot_be_used_keeps_no_engine(model, caplog, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text('in the way')
    runtime = FakeRuntime()
    assert load(model, runtime).provider == 'tensorrt'
    assert 'trt_engine_cache_path' not in runtime.opened[0][1]
    assert 'TensorRT engines are not kept: ' in caplog.text
    assert 'at every start, as it cannot be kept' in caplog.text


def test_the_cpu_session_is_opened_for_the_reference_only_once(model):
    runtime = FakeRuntime(inexact(9))
    load(model, runtime)
    assert [name for name, _ in runtime.opened].count('cpu') == 1


def test_libraries_are_loaded_only_for_what_may_be_used():
    def never():
        raise AssertionError('must not be looked for')

    runtime = FakeRuntime()
    nothing = find_gpu_machine(runtime, (), find_driver=never, find_tensorrt=never)
    assert nothing == GpuMachine(('tensorrt', 'cuda'))
    on_cpu = FakeRuntime(providers=(CPU,))
    none = find_gpu_machine(on_cpu, ('cuda',), find_driver=never, find_tensorrt=never)
    assert none.present == ()
    cuda = find_gpu_machine(runtime, ('cuda',), find_driver=FakeDriver, find_tensorrt=never)
    assert cuda.present == ('cuda',)
    assert runtime.preloaded == ['']


def test_tensorrt_is_looked_for_where_it_may_be_used():
    library = type('Library', (), {'getInferLibVersion': staticmethod(lambda: 101303)})
    runtime = FakeRuntime(providers=(TENSORRT, CUDA, CPU))
    machine = find_gpu_machine(
        runtime, ('tensorrt', 'cuda'), find_driver=FakeDriver, find_tensorrt=lambda: library
    )
    assert (machine.tensorrt, machine.present) == (101303, ('tensorrt', 'cuda'))
    assert isinstance(machine.driver, fake_onnxruntime.FakeDriver)
