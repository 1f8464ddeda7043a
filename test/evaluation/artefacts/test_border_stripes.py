import cv2
import numpy as np
import pytest

from sim2real_ros.evaluation.artefacts.border_stripes import BorderStripes, side_steps
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame


def clipped(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def values(before, after):
    return BorderStripes().of_frame(EvaluatedFrame(SimFrame('a', before), after)).values


def with_line(image, side, depth, width, levels):
    """Side 0 is the top, 1 the right, 2 the bottom, 3 the left."""
    turned = np.rot90(image, side).astype(float)
    towards_grey = -1 if turned[depth : depth + width].mean() > 128 else 1
    turned[depth : depth + width] += towards_grey * levels
    return clipped(np.rot90(turned, -side))


def vignette(image):
    rows, columns = (np.linspace(-1, 1, length) ** 2 for length in image.shape[:2])
    return clipped(image * (1 - 0.3 * (rows[:, None] + columns[None]))[..., None])


HARMLESS = {
    'untouched': lambda image, random: image,
    'gamma 0.4': lambda image, random: clipped(255 * (image / 255) ** 0.4),
    'gamma 2.5': lambda image, random: clipped(255 * (image / 255) ** 2.5),
    'contrast': lambda image, random: clipped((image - 128.0) * 2 + 128),
    'tint': lambda image, random: clipped(image * [1.2, 0.5, 0.8] + [0, 60, -20]),
    'negative': lambda image, random: 255 - image,
    'noise': lambda image, random: clipped(image + random.normal(0, 10, image.shape)),
    'blur': lambda image, random: cv2.GaussianBlur(image, (0, 0), 2),
    'vignette': lambda image, random: vignette(image),
}


@pytest.mark.parametrize('change', HARMLESS.values(), ids=HARMLESS)
def test_harmless_changes_are_no_stripes(demo_drive, random, change):
    for image, _ in demo_drive[::3]:
        found = values(image, change(image, random))
        assert found['border_stripe_levels'] < 1.5
        assert found['border_stripes_share'] == 0


@pytest.mark.parametrize('side', range(4))
@pytest.mark.parametrize(('depth', 'width'), [(0, 1), (3, 2), (0, 8), (13, 1)])
def test_planted_lines_are_found_on_every_side(demo_drive, side, depth, width):
    for image, _ in demo_drive[::7]:
        found = values(image, with_line(image, side, depth, width, 20))
        assert 5 < found['border_stripe_levels'] <= 20.5
        assert found['border_stripes_share'] == 1


def test_the_number_is_the_height_of_the_step(random):
    even = clipped(128 + random.normal(0, 1, (200, 300, 3)))
    found = values(even, with_line(even, 3, 5, 2, 12))
    assert found['border_stripe_levels'] == pytest.approx(12, abs=1.5)


def test_lines_inside_of_the_picture_and_lines_of_the_input_do_not_count(random):
    even = clipped(128 + random.normal(0, 1, (200, 300, 3)))
    assert values(even, with_line(even, 0, 60, 2, 40))['border_stripes_share'] == 0
    lined = with_line(even, 0, 4, 2, 40)
    assert values(lined, clipped(lined * 1.3))['border_stripes_share'] == 0
    assert values(lined, even)['border_stripes_share'] == 0


def test_lines_over_the_whole_picture_are_no_matter_of_the_border(random):
    even = clipped(128 + random.normal(0, 1, (200, 300, 3)))
    lined = even.copy()
    lined[::5] += 30
    assert values(even, lined)['border_stripe_levels'] < 1.5


def test_stripes_that_reach_deep_into_the_picture_count(demo_drive):
    # Trained U-Nets draw rows of them, some weaker at the very border than 20 px behind it.
    image = demo_drive[0][0]
    depths = np.arange(40)
    heights = np.where(depths < 16, 12, 24) * (depths % 6 < 2)
    striped = image.astype(float)
    striped[:, -40:] += heights[::-1, None]
    assert 15 < values(image, clipped(striped))['border_stripe_levels'] < 30


def test_a_black_frame_around_the_picture_is_found(demo_drive):
    image = demo_drive[0][0]
    framed = image.copy()
    framed[:3] = framed[-3:] = 0
    framed[:, :3] = framed[:, -3:] = 0
    assert values(image, framed)['border_stripe_levels'] > 50


def test_side_steps_equal_a_loop(random):
    image = random.integers(0, 256, (50, 70, 3)).astype(np.uint8)
    top = image.astype(float).mean(axis=1)
    left = image.astype(float).mean(axis=0)
    for side, lines in enumerate((top, top[::-1], left, left[::-1])):
        naive = [max(abs(lines[row + 1] - lines[row])) for row in range(24)]
        np.testing.assert_allclose(side_steps(image)[side], naive)


@pytest.mark.parametrize('level', [0, 128, 255])
def test_constant_and_small_images_do_no_harm(level):
    for side in (16, 47, 48, 100):
        flat = np.full((side, side, 3), level, np.uint8)
        found = values(flat, flat)
        assert bool(found) == (side >= 48)
        assert all(value == 0 for value in found.values())
