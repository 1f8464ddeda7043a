"""Grids averaged over time: time constant, clocks, cuts, motion, values that are no numbers."""

import math

import cv2
import numpy as np
import pytest

from sim2real_ros.runtime.frame_context import ALONE, CameraMemory, FrameContext
from sim2real_ros.runtime.grid_smoothing import NOMINAL_INTERVAL_S, OTHER_SCENE, smoothed

SHAPE = (1, 12, 4, 3, 5)


def random_grid(seed):
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


def scene(seed, size=(128, 96)):
    """Draw a smooth picture; another seed is another scene."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)


class OneCamera:
    """Frames of one camera, one after the other."""

    def __init__(self, smoothing_s=0.5):
        self.memory = CameraMemory()
        self.smoothing_s = smoothing_s

    def __call__(self, grid, stamp_s, picture=None, source='model'):
        context = FrameContext(smoothing_s=self.smoothing_s, stamp_s=stamp_s, memory=self.memory)
        return smoothed(context, grid, scene(0) if picture is None else picture, source)


def share_of_second(first_s, second_s, pictures=(None, None), smoothing_s=0.5):
    """Return how much of a step from 0 to 1 arrives in its first frame."""
    camera = OneCamera(smoothing_s)
    camera(np.zeros(SHAPE, np.float32), first_s, pictures[0])
    result = camera(np.ones(SHAPE, np.float32), second_s, pictures[1])
    assert np.ptp(result) == 0
    return float(result.flat[0])


def test_average_equals_the_weighted_sum_of_all_frames():
    camera, stamps = OneCamera(0.3), np.cumsum([0, 0.1, 0.02, 0.4, 0.05])
    grids = [random_grid(seed) for seed in range(5)]
    for stamp, grid in zip(stamps, grids, strict=True):
        found = camera(grid, float(stamp))
    # What is left of a frame decays with its age; each enters with what its interval takes away.
    decay = np.exp(-(stamps[-1] - stamps) / 0.3)
    entry = np.concatenate([[1], 1 - np.exp(-np.diff(stamps) / 0.3)])
    expected = sum(w * g.astype(float) for w, g in zip(decay * entry, grids, strict=True))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


def test_time_constant_holds_at_any_frame_rate():
    for rate_hz in (5, 30, 200):
        camera = OneCamera(0.5)
        camera(np.zeros(SHAPE, np.float32), 0.0)
        for number in range(1, rate_hz + 1):
            found = camera(np.ones(SHAPE, np.float32), number / rate_hz)
        assert found.flat[0] == pytest.approx(1 - math.exp(-2), abs=1e-4)


def test_first_frame_and_unchanging_grids_are_exact():
    camera, grid = OneCamera(), random_grid(0)
    for number in range(20):
        np.testing.assert_array_equal(camera(grid, number * 0.033), grid)


@pytest.mark.parametrize('smoothing_s', [0.0, -1.0, math.nan])
def test_without_time_constant_the_grid_passes_and_nothing_is_kept(smoothing_s):
    camera, grid = OneCamera(), random_grid(0)
    camera(random_grid(1), 0.0)
    camera.smoothing_s = smoothing_s
    assert camera(grid, 0.1) is grid
    assert camera.memory.content is None


def test_frame_without_memory_passes():
    grid = random_grid(0)
    assert smoothed(ALONE, grid, scene(0)) is grid
    assert smoothed(FrameContext(smoothing_s=1.0, stamp_s=1.0), grid, scene(0)) is grid


def test_what_somebody_else_keeps_is_not_taken_for_a_grid():
    camera, grid = OneCamera(), random_grid(0)
    camera.memory.content = 'something'
    np.testing.assert_array_equal(camera(grid, 0.0), grid)
    off = FrameContext(memory=CameraMemory())
    off.memory.content = 'something'
    assert smoothed(off, grid, scene(0)) is grid
    assert off.memory.content == 'something'


def test_neither_the_grid_nor_an_earlier_result_is_changed():
    camera = OneCamera()
    grids = [random_grid(seed) for seed in range(3)]
    before = [each.copy() for each in grids]
    results = [camera(each, n * 0.1) for n, each in enumerate(grids[:2])]
    kept = [each.copy() for each in results]
    # A runtime may hand out the same buffer with every frame.
    grids[0][:] = 7
    camera(grids[2], 0.2)
    np.testing.assert_array_equal(grids[1:], before[1:])
    np.testing.assert_array_equal(results, kept)


@pytest.mark.parametrize(
    ('first_s', 'second_s'),
    [(1.0, 1.0), (1.0, 0.95), (0.0, 0.0), (None, None), (None, 1.0), (1.0, None), (1.0, math.nan),
     (1.0, math.inf), (math.nan, 1.0)],
)  # fmt: skip
def test_stamps_that_do_not_tell_count_as_a_usual_interval(first_s, second_s):
    expected = 1 - math.exp(-NOMINAL_INTERVAL_S / 0.5)
    assert share_of_second(first_s, second_s) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('second_s', [0.0, 9.8, -1e9, -math.inf])
def test_clock_set_back_starts_anew(second_s):
    assert share_of_second(10.0, second_s) == 1


def test_after_a_reset_the_same_drive_gives_the_same_grids():
    camera, grids = OneCamera(), [random_grid(seed) for seed in range(6)]
    first, second = ([camera(g, n * 0.1) for n, g in enumerate(grids)] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_long_gap_leaves_nothing_of_what_was():
    assert share_of_second(0.0, 0.5) == pytest.approx(1 - math.exp(-1))
    assert share_of_second(0.0, 60.0) == 1
    assert share_of_second(0.0, 1.8e9) == 1


def test_cut_starts_anew_at_once_and_exactly():
    camera = OneCamera(5.0)
    for number in range(10):
        camera(random_grid(number), number / 30)
    after = [random_grid(20), random_grid(21)]
    np.testing.assert_array_equal(camera(after[0], 10 / 30, scene(1)), after[0])
    share = 1 - math.exp(-1 / 30 / 5)
    np.testing.assert_allclose(
        camera(after[1], 11 / 30, scene(1)), after[0] + share * (after[1] - after[0]), atol=1e-6
    )


@pytest.mark.parametrize('seed', range(1, 8))
def test_every_other_scene_is_a_cut(seed):
    assert share_of_second(0.0, 0.033, (scene(0), scene(seed))) == 1
    # Flat to textured, and back.
    grey = np.full((96, 128, 3), 90, np.uint8)
    assert share_of_second(0.0, 0.033, (grey, scene(seed))) == 1
    assert share_of_second(0.0, 0.033, (scene(seed), grey)) == 1


def exposed(picture, gain):
    return np.clip(picture.astype(float) * gain, 0, 255).astype(np.uint8)


def noisy(picture, levels, seed=3):
    noise = np.random.default_rng(seed).normal(0, levels, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    'change',
    [
        lambda p: exposed(p, 0.4),
        lambda p: exposed(p, 1.3),
        lambda p: (255 * (p / 255) ** 0.5).astype(np.uint8),
        lambda p: exposed(p, 0.7) + np.uint8(60),
        lambda p: noisy(p, 25),
        lambda p: noisy(np.full_like(p, 40), 5),
    ],
)
def test_exposure_and_noise_are_no_cuts(change):
    """The last pair is two dark frames, in which nothing but noise can be seen."""
    before = scene(0) if change(scene(0)).std() > 10 else noisy(np.full((96, 128, 3), 40), 5, 8)
    expected = 1 - math.exp(-0.1 / 0.5)
    assert share_of_second(0.0, 0.1, (before, change(scene(0)))) == pytest.approx(
        expected, abs=0.02
    )


def test_fast_motion_lets_the_new_grid_in():
    wide = scene(0, (256, 96))
    shares = [
        share_of_second(0.0, 1 / 30, (wide[:, :128], wide[:, by : by + 128]), smoothing_s=100.0)
        for by in (0, 1, 4, 8, 16, 128)
    ]
    assert shares == sorted(shares)
    assert shares[1] < 0.01
    assert 0.1 < shares[3] < 1
    assert shares[-1] == 1


def test_share_in_motion_is_that_of_the_correlation():
    pictures = scene(0), scene(0).copy()
    pictures[1][:, :32] = scene(2)[:, :32]
    small = [
        cv2.cvtColor(cv2.resize(p, (16, 12), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for p in pictures
    ]
    correlation = np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1]
    expected = (2 - 2 * correlation) / OTHER_SCENE
    assert 0.1 < expected < 1
    found = share_of_second(0.0, 0.001, pictures, smoothing_s=100.0)
    assert found == pytest.approx(expected, rel=1e-3)


def test_average_keeps_up_with_a_moving_camera_however_long_the_time_constant():
    """The grid follows the place; what is shown must not be that of long ago."""
    wide, camera = scene(0, (1024, 96)), OneCamera(1e6)
    lags = []
    for number in range(200):
        left = 4 * number
        found = camera(np.full(SHAPE, left, np.float32), number / 30, wide[:, left : left + 128])
        lags.append(left - float(found.flat[0]))
    # Less than half a picture behind, where a plain average would be six pictures behind.
    assert 4 < max(lags) < 64
    # Step by step, and not by starting anew now and then.
    assert min(lags[20:]) > 0


def test_other_model_size_or_shape_starts_anew():
    camera, grid = OneCamera(), random_grid(5)
    camera(random_grid(0), 0.0, source=('a', (512, 384)))
    for source in (('a', (640, 480)), ('b', (640, 480))):
        np.testing.assert_array_equal(camera(grid, 0.1, source=source), grid)
        grid = grid + 1
    assert not np.array_equal(camera(grid, 0.1, source=source), grid)
    other = random_grid(6)[..., :4]
    np.testing.assert_array_equal(camera(other, 0.2, source=source), other)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
def test_a_grid_of_no_numbers_does_not_stay(bad):
    camera, calm = OneCamera(), OneCamera()
    broken = random_grid(1)
    broken[0, 3, 2, 1, 0] = bad
    assert camera(broken, 0.0) is broken
    for each in (camera, calm):
        each(random_grid(0), 0.1)
    assert camera(broken, 0.2) is broken
    # As if the broken frame had never been.
    np.testing.assert_array_equal(camera(random_grid(2), 0.3), calm(random_grid(2), 0.3))


def test_values_too_large_to_subtract_do_not_stay():
    camera, huge = OneCamera(), np.full(SHAPE, 3e38, np.float32)
    camera(-huge, 0.0)
    assert camera(huge, 0.1) is huge
    assert np.isfinite(camera(random_grid(0), 0.2)).all()


def test_batch_axis_of_the_picture_is_no_matter():
    assert share_of_second(0.0, 0.1, (scene(0), scene(0)[np.newaxis])) < 0.2
    assert share_of_second(0.0, 0.1, (scene(0)[np.newaxis], scene(1)[np.newaxis])) == 1


def test_cameras_do_not_mix():
    left, right = OneCamera(), OneCamera()
    left(random_grid(0), 0.0)
    np.testing.assert_array_equal(right(random_grid(1), 0.1), random_grid(1))
