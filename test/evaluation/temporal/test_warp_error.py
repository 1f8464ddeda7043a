import cv2
import numpy as np
import pytest

from sim2real_ros.evaluation.frame import EvaluatedFrame, Previous, SimFrame
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.evaluation.temporal.input_motion import input_motion
from sim2real_ros.evaluation.temporal.warp_error import WarpError


def clipped(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@pytest.fixture(scope='module')
def sims(demo_frames):
    """Shared by the tests of this file, so that motion is estimated once."""
    return [SimFrame(str(index), each) for index, each in enumerate(demo_frames)]


def observed(sims, outputs):
    measure = WarpError()
    return [
        measure.of_frame(EvaluatedFrame(sim, output, Previous(before, output_before))).values
        for before, sim, output_before, output in zip(
            sims, sims[1:], outputs, outputs[1:], strict=False
        )
    ]


def summary(sims, outputs):
    rows = observed(sims, outputs)
    keys = {key for row in rows for key in row}
    columns = {key: np.array([row.get(key, np.nan) for row in rows]) for key in keys}
    found = WarpError().summarise(Observations(columns))
    return {key: value.value for key, value in found.items()}


def images(sims):
    return [each.image for each in sims]


def test_untouched_frames_are_as_steady_as_themselves(sims):
    found = summary(sims, images(sims))
    assert found['warp_error_ratio'] == pytest.approx(1, abs=1e-6)
    assert 2 < found['warp_error_levels'] < 15


def test_warp_error_equals_its_definition(sims, random):
    outputs = [clipped(each + random.normal(0, 9, each.shape)) for each in images(sims)]
    (row, *_) = observed(sims, outputs)
    motion = input_motion(sims[0].image, sims[1].image)
    warped = cv2.remap(outputs[0].astype(np.float64) / 255, motion.source, None, cv2.INTER_LINEAR)
    squares = (outputs[1] / 255 - warped)[motion.visible] ** 2
    assert row['warp_error'] == pytest.approx(squares.mean(), rel=1e-3)
    assert row['warp_error_levels'] == pytest.approx(255 * np.sqrt(squares.mean()), rel=1e-3)


@pytest.mark.parametrize(
    'transfer',
    [
        lambda image: clipped(image * 0.3 + 90),
        lambda image: clipped((image - 90.0) * 1.5 + 90),
        lambda image: 255 - image,
        lambda image: clipped(image * [1.2, 0.5, 0.8] + [0, 60, -20]),
    ],
    ids=['low contrast', 'high contrast', 'negative', 'tint'],
)
def test_a_fixed_transfer_of_colours_keeps_the_ratio(sims, transfer):
    found = summary(sims, [transfer(each) for each in images(sims)])
    assert found['warp_error_ratio'] == pytest.approx(1, abs=0.15)


DEFECTS = {
    'brightness': lambda image, index, random: clipped(image * 0.7 + 38 + 8 * (-1) ** index),
    'noise': lambda image, index, random: clipped(image + random.normal(0, 12, image.shape)),
    'tint': lambda image, index, random: clipped(
        image * [1 + 0.08 * (-1) ** index, 1, 1 - 0.08 * (-1) ** index]
    ),
}


@pytest.mark.parametrize('defect', DEFECTS.values(), ids=DEFECTS)
def test_planted_flicker_raises_it(sims, random, defect):
    outputs = [defect(each, index, random) for index, each in enumerate(images(sims))]
    found = summary(sims, outputs)
    assert found['warp_error_ratio'] > 1.5
    assert found['warp_error'] > 1.5 * summary(sims, images(sims))['warp_error']


def test_texture_that_sticks_to_the_screen_and_frozen_outputs_raise_it(sims, random):
    shape = sims[0].image.shape
    pattern = cv2.GaussianBlur(random.normal(0, 1, shape), (0, 0), 3) * 150
    stuck = [clipped(each * 0.8 + 25 + pattern) for each in images(sims)]
    assert summary(sims, stuck)['warp_error_ratio'] > 1.4
    assert summary(sims, images(sims)[:1] * len(sims))['warp_error_ratio'] > 3


def test_the_ratio_of_a_drive_is_that_of_the_sums(sims, random):
    outputs = [clipped(each + random.normal(0, 9, each.shape)) for each in images(sims)]
    rows = observed(sims, outputs)
    own = sum(row['relative_square'] for row in rows)
    inputs = sum(row['input_relative_square'] for row in rows)
    ratio = summary(sims, outputs)['warp_error_ratio']
    assert ratio == pytest.approx(np.sqrt(own / inputs))
    singles = [row['warp_error_ratio'] for row in rows]
    assert min(singles) < ratio < max(singles)


def test_a_standing_camera_has_no_ratio(sims):
    still = [SimFrame('a', sims[0].image), SimFrame('b', sims[0].image)]
    (row,) = observed(still, images(sims)[:2])
    assert 'warp_error_ratio' not in row
    assert row['warp_error_levels'] > 10


@pytest.mark.parametrize('level', [0, 255])
def test_constant_small_and_unequal_frames_do_no_harm(level):
    flat = np.full((16, 16, 3), level, np.uint8)
    two = [SimFrame('a', flat), SimFrame('b', flat)]
    assert summary(two, [flat, flat]) == {'warp_error': 0, 'warp_error_levels': 0}
    larger = [SimFrame('c', flat), SimFrame('d', np.zeros((32, 32, 3), np.uint8))]
    assert summary(larger, images(larger)) == {}
    assert WarpError().of_frame(EvaluatedFrame(two[0], flat)).values == {}
