"""Turns at the model: order for one camera, freedom for all others, and no standstill."""

import threading

import numpy as np
import pytest

from sim2real_ros.files import ordered_map
from sim2real_ros.translation.camera_turns import CameraTurns


class Recorder:
    """A model pool that notes who came with which memory."""

    def __init__(self, *, smooths):
        self.smooths = smooths
        self.seen = []

    def translate(self, rgb, stamp_s=None, memory=None):
        self.seen.append((stamp_s, memory))
        if int(rgb[0, 0, 0]) == 255:
            raise ValueError('the model failed')
        return rgb


def image(value=0):
    return np.full((2, 2, 3), value, np.uint8)


def test_turns_are_taken_in_their_order_however_the_threads_run():
    pool = Recorder(smooths=True)
    turns = CameraTurns(pool)
    # Odd frames are decoded only after the next one asks for its turn.
    asked = [threading.Event() for _ in range(41)]

    def work(numbered):
        number, turn = numbered
        if number % 2:
            assert asked[number + 1].wait(30)
        asked[number].set()
        with turn:
            turn.translate(image(), float(number))

    frames = ((number, turns.next()) for number in range(40))
    asked[40].set()
    list(ordered_map(work, frames, workers=4))
    assert [stamp_s for stamp_s, _ in pool.seen] == list(range(40))
    assert len({id(memory) for _, memory in pool.seen}) == 1


def test_next_frame_passes_while_one_is_encoded():
    turns = CameraTurns(Recorder(smooths=True))
    first, second = turns.next(), turns.next()
    with first:
        first.translate(image())
        with second:
            second.translate(image())


@pytest.mark.parametrize('fails', ['before the model', 'in the model'])
def test_failed_frame_ends_its_turn(fails):
    pool = Recorder(smooths=True)
    turns = CameraTurns(pool)
    first, second = turns.next(), turns.next()

    def work():
        with first:
            if fails == 'before the model':
                raise ValueError('not even the model failed')
            first.translate(image(255))

    with pytest.raises(ValueError, match='the model failed'):
        work()
    second.translate(image(), 2.0)
    assert pool.seen[-1][0] == 2.0


def test_failed_frame_lets_nobody_overtake_those_before_it():
    pool = Recorder(smooths=True)
    turns = CameraTurns(pool)
    first, second, third = turns.next(), turns.next(), turns.next()

    def fail():
        with second:
            pass

    failing = threading.Thread(target=fail)
    failing.start()
    assert not third._before.is_set()
    first.translate(image(), 1.0)
    failing.join(30)
    assert third._before.is_set()
    third.translate(image(), 3.0)
    assert [stamp_s for stamp_s, _ in pool.seen] == [1.0, 3.0]


@pytest.mark.parametrize(('smooths', 'has_memory'), [(False, True), (True, False)])
def test_without_memory_every_turn_is_at_once(smooths, has_memory):
    pool = Recorder(smooths=smooths)
    turns = CameraTurns(pool, has_memory=has_memory)
    first, second = turns.next(), turns.next()
    assert not first.has_followers
    second.translate(image(), 2.0)
    first.translate(image(), 1.0)
    assert pool.seen == [(2.0, None), (1.0, None)]


def test_each_camera_has_a_memory_of_its_own():
    pool = Recorder(smooths=True)
    for turns in (CameraTurns(pool), CameraTurns(pool)):
        turns.next().translate(image())
    assert pool.seen[0][1] is not pool.seen[1][1]
    assert CameraTurns(pool).next().has_followers
