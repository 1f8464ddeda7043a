"""How many images share a run: only where it is faster, and gives what single runs give."""

from types import SimpleNamespace

import graph_cases
import numpy as np
import pytest
from onnx import helper

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.batch_sizes import find_batch_sizes
from sim2real_ros.runtime.frame_context import CameraMemory, FrameContext
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator

SIZE = (8, 6)


class Clock:
    """Time passes only while the back end runs."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


class FakeBackend(SimpleNamespace):
    """Inverts; a run takes what ``costs_s`` says for its number of images."""

    name, provider, precision, fallback = 'fake', 'cpu', 'float32', ''

    def run(self, image, out, context=None):
        self.runs.append(len(image))
        self.contexts.append(context)
        self.clock.now_s += self.costs_s[len(image)]
        if len(image) in self.fails_at:
            raise BackendError('out of memory')
        result = 255 - image
        if self.mixes and len(image) > 1:
            result = result[::-1].copy()
        if out is None:
            return result
        out[...] = result
        return out


@pytest.fixture
def make(tmp_path):
    def make(costs_s=None, fails_at=(), mixes=False, dims=graph_cases.UINT8_DIMS):
        nodes = [helper.make_node('Identity', ['image'], ['translated'])]
        path = graph_cases.save(graph_cases.uint8_model(nodes, dims=dims), tmp_path / 'm.onnx')
        backend = FakeBackend(
            clock=Clock(), costs_s=costs_s or {1: 0.01, 2: 0.01, 4: 0.01}, fails_at=fails_at,
            mixes=mixes, runs=[], contexts=[],
        )  # fmt: skip
        return Translator(open_model(path), backend)

    return make


def found(translator, largest=4, batching='auto'):
    clock = translator.backend.clock
    return find_batch_sizes(translator, largest, batching=batching, size=SIZE, clock=clock)


@pytest.mark.parametrize(
    ('costs_s', 'sizes'),
    [
        ({1: 0.01, 2: 0.01, 4: 0.01}, (2, 4)),
        ({1: 0.01, 2: 0.02, 4: 0.04}, ()),
        ({1: 0.01, 2: 0.019, 4: 0.03}, (4,)),
        ({1: 0.01, 2: 0.015, 4: 0.05}, (2,)),
    ],
)
def test_a_batch_must_be_faster_per_image(make, costs_s, sizes):
    assert found(make(costs_s)) == sizes


def test_one_camera_never_needs_a_batch(make):
    translator = make()
    assert found(translator, largest=1) == ()
    assert translator.backend.runs == []


def test_no_batch_is_larger_than_there_are_cameras(make):
    assert found(make(), largest=3) == (2,)


def test_never_means_never_and_always_does_not_measure(make):
    slow = {1: 0.01, 2: 0.05, 4: 0.1}
    assert found(make(slow), batching='always') == (2, 4)
    translator = make()
    assert found(translator, batching='never') == ()
    assert translator.backend.runs == []


def test_a_slow_model_is_not_measured(make):
    translator = make({1: 1.5, 2: 1.6, 4: 1.7})
    assert found(translator) == ()
    assert set(translator.backend.runs) == {1}


@pytest.mark.parametrize('batching', ['auto', 'always'])
def test_a_model_that_mixes_images_gets_no_batch(make, batching):
    assert found(make(mixes=True), batching=batching) == ()


def test_a_size_that_fails_is_left_out(make):
    assert found(make(fails_at=(4,))) == (2,)


def test_a_graph_for_one_image_gets_no_batch(make):
    translator = make(dims=(1, 'H', 'W', 3))
    assert found(translator, batching='always') == ()
    assert translator.backend.runs == []


def test_real_runtimes_give_the_same_in_a_batch(load):
    translator = load(graph_cases.identity())
    assert find_batch_sizes(translator, 4, batching='always', size=SIZE) == (2, 4)
    assert translator.batch_sizes == ()


def batch(translator, sizes, contexts=None):
    rgbs = [graph_cases.random_image(*size, seed=n) for n, size in enumerate(sizes)]
    outs = [np.zeros_like(rgb) for rgb in rgbs]
    contexts = contexts or [FrameContext()] * len(rgbs)
    shared = translator.translate_batch(rgbs, outs, contexts)
    for rgb, out in zip(rgbs, outs, strict=True):
        np.testing.assert_array_equal(out, 255 - rgb)
    return shared


def test_images_share_the_runs_that_are_allowed(make):
    translator = make({1: 0, 2: 0, 4: 0})
    assert batch(translator, [SIZE] * 3) == [1, 1, 1]
    translator.batch_sizes = (2, 4)
    for count, shared in ((1, [1]), (3, [2, 2, 1]), (4, [4] * 4), (5, [4] * 4 + [1])):
        assert batch(translator, [SIZE] * count) == shared
    assert translator.backend.runs[3:] == [1, 2, 1, 4, 4, 1]


def test_images_of_other_sizes_run_by_themselves(make):
    translator = make()
    translator.batch_sizes = (2,)
    assert batch(translator, [SIZE, (4, 4), SIZE]) == [2, 1, 2]


def test_a_run_has_one_context(make):
    translator = make()
    translator.batch_sizes = (2,)
    full, half = FrameContext(), FrameContext(detail_strength=0.5)
    assert batch(translator, [SIZE] * 4, [full, half, full, half]) == [2, 2, 2, 2]
    strengths = [context.detail_strength for context in translator.backend.contexts]
    assert strengths == [1.0, 0.5]


def test_what_is_smoothed_over_time_runs_by_itself(make, monkeypatch):
    full, smoothed = FrameContext(), FrameContext(smoothing_s=0.5, memory=CameraMemory())
    contexts = [full, smoothed, full]
    translator = make()
    translator.batch_sizes = (2,)
    assert batch(translator, [SIZE] * 3, contexts) == [2, 2, 1]
    monkeypatch.setattr('sim2real_ros.runtime.translator.is_bilateral', lambda model: True)
    grids = Translator(translator.model, translator.backend)
    grids.batch_sizes = (2,)
    assert batch(grids, [SIZE] * 3, contexts) == [2, 1, 2]
    assert batch(grids, [SIZE] * 2, [smoothed, full]) == [1, 1]
    alone = FrameContext(smoothing_s=0.5)
    assert batch(grids, [SIZE] * 2, [alone, alone]) == [2, 2]


def test_results_in_the_models_size_are_not_resized_back(make):
    translator = make()
    translator = Translator(translator.model, translator.backend, size=(4, 4))
    translator.batch_sizes = (2,)
    rgbs = [np.full((6, 8, 3), level, np.uint8) for level in (10, 20)]
    outs = [np.zeros((4, 4, 3), np.uint8), np.zeros((6, 8, 3), np.uint8)]
    assert translator.translate_batch(rgbs, outs, [FrameContext()] * 2) == [2, 2]
    assert [int(out.min()) for out in outs] == [245, 235] == [int(out.max()) for out in outs]


def test_too_few_answers_are_refused(make):
    translator = make()
    translator.batch_sizes = (2,)
    run = translator.backend.run
    translator.backend.run = lambda image, out, context: run(image, out, context)[:1]
    with pytest.raises(BackendError, match='1 images for a batch of 2'):
        batch(translator, [SIZE] * 2)
