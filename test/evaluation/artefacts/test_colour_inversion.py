import cv2
import numpy as np
import pytest

from sim2real_ros.evaluation.artefacts.colour_inversion import ColourInversion, correlation
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame


def clipped(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def values(before, after):
    return ColourInversion().of_frame(EvaluatedFrame(SimFrame('a', before), after)).values


def night(image):
    """A black sky, and a road that is lit from the front."""
    light = np.clip((np.arange(len(image)) / len(image) - 0.25) * 2, 0.02, 1)
    return clipped(image * light[:, None, None] * [0.7, 0.8, 1.0])


def equalised(image):
    colours = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    colours[..., 0] = cv2.equalizeHist(colours[..., 0])
    return cv2.cvtColor(colours, cv2.COLOR_YCrCb2RGB)


HARMLESS = {
    'untouched': lambda image, random: image,
    'gamma 0.4': lambda image, random: clipped(255 * (image / 255) ** 0.4),
    'gamma 2.5': lambda image, random: clipped(255 * (image / 255) ** 2.5),
    'low contrast': lambda image, random: clipped(image * 0.3 + 90),
    'high contrast': lambda image, random: clipped((image - 128.0) * 2 + 128),
    'tint': lambda image, random: clipped(image * [1.2, 0.5, 0.8] + [0, 60, -20]),
    'night': lambda image, random: night(image),
    'day': lambda image, random: clipped(night(image) * 2.5 + 20),
    'equalised': lambda image, random: equalised(image),
    'noise': lambda image, random: clipped(image + random.normal(0, 20, image.shape)),
}

INVERTED = {
    'negative': lambda image, random: 255 - image,
    'weak negative': lambda image, random: clipped(160 - 0.4 * image),
    'noisy negative': lambda image, random: clipped(
        200 - 0.6 * image + random.normal(0, 20, image.shape)
    ),
}


@pytest.mark.parametrize('change', HARMLESS.values(), ids=HARMLESS)
def test_harmless_changes_are_no_inversion(demo_drive, random, change):
    for image, _ in demo_drive[::4]:
        found = values(image, change(image, random))
        assert found['local_luminance_correlation'] > 0.6
        assert found['local_chroma_correlation'] > 0.5
        assert found['inverted_frames_share'] == 0


@pytest.mark.parametrize('change', INVERTED.values(), ids=INVERTED)
def test_negatives_are_found(demo_drive, random, change):
    for image, _ in demo_drive[::4]:
        found = values(image, change(image, random))
        assert found['local_luminance_correlation'] < -0.9
        assert found['local_chroma_correlation'] < -0.7
        assert found['inverted_frames_share'] == 1


def test_exchanged_red_and_blue_turn_the_chroma_around_alone(demo_drive):
    for image, _ in demo_drive[::4]:
        found = values(image, image[..., ::-1].copy())
        assert found['local_chroma_correlation'] < -0.3
        assert found['local_luminance_correlation'] > 0.9


def test_a_sky_that_turns_dark_above_the_same_road_is_no_inversion(demo_drive):
    for image, _ in demo_drive[::4]:
        changed = image.copy()
        changed[: len(image) // 3] = 255 - changed[: len(image) // 3]
        assert values(image, changed)['inverted_frames_share'] == 0


def test_grey_pictures_have_no_chroma(demo_drive):
    image = demo_drive[0][0]
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    for found in (values(image, grey), values(grey, image)):
        assert 'local_chroma_correlation' not in found
        assert found['local_luminance_correlation'] > 0.95


def test_correlation_equals_pearson_where_nothing_is_clipped(random):
    first = random.uniform(-9, 9, (20, 30, 1)).astype(np.float32)
    second = (random.uniform(-9, 9, (20, 30, 1)) + first).astype(np.float32)
    pearson = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    assert correlation(first, second) == pytest.approx(pearson, abs=0.02)


@pytest.mark.parametrize('level', [0, 128, 255])
def test_constant_images_say_nothing(demo_drive, level):
    flat = np.full((16, 16, 3), level, np.uint8)
    assert values(flat, flat) == {}
    assert values(demo_drive[0][0][:16, :16], flat) == {}
