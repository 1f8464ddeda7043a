import cv2
import numpy as np
import pytest

from sim2real_ros.evaluation.frame import SimFrame
from sim2real_ros.evaluation.temporal.input_motion import (
    input_motion,
    mean_square,
    motion_since,
    variance,
)


@pytest.fixture
def wide(random):
    """A soft random texture, larger than the frames that are cut from it."""
    noise = cv2.GaussianBlur(random.normal(0, 1, (200, 260, 3)), (0, 0), 3)
    return np.clip(128 + noise * 400, 0, 255).astype(np.uint8)


def cut(wide, right, down):
    return wide[20 + down : 148 + down, 20 + right : 212 + right]


@pytest.mark.parametrize(('right', 'down'), [(0, 0), (6, 0), (-4, 3), (9, -7)])
def test_a_known_motion_is_found(wide, right, down):
    motion = input_motion(cut(wide, 0, 0), cut(wide, right, down))
    rows, columns = np.indices((128, 192))
    flow = motion.source - np.dstack([columns, rows])
    middle = flow[30:-30, 30:-30].reshape(-1, 2)
    np.testing.assert_allclose(np.median(middle, axis=0), [right, down], atol=0.1)
    assert motion.visible[30:-30, 30:-30].mean() > 0.9
    assert np.sqrt(motion.squared_error) < 2.5


def test_what_came_into_the_picture_is_not_visible_before(wide):
    motion = input_motion(cut(wide, 0, 0), cut(wide, 15, 0))
    assert not motion.visible[:, -10:].any()


def test_what_was_hidden_by_an_object_is_left_out(wide):
    def with_box(left):
        image = cut(wide, 0, 0).copy()
        image[40:90, left : left + 50] = wide[100:150, 150:200][:, ::-1]
        return image

    motion = input_motion(with_box(40), with_box(60))
    # Ground that the box covered before, and its moving edge.
    assert motion.visible[50:80, 42:58].mean() < 0.4
    assert motion.visible[50:80, 120:180].mean() > 0.9
    # Where box and ground slide past each other nothing is hidden, but the flow is a guess.
    assert motion.visible[88:92, 70:100].mean() < 0.3


def test_equal_frames_have_no_error_and_are_all_visible(demo_frames):
    motion = input_motion(demo_frames[0], demo_frames[0])
    assert motion.squared_error == 0
    assert motion.visible.mean() > 0.99


def test_the_warped_demo_frame_is_nearer_than_the_unwarped_one(demo_frames):
    before, after = demo_frames[2:4]
    motion = input_motion(before, after)
    unwarped = mean_square(after.astype(np.float32) - before, motion.visible)
    assert np.isfinite(motion.squared_error)
    assert motion.squared_error < 0.2 * unwarped
    naive = (after.astype(float) - motion.warp(before))[motion.visible]
    assert motion.squared_error == pytest.approx((naive**2).mean(), rel=1e-4)
    assert motion.variance == pytest.approx(after[motion.visible].var(axis=0).mean(), rel=1e-4)


def test_warp_takes_pixels_from_their_source(wide):
    image = cut(wide, 0, 0)
    motion = input_motion(image, image)
    motion.source[...] = [7, 5]
    np.testing.assert_allclose(motion.warp(image), np.broadcast_to(image[5, 7], image.shape))


def test_means_over_nothing_are_0():
    nothing = np.zeros((20, 20), bool)
    assert mean_square(np.ones((20, 20, 3), np.float32), nothing) == 0
    assert variance(np.ones((20, 20, 3), np.uint8), nothing) == 0


def test_motion_is_computed_once_for_all_candidates(wide):
    before, after = SimFrame('a', cut(wide, 0, 0)), SimFrame('b', cut(wide, 3, 0))
    assert after.once(motion_since, before) is after.once(motion_since, before)


def test_small_and_unequal_frames_have_no_motion(wide):
    small = wide[:15, :40]
    assert input_motion(small, small) is None
    assert motion_since(SimFrame('b', wide), SimFrame('a', wide[:-1])) is None


@pytest.mark.parametrize('level', [0, 255])
def test_constant_images_do_no_harm(level):
    flat = np.full((16, 24, 3), level, np.uint8)
    motion = input_motion(flat, flat)
    assert (motion.squared_error, motion.variance) == (0, 0)
