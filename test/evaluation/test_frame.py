import gc
import threading
import weakref

import numpy as np
import pytest

from sim2real_ros.evaluation.frame import EvaluatedFrame, Previous, Remembered, SimFrame

IMAGE = np.zeros((16, 16, 3), np.uint8)


class Result:
    """Something that can be looked for in memory."""


def made(frame):
    return Result()


def made_with(frame, other):
    return other.name


def test_something_of_a_frame_is_computed_once():
    frame = SimFrame('a', IMAGE)
    assert frame.once(made) is frame.once(made)
    assert frame.once(made) is not SimFrame('a', IMAGE).once(made)
    translated = EvaluatedFrame(frame, IMAGE)
    assert translated.once(made) is translated.once(made)
    assert translated.once(made) is not frame.once(made)


def test_other_frames_belong_to_the_key():
    frame = SimFrame('c', IMAGE)
    names = [frame.once(made_with, SimFrame(name, IMAGE)) for name in 'aba']
    assert names == ['a', 'b', 'a']


def test_threads_compute_once_and_share():
    known, calls, found = Remembered(), [], []
    gate = threading.Barrier(4)

    def compute():
        calls.append(1)
        return object()

    def ask():
        gate.wait()
        found.append(known.get('key', compute))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert (len(calls), len(found), len(set(map(id, found)))) == (1, 4, 1)


def test_a_key_does_not_wait_for_another_one():
    known, started, finish = Remembered(), threading.Event(), threading.Event()

    def slow():
        started.set()
        finish.wait(10)
        return 'slow'

    thread = threading.Thread(target=known.get, args=('slow', slow))
    thread.start()
    assert started.wait(10)
    found = []
    other = threading.Thread(target=lambda: found.append(known.get('quick', lambda: 'quick')))
    other.start()
    other.join(5)
    waited = other.is_alive()
    finish.set()
    thread.join(10)
    other.join(10)
    assert not waited
    assert found == ['quick']


def test_keys_may_need_other_keys():
    known = Remembered()
    assert known.get('sum', lambda: known.get('a', lambda: 1) + known.get('b', lambda: 2)) == 3


def test_what_fails_is_not_remembered():
    known, calls = Remembered(), []

    def fail():
        calls.append(1)
        raise ValueError('odd')

    for _ in range(2):
        with pytest.raises(ValueError, match='odd'):
            known.get('key', fail)
    assert len(calls) == 2
    assert known.get('key', lambda: 5) == 5


def test_none_is_a_result():
    known, calls = Remembered(), []
    assert known.get('key', lambda: calls.append(1)) is None
    assert known.get('key', lambda: calls.append(1)) is None
    assert len(calls) == 1


def test_a_frame_goes_with_all_that_was_computed_of_it():
    first, second = SimFrame('a', IMAGE.copy()), SimFrame('b', IMAGE.copy())
    frame = EvaluatedFrame(second, second.image, Previous(first, first.image))
    kept = weakref.ref(first.once(made))
    second.once(made_with, first)
    frame.once(made)
    frame = None
    first_frame = weakref.ref(first)
    del first
    gc.collect()
    assert (first_frame(), kept()) == (None, None), 'a frame keeps the one before it alive'
    assert second.once(made) is not None
