"""The node runs a bilateral grid through the compiled kernel, and its parameters act on it."""

import numpy as np
import pytest
from proxy_client import IN, OUT, image_message, rgb_pixels

from sim2real_ros.runtime.frame_context import FrameContext
from sim2real_ros.runtime.translator import Translator


@pytest.fixture
def model(bilateral_models):
    pytest.importorskip('numba')
    from sim2real_ros.runtime.bilateral.compilation import compiled_kernel

    # The node then takes it from the disk: nothing waits for its start while it compiles.
    compiled_kernel()
    return str(bilateral_models['bilateral_grid_detail'])


def levels_apart(one, other):
    return int(np.abs(one.astype(int) - other).max())


def values_of(status):
    return {pair.key: pair.value for pair in status.values}


def test_a_grid_is_fused_and_its_detail_and_smoothing_change_while_it_runs(
    start_proxy, client, model
):
    client.advertise(IN)
    program = start_proxy(model=model, provider='cpu', threads=1)
    client.listen(OUT)
    client.wait_for_listener(IN, program)

    def translated(rgb):
        message = image_message(rgb.tobytes(), rgb.shape[1], rgb.shape[0], 'rgb8')
        received = client.exchange(IN, message, OUT, program)
        return np.asarray(received.data).reshape(rgb.shape)

    def change(**values):
        return [answer.successful for answer in client.set_parameters(program=program, **values)]

    def smoothed_is(word):
        client.status('camera', lambda s: values_of(s)['smoothed over time'] == word, program)

    told = values_of(client.status('model', lambda s: 'backend' in values_of(s), program))
    assert told['backend'].startswith('fused (onnxruntime ')
    used = [told[key] for key in ('provider', 'precision', 'fallback', 'detail branch')]
    assert used == ['cpu', 'float32', 'none', 'yes']

    alone = Translator.load(model, backend='onnxruntime', provider='cpu', threads=1)
    dark = rgb_pixels() // 4
    bright = 3 * dark + 60
    expected = {s: alone.translate(bright, None, FrameContext(s)) for s in (0.0, 1.0)}
    assert levels_apart(expected[0.0], expected[1.0]) > 3

    assert levels_apart(translated(bright), expected[1.0]) <= 1
    assert change(detail_strength=0.0) == [True]
    assert levels_apart(translated(bright), expected[0.0]) <= 1
    smoothed_is('no')

    # The same scene, so no cut: the colours of the bright frame are still those of the dark one.
    assert change(temporal_smoothing_s=10.0) == [True]
    translated(dark)
    assert levels_apart(translated(bright), expected[0.0]) > 3
    smoothed_is('yes')
    assert change(temporal_smoothing_s=0.0) == [True]
    assert levels_apart(translated(bright), expected[0.0]) <= 1
    assert change(detail_strength=1.0) == [True]
    assert levels_apart(translated(bright), expected[1.0]) <= 1
    smoothed_is('no')
    assert change(detail_strength=2.0) == [False]
    assert change(temporal_smoothing_s=float('nan')) == [False]
