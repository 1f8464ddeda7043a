import cv2
import numpy as np
import pytest
import structure_scenes as scenes

from sim2real_ros.evaluation.structure.block_displacement import BlockDisplacement
from sim2real_ros.evaluation.structure.block_search import (
    BLOCK_PX,
    MIN_SLOPE,
    block_grid,
    block_shifts,
    slope_lengths,
)
from sim2real_ros.evaluation.structure.view import structure_view

MEDIAN, P95 = 'block_median_displacement_px', 'block_p95_displacement_px'
MOVED, LOST = 'moved_blocks_share', 'lost_blocks_share'


def found(sim, translated):
    return scenes.values(BlockDisplacement(), sim, translated)


def with_moved_part(image, by_px, centre=(150, 270), spread_px=50):
    """Move the surroundings of one place to the right, less and less with the distance."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    squares = np.square(columns - centre[0]) + np.square(rows - centre[1])
    moved = columns - by_px * np.exp(-squares / (2 * spread_px**2))
    return cv2.remap(image, moved.astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=1)


def test_grid_keeps_blocks_with_structure_only():
    image = scenes.road(objects=((120, 90),))[0]
    grid = block_grid(structure_view(image))
    assert len(grid.corners)
    energies = {
        tuple(corner): np.square(
            grid.lengths[corner[0] : corner[0] + BLOCK_PX, corner[1] : corner[1] + BLOCK_PX]
        ).mean()
        for corner in grid.corners
    }
    assert min(energies.values()) >= MIN_SLOPE**2 * 0.999
    # Between line and cone there is plain ground.
    assert not any(row < 120 and 50 < column < 70 for row, column in energies)


def test_same_image_and_cosmetic_changes_move_nothing():
    for image, _ in scenes.drive()[:2]:
        changes = {'same': lambda rgb: rgb, 'negative': lambda rgb: 255 - rgb, **scenes.COSMETIC}
        for name, change in changes.items():
            values = found(image, change(image))
            assert (values[MEDIAN], values[P95]) == (0, 0), name
            assert values[MOVED] < 0.01, name
            assert values[LOST] < 0.01, name


@pytest.mark.parametrize(('right', 'down'), [(4, 0), (0, -5), (8, 6), (-13, 0)])
def test_shift_is_measured(right, down):
    image = scenes.drive()[0][0]
    values = found(image, scenes.shifted(image, right, down))
    # Straight edges tell only how far they moved across; so some blocks show less.
    assert values[MEDIAN] == pytest.approx(np.hypot(right, down), abs=0.5)
    assert values[P95] == pytest.approx(np.hypot(right, down), abs=1)
    assert values[MOVED] > 0.6


def test_each_block_of_textured_scenes_shows_the_shift():
    image = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (200, 260, 3), np.uint8), (0, 0), 2
    )
    image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
    lengths, frame_px = slope_lengths(structure_view(scenes.shifted(image, 5, -3)))
    assert frame_px == 1
    shifts = block_shifts(block_grid(structure_view(image)), lengths)
    assert len(shifts) > 100
    assert np.abs(shifts - (-3, 5)).max() < 0.3


def test_local_movement_shows_where_the_median_does_not():
    image = scenes.drive()[0][0]
    values = found(image, with_moved_part(image, 10))
    assert values[MEDIAN] == 0
    assert values[P95] > 3
    assert 0.03 < values[MOVED] < 0.4


def test_moved_object_shows():
    before, _ = scenes.road(objects=((60, 120), (170, 60)))
    after, _ = scenes.road(objects=((60, 120), (162, 60)))
    assert found(before, before)[MOVED] == 0
    assert found(before, after)[MOVED] > 0.05


def test_larger_warps_move_more():
    image = scenes.drive()[2][0]
    values = [found(image, scenes.warped(image, px, 40)) for px in (1, 3, 6)]
    for key in (MEDIAN, P95, MOVED):
        numbers = [each[key] for each in values]
        assert numbers == sorted(numbers)
        assert numbers[2] > numbers[0]
    assert values[2][MEDIAN] == pytest.approx(6, abs=3)


def test_displacement_of_shrunk_images_is_in_pixels_of_the_frame():
    image = np.kron(scenes.drive()[1][0], np.ones((2, 2, 1), np.uint8))
    assert found(image, scenes.shifted(image, 10))[MEDIAN] == pytest.approx(10, abs=0.7)


def test_what_is_gone_is_lost_not_moved():
    image = scenes.drive()[0][0]
    half = image.copy()
    half[:, 256:] = 120
    values = found(image, half)
    assert values[LOST] == pytest.approx(0.5, abs=0.15)
    assert values[MEDIAN] == 0
    assert found(image, np.full_like(image, 120)) == {LOST: 1.0}
    assert found(image, scenes.drive()[1][0])[LOST] > 0.3


@pytest.mark.parametrize('name', scenes.featureless())
def test_images_with_little_in_them_give_no_nan(name):
    values = found(*scenes.featureless()[name])
    assert not any(np.isnan(value) for value in values.values())
    if name in ('small', 'small to black', 'black', 'thin'):
        assert values == {}


def test_a_line_drawn_beside_an_old_one_moves_nothing():
    image = np.full((192, 256, 3), 60, np.uint8)
    for row in range(20, 190, 34):
        cv2.line(image, (0, row), (255, row), (105, 105, 105), 3)
        cv2.line(image, (0, row - 8), (255, row + 6), (80, 80, 80), 2)
    stronger = image.copy()
    for row in range(20, 190, 34):
        # Twins of the grey line, 9 px below; the old one is still there, but fits worse.
        cv2.line(stronger, (0, row + 9), (255, row + 9), (200, 200, 200), 3)
    grid = block_grid(structure_view(image))
    lengths, _ = slope_lengths(structure_view(stronger))
    seems_moved = np.hypot(*block_shifts(grid, lengths).T) > 3
    assert seems_moved.mean() > 0.05
    assert found(image, stronger)[MOVED] < 0.3 * seems_moved.mean()
