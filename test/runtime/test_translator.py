"""The contract of Translator and Backend, held by every back end that is installed."""

import threading

import graph_cases
import numpy as np
import pytest
from onnx import TensorProto, helper

from sim2real_ros.errors import BackendError, ImageError, ModelError

RANGES = [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-0.5, 2.0)]
SCALES = (0.53, 0.77, 0.91)
OFFSETS = (0.2, 0.001, -0.151)


def channel_model(value_range, **dims):
    """Scales and shifts every channel by itself, so that swapped channels are found out."""
    span = value_range[1] - value_range[0]
    shape = (1, 3, 1, 1)
    return graph_cases.float_model(
        [
            helper.make_node('Mul', ['x', 'scale'], ['scaled']),
            helper.make_node('Add', ['scaled', 'offset'], ['y']),
        ],
        constants={
            'scale': np.array(SCALES, np.float32).reshape(shape),
            'offset': (np.array(OFFSETS, np.float32) * span).reshape(shape),
        },
        **dims,
    )


def naive_channel_model(rgb, value_range, colour_order):
    """Compute what `channel_model` does, one pixel at a time in double precision."""
    low, high = value_range
    result = np.empty_like(rgb)
    for index in np.ndindex(rgb.shape):
        channel = index[2] if colour_order == 'RGB' else 2 - index[2]
        value = low + rgb[index] / 255.0 * (high - low)
        value = value * SCALES[channel] + OFFSETS[channel] * (high - low)
        result[index] = np.clip(np.round((value - low) / (high - low) * 255.0), 0, 255)
    return result


def test_identity_returns_identical_pixels(load):
    translator = load(graph_cases.identity())
    for width, height in ((1, 1), (53, 37), (64, 48), (53, 37)):
        rgb = graph_cases.random_image(width, height)
        before = rgb.copy()
        result = translator.translate(rgb)
        assert np.array_equal(result, rgb)
        assert result.dtype == np.uint8
        assert not np.shares_memory(result, rgb)
        result[:] = 0
        assert np.array_equal(rgb, before)


def test_results_of_earlier_calls_stay(load):
    translator = load(graph_cases.identity())
    first = translator.translate(graph_cases.random_image(8, 8, seed=1))
    translator.translate(graph_cases.random_image(8, 8, seed=2))
    assert np.array_equal(first, graph_cases.random_image(8, 8, seed=1))


@pytest.mark.parametrize('kind', ['contiguous', 'padded rows', 'reversed', 'unwarmed'])
def test_out_receives_the_result(load, kind):
    translator = load(graph_cases.identity())
    if kind != 'unwarmed':
        translator.warm_up((20, 10))
    rgb = graph_cases.random_image(20, 10)
    memory = np.full((10, 32, 3), 99, np.uint8)
    out = {
        'padded rows': memory[:, :20],
        'reversed': memory[::-1, 19::-1],
    }.get(kind, np.empty((10, 20, 3), np.uint8))
    assert translator.translate(rgb, out=out) is out
    assert np.array_equal(out, rgb)
    assert (memory[:, 20:] == 99).all()


def test_strided_and_read_only_images_are_accepted(load):
    translator = load(graph_cases.identity())
    padded = graph_cases.random_image(32, 10)
    read_only = np.frombuffer(padded.tobytes(), np.uint8).reshape(padded.shape)
    for rgb in (padded[:, 3:23], padded[::2, ::-2], read_only, padded[..., ::-1]):
        assert np.array_equal(translator.translate(rgb), rgb)
        assert np.array_equal(translator.translate(rgb, out=np.empty(rgb.shape, np.uint8)), rgb)


@pytest.mark.parametrize('colour_order', ['RGB', 'BGR'])
@pytest.mark.parametrize('value_range', RANGES)
def test_float_nchw_models_equal_a_naive_reference(load, value_range, colour_order):
    card = {**graph_cases.FLOAT_CARD, 'value_range': list(value_range)}
    translator = load(channel_model(value_range), {**card, 'colour_order': colour_order})
    rgb = graph_cases.random_image(19, 14)
    expected = naive_channel_model(rgb, value_range, colour_order)
    out = np.empty_like(rgb)
    for result in (translator.translate(rgb), translator.translate(rgb, out=out)):
        difference = np.abs(result.astype(int) - expected)
        # Values that lie half-way between two levels may fall to either side.
        assert difference.max() <= 1
        assert (difference == 0).mean() > 0.98


@pytest.mark.parametrize('layout', ['NHWC', 'NCHW'])
@pytest.mark.parametrize('colour_order', ['RGB', 'BGR'])
def test_uint8_layouts_keep_every_level(load, layout, colour_order):
    dims = ('N', 'H', 'W', 3) if layout == 'NHWC' else ('N', 3, 'H', 'W')
    card = {'name': 'bytes', 'layout': layout, 'colour_order': colour_order}
    translator = load(graph_cases.uint8_model(graph_cases.identity().graph.node, dims=dims), card)
    rgb = graph_cases.random_image(17, 9)
    assert np.array_equal(translator.translate(rgb), rgb)
    assert np.array_equal(translator.translate(rgb, out=np.empty_like(rgb)), rgb)


@pytest.mark.parametrize('value_range', RANGES)
def test_every_level_survives_a_float_identity(load, value_range):
    card = {**graph_cases.FLOAT_CARD, 'value_range': list(value_range)}
    translator = load(graph_cases.float_model([helper.make_node('Identity', ['x'], ['y'])]), card)
    rgb = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert np.array_equal(translator.translate(rgb), rgb)


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(load, value):
    bad = np.zeros((1, 3, 1, 1), np.float32)
    bad[0, 1] = value
    node = helper.make_node('Add', ['x', 'bad'], ['y'])
    translator = load(graph_cases.float_model([node], constants={'bad': bad}), {
        **graph_cases.FLOAT_CARD,
        'value_range': [0, 1],
    })  # fmt: skip
    with pytest.raises(BackendError, match='values that are not finite'):
        translator.translate(graph_cases.random_image(8, 6))


@pytest.mark.parametrize(
    ('node', 'found'),
    [
        (helper.make_node('Flatten', ['x'], ['y']), r'\(1, 144\)'),
        (helper.make_node('Concat', ['x', 'x'], ['y'], axis=0), r'\(2, 3, 6, 8\)'),
        (helper.make_node('Concat', ['x', 'x'], ['y'], axis=1), r'\(1, 6, 6, 8\)'),
        (helper.make_node('Transpose', ['x'], ['y'], perm=[0, 2, 3, 1]), r'\(1, 6, 8, 3\)'),
    ],
)
def test_answers_that_are_no_image_are_refused(load, node, found):
    card = {**graph_cases.FLOAT_CARD, 'value_range': [0, 1]}
    proto = graph_cases.float_model([node])
    proto.graph.output[0].type.tensor_type.ClearField('shape')
    translator = load(proto, card)
    with pytest.raises(BackendError, match=f'returned the shape {found}; expected one NCHW image'):
        translator.translate(graph_cases.random_image(8, 6))


def test_an_error_of_the_runtime_names_the_runtime(load):
    node = helper.make_node('Reshape', ['image', 'shape'], ['translated'])
    proto = graph_cases.uint8_model([node], constants={'shape': np.array([1, 7, 7, 3])})
    translator = load(proto)
    with pytest.raises(BackendError, match=r'(ONNX Runtime|OpenVINO) failed: '):
        translator.translate(graph_cases.random_image(8, 6))
    square = graph_cases.random_image(7, 7)
    assert np.array_equal(translator.translate(square), square)


def test_extra_inputs_are_fed_from_the_card(load):
    proto = graph_cases.float_model(
        [
            helper.make_node('Mul', ['x', 'gain'], ['scaled']),
            helper.make_node('Gather', ['table', 'choice'], ['offset']),
            helper.make_node('Add', ['scaled', 'offset'], ['y']),
        ],
        constants={'table': np.array([0.0, 0.25], np.float32)},
        extra_inputs={
            'gain': (TensorProto.FLOAT, ['N', 3, 1, 1]),
            'choice': (TensorProto.INT64, []),
        },
    )
    card = {**graph_cases.FLOAT_CARD, 'value_range': [0, 1]}
    extra = {'gain': [1.0, 0.5, 0.0], 'choice': [1]}
    translator = load(proto, {**card, 'extra_inputs': extra})
    rgb = np.full((4, 4, 3), 100, np.uint8)
    for _ in range(2):
        assert translator.translate(rgb)[0, 0].tolist() == [164, 114, 64]


def test_extra_inputs_reach_a_direct_run(load):
    proto = graph_cases.model(
        [helper.make_node('Sub', ['image', 'less'], ['translated'])],
        {
            'image': (TensorProto.UINT8, graph_cases.UINT8_DIMS),
            'less': (TensorProto.UINT8, [3]),
        },
        {'translated': (TensorProto.UINT8, graph_cases.UINT8_DIMS)},
    )
    translator = load(proto, {'name': 'darker', 'extra_inputs': {'less': [1, 2, 3]}})
    rgb = np.full((4, 4, 3), 100, np.uint8)
    out = np.empty_like(rgb)
    for _ in range(3):
        assert translator.translate(rgb, out=out)[0, 0].tolist() == [99, 98, 97]


def test_threads_may_take_turns(load):
    translator = load(graph_cases.identity(), threads=1)
    results = []

    def work(seed):
        rgb = graph_cases.random_image(32, 24, seed)
        results.append(np.array_equal(translator.translate(rgb), rgb))

    for seed in range(4):
        thread = threading.Thread(target=work, args=(seed,))
        thread.start()
        thread.join()
    assert results == [True] * 4


def test_two_translators_work_at_the_same_time(load):
    translators = [load(graph_cases.identity(), threads=1) for _ in range(2)]
    failures = []

    def work(translator, seed):
        out = np.empty((24, 32, 3), np.uint8)
        for index in range(100):
            rgb = graph_cases.random_image(32, 24, 1000 * seed + index)
            if not np.array_equal(translator.translate(rgb, out=out), rgb):
                failures.append((seed, index))

    threads = [threading.Thread(target=work, args=(t, i)) for i, t in enumerate(translators)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
    ],
)
def test_what_is_no_rgb_image_is_refused(load, image):
    translator = load(graph_cases.identity())
    with pytest.raises(ImageError, match=r'shape|pixels'):
        translator.translate(image)


@pytest.mark.parametrize(
    'out',
    [
        np.zeros((4, 5, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.frombuffer(bytes(48), np.uint8).reshape(4, 4, 3),
    ],
)
def test_an_out_of_another_kind_is_refused(load, out):
    translator = load(graph_cases.identity())
    translator.warm_up((4, 4))
    with pytest.raises(ImageError, match=r'out has dtype .*, expected writeable uint8'):
        translator.translate(graph_cases.random_image(4, 4), out=out)


def test_backends_say_what_they_are(load):
    backend = load(graph_cases.identity(), provider='cpu').backend
    assert backend.name.startswith(f'{load.backend} ')
    assert (backend.provider, backend.fallback) == ('cpu', '')


@pytest.mark.parametrize('provider', ['cuda', 'tensorrt'])
def test_a_provider_that_is_not_there_falls_back_with_a_reason(load, provider):
    translator = load(graph_cases.identity(), provider=provider)
    backend = translator.backend
    if backend.provider == provider:
        pytest.skip(f'this machine has {provider}')
    assert backend.provider == 'cpu'
    assert provider in backend.fallback or 'cannot be loaded' in backend.fallback
    rgb = graph_cases.random_image(8, 6)
    assert np.array_equal(translator.translate(rgb), rgb)


def test_auto_never_complains(load):
    assert load(graph_cases.identity()).backend.fallback == ''


def test_an_operator_that_nobody_knows_is_refused_at_load(load):
    node = helper.make_node('Dream', ['image'], ['translated'], domain='example.com')
    proto = graph_cases.uint8_model([node])
    proto.opset_import.append(helper.make_opsetid('example.com', 1))
    with pytest.raises((BackendError, ModelError), match=r'cannot load .*(?s:.*)Dream'):
        load(proto)
