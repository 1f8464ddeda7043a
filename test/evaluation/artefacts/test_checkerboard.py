import cv2
import numpy as np
import pytest

from sim2real_ros.evaluation.artefacts.checkerboard import (
    MIN_EXCESS_DB,
    Checkerboard,
    grid_of,
    median_spectrum,
)
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame


def clipped(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def jpeg(image, quality):
    _, content = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(content, cv2.IMREAD_COLOR)


def checkered(image, levels):
    rows, columns = np.indices(image.shape[:2])
    return clipped(image + levels * ((-1.0) ** (rows + columns))[..., None])


def striped(image, levels):
    return clipped(image + levels * ((-1.0) ** np.arange(image.shape[1]))[None, :, None])


def dotted(image, levels, period):
    rows, columns = np.indices(image.shape[:2])
    dots = (rows % period == 0) & (columns % period == 0)
    return clipped(image + levels * dots[..., None])


def transposed_convolution(image, random):
    """Stride 2 with a kernel of 3, whose weights are not quite those that overlap evenly."""
    sparse = np.zeros(image.shape, np.float32)
    sparse[::2, ::2] = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    kernel = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]) * random.uniform(0.9, 1.1, (3, 3))
    return clipped(cv2.filter2D(sparse, -1, kernel))


def halved_and_back(image):
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)


HARMLESS = {
    'untouched': lambda image, random: image,
    'jpeg 90': lambda image, random: jpeg(image, 90),
    'jpeg 50': lambda image, random: jpeg(image, 50),
    'jpeg 10': lambda image, random: jpeg(image, 10),
    'blur': lambda image, random: cv2.GaussianBlur(image, (0, 0), 1.5),
    'noise': lambda image, random: clipped(image + random.normal(0, 8, image.shape)),
    'gamma': lambda image, random: clipped(255 * (image / 255) ** 0.5),
    'enlarged': lambda image, random: halved_and_back(image),
}

DEFECTS = {
    'checkerboard of 1 level': lambda image, random: checkered(image, 1),
    'columns of 1 level': lambda image, random: striped(image, 1),
    'every second pixel': lambda image, random: dotted(image, 3, 2),
    'every fourth pixel': lambda image, random: dotted(image, 6, 4),
    'transposed convolution': transposed_convolution,
    'stored as JPEG': lambda image, random: jpeg(checkered(image, 4), 90),
}


def values(before, after):
    return Checkerboard().of_frame(EvaluatedFrame(SimFrame('a', before), after)).values


@pytest.mark.parametrize('change', HARMLESS.values(), ids=HARMLESS)
def test_harmless_changes_are_no_checkerboard(demo_drive, random, change):
    for image, _ in demo_drive[::5]:
        found = values(image, change(image, random))
        assert found['checkerboard_db'] < 15
        assert found['checkerboard_share'] == 0


@pytest.mark.parametrize('change', DEFECTS.values(), ids=DEFECTS)
def test_planted_patterns_are_found(demo_drive, random, change):
    for image, _ in demo_drive[::5]:
        found = values(image, change(image, random))
        assert found['checkerboard_db'] > MIN_EXCESS_DB
        assert found['checkerboard_share'] == 1


def test_enlargement_by_cubic_interpolation_stays_below_the_threshold(demo_drive):
    gains = []
    for image, _ in demo_drive[::3]:
        small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        large = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        found = values(image, large)
        assert found['checkerboard_share'] == 0
        gains.append(found['checkerboard_db'] - values(image, image)['checkerboard_db'])
    # Enough to count if the strength did not matter.
    assert max(gains) > 6


def test_noise_has_no_strength(random):
    noisy = clipped(128 + random.normal(0, 30, (256, 320, 3)))
    assert grid_of(noisy).levels == 0


def test_what_the_input_has_as_well_is_not_held_against_the_translation(demo_drive):
    image = checkered(demo_drive[0][0], 3)
    found = values(image, clipped(image * 0.9))
    assert found['checkerboard_db'] > MIN_EXCESS_DB
    assert found['checkerboard_share'] == 0


@pytest.mark.parametrize('pattern', [checkered, striped])
def test_strength_is_the_root_mean_square_of_the_pattern(random, pattern):
    smooth = clipped(cv2.GaussianBlur(random.uniform(0, 255, (256, 320, 3)), (0, 0), 9) + 10)
    for levels in (2, 5):
        assert grid_of(pattern(smooth, levels)).levels == pytest.approx(levels, rel=0.05)
    # 9/16 of a level where one of 16 pixels differs by 9: naive sum over the phases.
    phases = np.zeros((4, 4))
    phases[0, 0] = 9
    assert grid_of(dotted(smooth, 9, 4)).levels == pytest.approx(phases.std(), rel=0.05)


def test_invisible_patterns_do_not_count():
    flat = np.full((128, 128, 3), 100, np.uint8)
    flat[::32, ::32] = 101
    assert values(flat, flat)['checkerboard_share'] == 0
    assert grid_of(flat).levels < 0.1


def test_median_spectrum_is_that_of_numpy_for_equal_tiles(random):
    tile = random.integers(0, 256, (64, 64, 1)).astype(np.uint8).repeat(3, axis=2)
    image = np.tile(tile, (3, 4, 1))
    hann = np.hanning(65)[:-1]
    grey = tile[..., 0].astype(float)
    naive = np.abs(np.fft.fft2((grey - grey.mean()) * np.outer(hann, hann))) ** 2
    np.testing.assert_allclose(median_spectrum(image), naive, rtol=1e-3, atol=naive.max() * 1e-6)


@pytest.mark.parametrize('level', [0, 128, 255])
def test_constant_and_small_images_do_no_harm(level):
    for side in (16, 63, 64, 200):
        flat = np.full((side, side, 3), level, np.uint8)
        found = values(flat, flat)
        assert bool(found) == (side >= 64)
        assert all(value == 0 for value in found.values())


def test_half_the_resolution_is_judged_by_smaller_tiles(demo_drive):
    small = cv2.resize(demo_drive[0][0], (128, 96), interpolation=cv2.INTER_AREA)
    assert values(small, small)['checkerboard_share'] == 0
    assert values(small, checkered(small, 4))['checkerboard_share'] == 1
