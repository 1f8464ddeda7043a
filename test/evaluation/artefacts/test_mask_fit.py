import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim2real_ros.evaluation.artefacts.mask_fit import (
    MaskFit,
    best_shift,
    border_distances,
    borders,
    gradient_of,
    mask_fit_warning,
)
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.image.palette_png import decode_ids

DATA = Path(os.environ.get('SIM2REAL_DATA', Path(__file__).parents[4] / 'shared' / 'data'))


def summary(pairs):
    """Judge (image, mask) pairs; the translated image must not matter."""
    measure = MaskFit()
    rows = []
    for index, (image, mask) in enumerate(pairs):
        sim = SimFrame(str(index), image, mask=mask)
        rows.append(measure.of_frame(EvaluatedFrame(sim, np.zeros_like(image))).values)
    columns = {
        each.key: np.array([row.get(each.key, np.nan) for row in rows])
        for each in measure.quantities
    }
    return measure.summarise(Observations(columns))


def numbers(pairs):
    return {key: value.value for key, value in summary(pairs).items()}


def shifted(mask, right, down):
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = mask.shape[::-1]
    return cv2.warpAffine(
        mask, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )


@pytest.fixture
def scene(random):
    """Boxes of several classes on even ground, with their exact mask."""
    mask = np.zeros((240, 320), np.uint8)
    for label in range(1, 6):
        top, left = random.integers(20, 160), random.integers(20, 230)
        mask[top : top + 50, left : left + 60] = label
    colours = np.array(
        [[90] * 3, [200, 40, 40], [40, 180, 60], [30, 60, 190], [230] * 3, [20] * 3]
    )
    image = np.clip(colours[mask] + random.normal(0, 3, (240, 320, 3)), 0, 255).astype(np.uint8)
    return image, mask


def test_exact_masks_of_the_demo_drive_fit(demo_drive):
    found = summary(demo_drive)
    assert found['mask_border_distance_px'].value <= 1
    assert found['mask_displacement_px'].value <= 1
    assert found['mask_shift_gain'].value < 1.05
    assert found['mask_misfit_share'].value == 0
    assert mask_fit_warning(found) is None


@pytest.mark.parametrize('shift', [(5, -3), (-8, 6), (0, 11), (3, 0)])
def test_planted_shifts_are_found_exactly(demo_drive, scene, shift):
    for pairs in ([scene], demo_drive[::5]):
        moved = [(image, shifted(mask, *shift)) for image, mask in pairs]
        found = summary(moved)
        # What brings the mask back.
        assert found['mask_shift_x_px'].value == -shift[0]
        assert found['mask_shift_y_px'].value == -shift[1]
        assert found['mask_displacement_px'].value == pytest.approx(np.hypot(*shift))
        assert found['mask_shift_gain'].value > 1.1
        assert found['mask_misfit_share'].value > 0.9
        assert 'labels do not fit' in mask_fit_warning(found)


def test_masks_that_are_wider_than_their_pictures_are_found(demo_drive):
    # No shift repairs this.
    wide = [
        (image, cv2.resize(mask, None, fx=1.1, fy=1, interpolation=cv2.INTER_NEAREST)[:, 26:538])
        for image, mask in demo_drive[::4]
    ]
    found = summary(wide)
    assert found['mask_border_distance_px'].value > 2
    assert mask_fit_warning(found) is not None


def test_masks_of_other_frames_are_found(demo_drive):
    images, masks = zip(*demo_drive, strict=True)
    found = numbers(list(zip(images[:4], masks[7:11], strict=True)))
    assert found['mask_border_distance_px'] > 4
    assert found['mask_misfit_share'] > 0.9


@pytest.mark.parametrize(
    'change',
    [
        lambda image, random: image // 5,
        lambda image, random: 255 - image,
        lambda image, random: np.clip(image + random.normal(0, 8, image.shape), 0, 255),
        lambda image, random: cv2.GaussianBlur(image, (0, 0), 1.5),
    ],
    ids=['dark', 'negative', 'noise', 'blur'],
)
def test_the_look_of_the_picture_does_not_matter(demo_drive, random, change):
    pairs = [(change(image, random).astype(np.uint8), mask) for image, mask in demo_drive[::5]]
    assert numbers(pairs)['mask_misfit_share'] == 0
    moved = [(image, shifted(mask, 6, 4)) for image, mask in pairs]
    assert numbers(moved)['mask_misfit_share'] > 0.7


def test_a_single_misfit_does_not_warn(demo_drive):
    pairs = list(demo_drive[::2])
    pairs[0] = (pairs[0][0], shifted(pairs[0][1], 9, 9))
    found = summary(pairs)
    assert found['mask_misfit_share'].value == pytest.approx(1 / len(pairs))
    assert mask_fit_warning(found) is None


def test_warning_tells_the_numbers_and_is_silent_without_any(scene):
    image, mask = scene
    text = mask_fit_warning(summary([(image, shifted(mask, 7, 7))] * 4))
    assert '100% of 4 frames' in text
    assert '7.0 px' in text
    assert mask_fit_warning({}) is None


def test_large_images_are_judged_in_their_own_pixels(scene):
    image, mask = (
        cv2.resize(each, None, fx=5, fy=5, interpolation=cv2.INTER_NEAREST) for each in scene
    )
    found = numbers([(image, shifted(mask, 20, -10))])
    assert found['mask_shift_x_px'] == pytest.approx(-20, abs=2.5)
    assert found['mask_shift_y_px'] == pytest.approx(10, abs=2.5)
    assert 10 <= found['mask_border_distance_px'] <= 22
    assert found['mask_misfit_share'] == 1
    assert numbers([(image, mask)])['mask_misfit_share'] == 0


def test_borders_equal_a_loop(random):
    mask = random.integers(0, 2, (12, 9)).astype(np.uint8)
    padded = np.pad(mask, 1, mode='edge')
    naive = np.zeros(mask.shape, bool)
    for row in range(12):
        for column in range(9):
            here = padded[row + 1, column + 1]
            around = (
                padded[row, column + 1],
                padded[row + 2, column + 1],
                padded[row + 1, column],
                padded[row + 1, column + 2],
            )
            naive[row, column] = any(here != each for each in around)
    np.testing.assert_array_equal(borders(mask), naive)


def test_distance_across_a_straight_edge_is_its_displacement():
    image = np.zeros((80, 200, 3), np.uint8)
    image[:, 100:] = 200
    for moved in (0, 4, 9):
        mask = np.zeros((80, 200), np.uint8)
        mask[:, 100 + moved :] = 1
        distances = border_distances(gradient_of(image), mask)
        # The edge lies between two pixels, and both sides of the border are looked at.
        assert np.median(distances) == pytest.approx(moved, abs=1)
        # Along the line nothing is known, so the shortest shift is taken.
        assert best_shift(gradient_of(image), mask).y_px == 0


@pytest.mark.parametrize('falling', [-1, 1])
def test_distance_across_a_diagonal_edge_is_that_along_its_normal(falling):
    rows, columns = np.indices((120, 160))
    side = columns + falling * rows
    middle = 80 + falling * 60
    image = ((side > middle) * 200).astype(np.uint8)[..., None].repeat(3, axis=2)
    distances = border_distances(gradient_of(image), (side > middle + 8).astype(np.uint8))
    assert len(distances) > 100
    # 8 px to the right are 5.7 px across.
    assert np.median(distances) == pytest.approx(8 / np.sqrt(2), abs=1)


def test_nothing_is_said_where_nothing_is_seen(scene):
    image, mask = scene
    black, one_class = np.zeros_like(image), np.zeros_like(mask)
    tiny = (np.zeros((16, 16, 3), np.uint8), np.eye(16, dtype=np.uint8))
    for pair in [(black, mask), (image, one_class), tiny, (image, mask[:-1]), (image, None)]:
        assert summary([pair]) == {}


@pytest.mark.skipif(not (DATA / 'sim').is_dir(), reason=f'no {DATA}/sim: set SIM2REAL_DATA')
@pytest.mark.parametrize('folder', ['sim', 'sim_drive_seq'])
def test_the_displaced_masks_of_the_shared_data_warn(folder):
    files = sorted((DATA / folder / 'rgb').iterdir())[::40]
    pairs = [
        (
            cv2.cvtColor(cv2.imread(str(each)), cv2.COLOR_BGR2RGB),
            decode_ids((DATA / folder / 'mask' / f'{each.stem}.png').read_bytes()),
        )
        for each in files
    ]
    assert mask_fit_warning(summary(pairs)) is not None
