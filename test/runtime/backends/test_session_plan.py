"""The order of attempts and the options of each: pure functions."""

from pathlib import Path

import graph_cases
import pytest
from onnx import TensorProto, helper

from sim2real_ros.runtime.backends.backend import PRECISIONS, BackendOptions
from sim2real_ros.runtime.backends.session_plan import (
    TENSORFLOAT32,
    Attempt,
    CacheFolders,
    attempts,
    gives,
    is_static,
    provider_entries,
    provider_order,
    usable_providers,
)
from sim2real_ros.runtime.model_file import open_model

FOLDERS = CacheFolders(Path('/cache/engine'), Path('/cache/timing'))


def names(planned):
    return [(a.provider, a.precision) + (('graph',) if a.cuda_graph else ()) for a in planned]


def test_a_fixed_model_goes_from_tensorrt_down_to_the_cpu():
    assert names(attempts(['tensorrt', 'cuda'], 'auto', static=True)) == [
        ('tensorrt', 'float16', 'graph'),
        ('tensorrt', 'float16'),
        ('tensorrt', TENSORFLOAT32, 'graph'),
        ('tensorrt', TENSORFLOAT32),
        ('cuda', TENSORFLOAT32, 'graph'),
        ('cuda', TENSORFLOAT32),
        ('cuda', 'float32', 'graph'),
        ('cuda', 'float32'),
        ('cpu', 'float32'),
    ]


def test_open_shapes_have_no_graphs():
    assert names(attempts(['cuda'], 'auto', static=False)) == [
        ('cuda', TENSORFLOAT32),
        ('cuda', 'float32'),
        ('cpu', 'float32'),
    ]


def test_float32_is_not_tensorfloat32_on_cuda():
    assert names(attempts(['cuda'], 'float32', static=False)) == [
        ('cuda', 'float32'),
        ('cpu', 'float32'),
    ]


@pytest.mark.parametrize('static', [True, False])
@pytest.mark.parametrize('precision', PRECISIONS)
@pytest.mark.parametrize('providers', [[], ['cuda'], ['tensorrt'], ['tensorrt', 'cuda']])
def test_every_plan_ends_on_the_cpu_and_repeats_nothing(providers, precision, static):
    planned = attempts(providers, precision, static=static)
    assert planned[-1] == Attempt('cpu', 'float32')
    assert len(set(planned)) == len(planned)
    assert {a.provider for a in planned} == {*providers, 'cpu'}
    assert static or not any(a.cuda_graph for a in planned)
    for attempt in planned:
        if attempt.cuda_graph:
            after = planned[planned.index(attempt) + 1]
            assert after == Attempt(attempt.provider, attempt.precision)


def test_tensorrt_is_not_taken_unasked_where_each_size_needs_an_engine():
    assert provider_order('auto', static=True) == ('tensorrt', 'cuda')
    assert provider_order('auto', static=False) == ('cuda',)
    assert provider_order('tensorrt', static=False) == ('tensorrt', 'cuda')
    assert provider_order('cuda', static=True) == ('cuda',)
    assert provider_order('cpu', static=True) == ()


def test_only_what_is_there_is_used():
    for present, expected in (((), ()), (('cuda',), ('cuda',)), (('tensorrt',), ('tensorrt',))):
        found = usable_providers(BackendOptions('tensorrt'), present, static=True)
        assert found == expected
    assert usable_providers(BackendOptions('cpu'), ('cuda', 'tensorrt'), static=True) == ()


@pytest.mark.parametrize(
    ('asked', 'used', 'expected'),
    [
        ('auto', 'float16', True),
        ('float32', 'float32', True),
        ('float32', TENSORFLOAT32, True),
        ('float16', TENSORFLOAT32, False),
        ('float16', 'float16', True),
        ('bfloat16', 'float32', False),
        ('float32', 'float16', False),
    ],
)
def test_what_passes_for_a_precision(asked, used, expected):
    assert gives(asked, Attempt('cuda', used)) is expected


def test_the_cpu_gets_no_options():
    entries = provider_entries(Attempt('cpu', 'float32'), FOLDERS, static=True)
    assert entries == [('CPUExecutionProvider', {})]


def test_cuda_options_follow_the_attempt():
    def options(precision, graph, static=True):
        (name, found), *rest = provider_entries(
            Attempt('cuda', precision, graph), None, static=static
        )
        assert (name, rest) == ('CUDAExecutionProvider', [('CPUExecutionProvider', {})])
        return found

    fast = options(TENSORFLOAT32, True)
    assert (fast['use_tf32'], fast['enable_cuda_graph']) == ('1', '1')
    exact = options('float32', False)
    assert (exact['use_tf32'], exact['enable_cuda_graph']) == ('0', '0')
    assert exact['arena_extend_strategy'] == 'kSameAsRequested'
    assert exact['cudnn_conv_algo_search'] == 'EXHAUSTIVE'
    assert options('float32', False, static=False)['cudnn_conv_algo_search'] == 'HEURISTIC'


@pytest.mark.parametrize('precision', ['float16', 'bfloat16', TENSORFLOAT32])
@pytest.mark.parametrize('graph', [True, False])
def test_tensorrt_options_follow_the_attempt(precision, graph):
    entries = provider_entries(Attempt('tensorrt', precision, graph), FOLDERS, static=True)
    assert [name for name, _ in entries] == [
        'TensorrtExecutionProvider',
        'CUDAExecutionProvider',
        'CPUExecutionProvider',
    ]
    options = entries[0][1]
    assert (options['trt_fp16_enable'] == '1') == (precision == 'float16')
    assert (options['trt_bf16_enable'] == '1') == (precision == 'bfloat16')
    assert options['trt_layer_norm_fp32_fallback'] == options['trt_fp16_enable']
    assert (options['trt_cuda_graph_enable'] == '1') == graph
    assert options['trt_engine_cache_path'] == '/cache/engine'
    assert options['trt_timing_cache_path'] == '/cache/timing'
    assert entries[1][1]['enable_cuda_graph'] == '0', 'two providers cannot share a graph'


def test_without_a_folder_tensorrt_keeps_nothing():
    options = provider_entries(Attempt('tensorrt', 'float16'), None, static=True)[0][1]
    assert not any('cache' in name for name in options)


@pytest.mark.parametrize(
    ('dims', 'expected'),
    [((1, 4, 6, 3), True), (('N', 4, 6, 3), False), ((1, 'H', 'W', 3), False)],
)
def test_only_fixed_shapes_are_static(tmp_path, dims, expected):
    node = graph_cases.identity().graph.node
    for output_dims in (dims, (1, 4, 6, 3)):
        proto = graph_cases.uint8_model(node, dims=dims, output_dims=output_dims)
        assert is_static(open_model(graph_cases.save(proto, tmp_path / 'm.onnx'))) is expected


def test_an_output_of_unknown_rank_is_not_static(tmp_path):
    proto = graph_cases.model(
        [helper.make_node('Identity', ['image'], ['translated'])],
        {'image': (TensorProto.UINT8, (1, 4, 6, 3))},
        {'translated': (TensorProto.UINT8, None)},
    )
    path = graph_cases.save(proto, tmp_path / 'm.onnx', 'name: open rank\n')
    assert not is_static(open_model(path))
