"""One model for many threads, and messages that keep their order."""

import threading

import numpy as np
import pytest
import translation_cases as cases

from sim2real_ros.bags import BagConnection, BagMessage
from sim2real_ros.errors import BackendError, ImageError
from sim2real_ros.files import ordered_map
from sim2real_ros.runtime.blend import Blend, Blender
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.translation import TranslateOptions, bag_stream
from sim2real_ros.translation.bag_stream import Ready, Work, in_order
from sim2real_ros.translation.model_pool import FailureGuard, ModelPool, fingerprint


def pool_of(path, **changes):
    return ModelPool.load(open_model(path), TranslateOptions(str(path), **changes))


def test_many_threads_get_what_one_translator_gives():
    sizes = [(16, 12), (9, 7), (31, 5)]
    images = [cases.random_image(*sizes[i % 3], seed=i) for i in range(60)]
    pool = pool_of(cases.COLOUR, jobs=4)
    translator = Translator.load(cases.COLOUR)
    results = list(ordered_map(pool.translate, images, workers=4))
    for image, result in zip(images, results, strict=True):
        np.testing.assert_array_equal(result, translator.translate(image))


@pytest.mark.parametrize('roi', [(0, 0, 1, 1), (0.25, 0.25, 0.5, 0.75)])
def test_blend_is_that_of_the_node_in_every_thread(roi):
    images = [cases.random_image(16 + 4 * (i % 2), 12, seed=i) for i in range(24)]
    pool = pool_of(cases.COLOUR, jobs=3, strength=0.5, roi=roi, feather_px=1.5)
    translator, blender = Translator.load(cases.COLOUR), Blender(Blend(0.5, roi, 1.5))
    results = list(ordered_map(pool.translate, images, workers=3))
    for image, result in zip(images, results, strict=True):
        expected = translator.translate(image)
        blender.apply(image, expected)
        np.testing.assert_array_equal(result, expected)


def test_strength_zero_gives_the_image_itself():
    image = cases.random_image()
    assert pool_of(cases.COLOUR, strength=0.0).translate(image) is image


def test_size_to_run_a_free_model_at():
    image = cases.smooth_image(64, 48)
    result = pool_of(cases.COLOUR, size=(32, 24)).translate(image)
    expected = Translator.load(cases.COLOUR, size=(32, 24)).translate(image)
    np.testing.assert_array_equal(result, expected)
    small = pool_of(cases.COLOUR, size=(32, 24), output_size='model')
    assert small.translate(image).shape == (24, 32, 3)
    assert small.published_size((64, 48)) == (32, 24)


def test_size_against_the_models_own_is_refused(tmp_path):
    with pytest.raises(BackendError, match='runs at 16x12 only'):
        pool_of(cases.fixed_size_negative(tmp_path, 16, 12), size=(8, 6))


def test_fingerprint_knows_model_card_and_options(tmp_path):
    path = cases.negative(tmp_path)
    model, options = open_model(path), TranslateOptions(str(path))
    same = TranslateOptions(str(path), jobs=7, force=True)
    assert fingerprint(model, options) == fingerprint(model, same)
    other = TranslateOptions(str(path), strength=0.5)
    assert fingerprint(model, options) != fingerprint(model, other)
    assert fingerprint(model, options) != fingerprint(open_model(cases.COLOUR), options)
    path.with_suffix('.card.yaml').write_text('name: other\n')
    assert fingerprint(model, options) != fingerprint(open_model(path), options)


def test_guard_lets_failures_pass_after_a_success_only():
    guard = FailureGuard()
    guard.check(ImageError('no image'))
    with pytest.raises(BackendError, match='broken'):
        guard.check(BackendError('broken'))
    guard.note_success()
    guard.check(BackendError('broken'))


CONNECTION = BagConnection(0, '/x', 'std_msgs/msg/String', None)


def message(number, size=1):
    return BagMessage(CONNECTION, number, bytes(size))


@pytest.mark.parametrize('workers', [1, 3])
def test_messages_come_out_in_their_order(workers):
    def works():
        for number in range(200):
            task = [None, Ready(-number), lambda n=number: n * n][number % 3]
            yield Work(message(number), task)

    for number, (found, result) in enumerate(in_order(works(), workers)):
        assert found.recorded_ns == number
        assert result == [None, -number, number * number][number % 3]


def test_only_a_bounded_number_of_tasks_is_under_way():
    taken, gate = [], threading.Event()

    def works():
        for number in range(50):
            taken.append(number)
            yield Work(message(number), gate.wait)

    stream = in_order(works(), 2)
    opener = threading.Timer(0, gate.set)
    opener.start()
    next(stream)
    opener.join()
    assert len(taken) <= 4
    assert sum(1 for _ in stream) == 49


@pytest.mark.parametrize('limit', ['MAX_WAITING_MESSAGES', 'MAX_WAITING_BYTES'])
def test_messages_behind_a_slow_task_are_bounded(monkeypatch, limit):
    monkeypatch.setattr(bag_stream, limit, 20)
    gate, taken = threading.Event(), []

    def works():
        yield Work(message(0), gate.wait)
        for number in range(1, 100):
            taken.append(number)
            if number == 30:
                raise AssertionError('read too far ahead')
            yield Work(message(number))

    def open_when_full():
        while len(taken) < 20:
            pass
        gate.set()

    opener = threading.Thread(target=open_when_full)
    opener.start()
    assert next(in_order(works(), 2))[0].recorded_ns == 0
    opener.join()


def test_failure_of_a_task_comes_at_its_turn():
    def fail():
        raise ImageError('broken')

    works = [Work(message(0)), Work(message(1), fail), Work(message(2))]
    stream = in_order(iter(works), 2)
    assert next(stream)[0].recorded_ns == 0
    with pytest.raises(ImageError, match='broken'):
        next(stream)
