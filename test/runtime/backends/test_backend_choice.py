"""What 'auto' takes, what it falls back to, and what it tells of that."""

import sys
import types

import graph_cases
import numpy as np
import pytest

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime import backends
from sim2real_ros.runtime.backends import BackendOptions, create_backend
from sim2real_ros.runtime.backends.backend_choice import cpu_backends
from sim2real_ros.runtime.bilateral.structure import METADATA_KEY
from sim2real_ros.runtime.model_file import open_model

ORT, FUSED = (backends.BACKENDS[name].partition(':')[0] for name in ('onnxruntime', 'fused'))


class Fake:
    """A back end that always loads."""

    def __init__(self, name, provider='cpu', fallback='', refuses=''):
        self.name, self.provider, self.fallback = name, provider, fallback
        self.refuses, self.asked = refuses, []

    def __call__(self, model, options):
        self.asked.append(options)
        if self.refuses:
            raise BackendError(self.refuses)
        return self


@pytest.fixture
def model(tmp_path):
    return open_model(graph_cases.save(graph_cases.identity(), tmp_path / 'model.onnx'))


@pytest.fixture
def grid(tmp_path):
    """Return a file that says it is a bilateral grid, as it may claim wrongly."""
    node = graph_cases.identity().graph.node
    proto = graph_cases.uint8_model(node, metadata={METADATA_KEY: '{}'})
    return open_model(graph_cases.save(proto, tmp_path / 'grid.onnx'))


@pytest.fixture
def world(monkeypatch):
    """Replace all back ends: world(gpu=False, fused=Fake(...), openvino=None for missing)."""

    def build(gpu=False, openvino_has=(), **made):
        monkeypatch.setattr(backends, 'gpu_likely', lambda: gpu)
        monkeypatch.setattr(
            backends, 'installed', lambda package: made.get(NAMES[package]) is not None
        )
        for name, place in backends.BACKENDS.items():
            module, _, attribute = place.partition(':')
            fake = types.ModuleType(module)
            setattr(fake, attribute, made.get(name))
            fake.supported_precisions = lambda: openvino_has
            broken = isinstance(made.get(name), str)
            monkeypatch.setitem(sys.modules, module, None if broken else fake)

    return build


NAMES = {package: name for name, package in backends.PACKAGES.items()}


def all_of_them(**changed):
    return {name: Fake(name) for name in backends.BACKENDS} | changed


def chosen(model, **options):
    backend = create_backend('auto', model, BackendOptions(**options))
    return backend.name, backend.fallback


def test_without_gpu_a_grid_is_fused_and_others_run_in_onnxruntime(world, model, grid):
    world(**all_of_them())
    assert chosen(grid) == ('fused', '')
    assert chosen(model) == ('onnxruntime', '')


def test_a_gpu_runs_everything(world, model, grid):
    world(gpu=True, **all_of_them(onnxruntime=Fake('onnxruntime', 'cuda')))
    assert chosen(grid) == chosen(model) == ('onnxruntime', '')


def test_a_gpu_is_not_even_looked_for_where_the_cpu_is_asked_for(world, grid):
    world(gpu=True, **all_of_them(onnxruntime=Fake('onnxruntime', 'cuda')))
    assert chosen(grid, provider='cpu') == ('fused', '')


def test_a_gpu_that_fails_is_told_and_the_grid_fused(world, model, grid):
    lost = Fake('onnxruntime', 'cpu', fallback='cuda could not start')
    world(gpu=True, **all_of_them(onnxruntime=lost))
    assert chosen(grid) == ('fused', 'cuda could not start')
    lost.asked.clear()
    assert chosen(model) == ('onnxruntime', 'cuda could not start')
    assert len(lost.asked) == 1, 'loaded twice'
    world(gpu=False, **all_of_them(onnxruntime=lost))
    assert chosen(grid, provider='cuda') == ('fused', 'cuda could not start')


def test_a_precision_is_not_lost_with_a_gpu_that_fails(world, model):
    lost = Fake('onnxruntime', 'cpu', fallback='cuda could not start')
    world(gpu=True, openvino_has=('bfloat16',), **all_of_them(onnxruntime=lost))
    assert chosen(model, precision='bfloat16') == ('openvino', 'cuda could not start')


def test_threads_and_precision_reach_the_second_choice(world, grid):
    made = all_of_them(onnxruntime=Fake('onnxruntime', 'cpu', fallback='no GPU'))
    world(**made)
    create_backend('auto', grid, BackendOptions('cuda', 3, 'float32'))
    assert made['fused'].asked == [BackendOptions('cpu', 3, 'float32')]


def test_a_grid_that_the_fused_kernel_refuses_runs_as_a_graph(world, grid):
    world(**all_of_them(fused=Fake('fused', refuses='no bilateral grid.')))
    assert chosen(grid) == ('onnxruntime', 'not the fused back end: no bilateral grid.')


def test_without_numba_a_grid_runs_as_a_graph(world, grid):
    world(**all_of_them(fused=None))
    assert chosen(grid) == ('onnxruntime', '')


def test_broken_packages_are_told(world, model, grid):
    world(**all_of_them(fused='broken', onnxruntime='broken'))
    name, fallback = chosen(grid)
    assert name == 'openvino'
    assert 'not the fused back end: The package numba is installed, but broken' in fallback
    assert 'not the onnxruntime back end: The package onnxruntime is installed' in fallback
    world(gpu=True, **all_of_them(onnxruntime='broken'))
    assert chosen(model)[1].count('not the onnxruntime back end') == 1


def test_what_a_general_back_end_says_of_a_model_is_an_error(world, model):
    world(**all_of_them(onnxruntime=Fake('onnxruntime', refuses='cannot load')))
    with pytest.raises(BackendError, match='cannot load'):
        create_backend('auto', model, BackendOptions())


def test_nothing_that_works_is_an_error_with_all_reasons(world, model):
    world(**all_of_them(openvino='broken', onnxruntime='broken'))
    with pytest.raises(BackendError, match=r'works: .*onnxruntime is inst.* openvino is inst'):
        create_backend('auto', model, BackendOptions())
    world()
    with pytest.raises(BackendError, match='No inference runtime is installed'):
        create_backend('auto', model, BackendOptions())


def test_openvino_alone_cannot_stand_in_for_a_gpu_silently(world, model):
    world(openvino=Fake('openvino'))
    assert chosen(model) == ('openvino', '')
    assert chosen(model, provider='cuda') == (
        'openvino',
        'cuda needs the package onnxruntime-gpu',
    )


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_openvino_comes_first_for_what_only_it_has(world, model, grid, precision):
    world(openvino_has=('float32', precision), **all_of_them())
    assert chosen(model, precision=precision) == ('openvino', '')
    assert chosen(model, precision='float32') == ('onnxruntime', '')
    assert chosen(grid, precision=precision) == ('fused', '')
    world(openvino_has=('float32',), **all_of_them())
    assert chosen(model, precision=precision) == ('onnxruntime', '')
    world(openvino_has=('float32', precision), **all_of_them(openvino=None))
    assert chosen(model, precision=precision) == ('onnxruntime', '')


def test_a_processor_is_asked_only_when_it_matters():
    def never(_precision):
        raise AssertionError('must not be asked')

    for precision in ('auto', 'float32'):
        assert cpu_backends(
            BackendOptions(precision=precision), bilateral=False, has_precision=never
        ) == ('onnxruntime', 'openvino')


def test_an_unknown_precision_lists_the_known(model):
    with pytest.raises(BackendError, match="Unknown precision 'int8'; expected auto, float32"):
        create_backend('auto', model, BackendOptions(precision='int8'))


def test_auto_really_runs_a_model(model):
    image = graph_cases.random_image(6, 5)[np.newaxis]
    assert np.array_equal(create_backend('auto', model, BackendOptions()).run(image, None), image)
