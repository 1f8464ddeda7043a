import cv2
import numpy as np
import pytest

from sim2real_ros.evaluation.frame import SimFrame
from sim2real_ros.evaluation.frames.neighbours import MAX_GAP_NS, NeighbourRule

SECOND = 10**9


@pytest.fixture
def random():
    return np.random.default_rng(5)


def panorama(random, width=900):
    """A wide picture of soft blobs, to look at through a moving window."""
    coarse = random.integers(0, 256, (12, width // 20, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, 120), interpolation=cv2.INTER_CUBIC)


def frame(image, number, stamp_ns=0, drive='a'):
    return SimFrame(f'{number}', image, stamp_ns, drive)


def verdicts(frames):
    rule = NeighbourRule()
    return [rule.follows(each) for each in frames]


def test_stamps_decide_where_there_are_any(random):
    image = random.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    stamps = [SECOND, SECOND + MAX_GAP_NS, SECOND + 2 * MAX_GAP_NS + 1, SECOND, SECOND]
    frames = [frame(image, n, stamp) for n, stamp in enumerate(stamps)]
    assert verdicts(frames) == [False, True, False, False, False]


def test_no_frame_follows_one_of_another_drive(random):
    image = random.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    frames = [frame(image, 0, SECOND), frame(image, 1, SECOND + 10**8, drive='b')]
    assert verdicts(frames) == [False, False]


def test_a_drive_without_stamps_is_recognised_after_some_frames(random):
    view = panorama(random)
    frames = [frame(view[:, 3 * n : 3 * n + 160], n) for n in range(40)]
    assert all(verdicts(frames)[6:])


def test_pictures_from_here_and_there_are_no_film(random):
    frames = [frame(panorama(random, 160), n) for n in range(40)]
    assert not any(verdicts(frames))


def test_a_cut_inside_a_drive_is_no_step(random):
    first, second = panorama(random), panorama(random)
    frames = [frame(first[:, 3 * n : 3 * n + 160], n) for n in range(20)]
    frames += [frame(second[:, 3 * n : 3 * n + 160], 20 + n) for n in range(20)]
    found = verdicts(frames)
    assert not found[20]
    assert all(found[6:20])
    assert all(found[27:])


def test_a_camera_that_stands_still_follows_itself(random):
    image = random.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    assert all(verdicts([frame(image, n) for n in range(20)])[6:])
