import numpy as np
import pytest

from sim2real_ros.evaluation.frame import EvaluatedFrame, Previous, SimFrame
from sim2real_ros.evaluation.temporal.flicker import Flicker


def clipped(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def values(before, after, output_before, output_after):
    previous = Previous(SimFrame('a', before), output_before)
    return Flicker().of_frame(EvaluatedFrame(SimFrame('b', after), output_after, previous)).values


@pytest.fixture
def pair(demo_frames):
    return demo_frames[2], demo_frames[3]


STEADY = {
    'untouched': (lambda image: image, 1e-6),
    'low contrast': (lambda image: clipped(image * 0.3 + 90), 0.5),
    'high contrast, clipped': (lambda image: clipped((image - 128.0) * 2 + 128), 0.5),
    'tint': (lambda image: clipped(image * [1.2, 0.5, 0.8] + [0, 60, -20]), 0.7),
    'negative': (lambda image: 255 - image, 0.01),
    'gamma': (lambda image: clipped(255 * (image / 255) ** 0.5), 0.7),
    'mixed channels': (
        lambda image: clipped(image @ np.array([[0.6, 0.2, 0.1], [0.3, 0.5, 0.2], [0, 0.2, 0.6]])),
        0.5,
    ),
}


@pytest.mark.parametrize(('transfer', 'most'), STEADY.values(), ids=STEADY)
def test_a_fixed_transfer_of_colours_is_no_flicker(pair, transfer, most):
    found = values(*pair, *map(transfer, pair))
    assert found['colour_corrected_flicker_levels'] <= most
    assert found['brightness_flicker_levels'] < 0.1


def test_flicker_equals_its_definition(pair, random):
    outputs = [clipped(each + random.normal(0, 20, each.shape)) for each in pair]
    change = outputs[1].astype(float) - outputs[0] - (pair[1].astype(float) - pair[0])
    assert values(*pair, *outputs)['flicker_levels'] == pytest.approx(np.abs(change).mean())


@pytest.mark.parametrize('amplitude', [1, 3, 10])
def test_brightness_that_goes_up_and_down_has_the_known_value(pair, amplitude):
    before, after = (clipped(each * 0.6 + 50) for each in pair)
    found = values(*pair, before - np.uint8(amplitude), after + np.uint8(amplitude))
    assert found['colour_corrected_flicker_levels'] == pytest.approx(2 * amplitude, rel=0.15)
    assert found['brightness_flicker_levels'] == pytest.approx(2 * amplitude, rel=0.05)
    untouched = values(*pair, *pair)
    assert max(untouched.values()) < 1e-6


def test_brightness_flicker_of_a_standing_scene_is_exact():
    grey = np.full((40, 60, 3), 100, np.uint8)
    found = values(grey, grey, grey - 4, grey + 4)
    assert found == {
        'flicker_levels': 8,
        'colour_corrected_flicker_levels': pytest.approx(8),
        'brightness_flicker_levels': pytest.approx(8),
        'frozen_input_change_levels': 8,
    }


def test_noise_is_flicker_but_no_flicker_of_the_whole_picture(pair, random):
    outputs = [clipped(each * 0.6 + 50 + random.normal(0, 6, each.shape)) for each in pair]
    found = values(*pair, *outputs)
    # The mean absolute difference of two normal variables is 2 sigma / sqrt(pi).
    expected = 2 * 6 / np.sqrt(np.pi)
    assert found['colour_corrected_flicker_levels'] == pytest.approx(expected, rel=0.05)
    assert found['brightness_flicker_levels'] < 0.2


def test_a_change_of_one_colour_alone_is_found(pair):
    tints = ([1.06, 1, 0.94], [0.94, 1, 1.06])
    outputs = [clipped(each * tint) for each, tint in zip(pair, tints, strict=True)]
    found = values(*pair, *outputs)
    assert found['colour_corrected_flicker_levels'] > 5


def test_equal_inputs_must_give_equal_outputs(pair):
    first, second = pair
    assert values(first, first, second, second)['frozen_input_change_levels'] == 0
    expected = np.abs(first.astype(float) - second).mean()
    found = values(first, first, first, second)
    assert found['frozen_input_change_levels'] == pytest.approx(expected)
    nearly = first.copy()
    nearly[0, 0, 0] ^= 1
    assert 'frozen_input_change_levels' not in values(first, nearly, first, second)


@pytest.mark.parametrize('level', [0, 255])
def test_constant_small_and_unequal_frames_do_no_harm(pair, level):
    flat = np.full((16, 16, 3), level, np.uint8)
    assert set(values(flat, flat, flat, flat).values()) == {0}
    assert values(flat, pair[0], flat, pair[0]) == {}
    assert Flicker().of_frame(EvaluatedFrame(SimFrame('a', flat), flat)).values == {}


def test_grey_pictures_do_no_harm(pair):
    grey = [each[..., :1].repeat(3, axis=2) for each in pair]
    found = values(*grey, *(each // 2 for each in grey))
    assert found['colour_corrected_flicker_levels'] < 0.5
