"""Pixel scores of colour thresholds."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from road_view import road

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.colours.thresholds import (
    ColourThresholds,
    HsvRange,
    LineColour,
    load_thresholds,
)
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.evaluation.perception.threshold_scores import ThresholdScores, key_suffixes

ROOT = Path(__file__).resolve().parents[3]
REAL, SIMULATED = (
    load_thresholds(ROOT / 'config' / 'perception' / f'duckietown_{name}.yaml')
    for name in ('real', 'sim')
)
BRIGHT = ColourThresholds(
    'bright', {'bright': LineColour((HsvRange((0, 0, 128), (180, 255, 255)),), (7, 9))}
)
DATA = Path(os.environ.get('SIM2REAL_DATA', ROOT.parent / 'shared' / 'data'))


def frame(rgb, mask, name='a'):
    return EvaluatedFrame(SimFrame(name, rgb, mask=mask), rgb)


def observed(measure, frames):
    """Return what the engine would hand to summarise."""
    seen = [measure.of_frame(each).values for each in frames]
    keys = {key for each in seen for key in each}
    return Observations({key: np.array([each.get(key, np.nan) for each in seen]) for key in keys})


def random_frames(count, seed=0):
    random = np.random.default_rng(seed)
    return [
        frame(
            random.integers(0, 256, (40, 24, 3), np.uint8),
            random.choice(np.array([0, 7, 8, 9], np.uint8), (40, 24)),
            str(number),
        )
        for number in range(count)
    ]


def naive_counts(frames, first_row):
    """Count (tp, fp, fn) pixel by pixel; bright is what HSV calls value: the largest channel."""
    counts = []
    for each in frames:
        tp = fp = fn = 0
        for row in range(first_row, 40):
            for column in range(24):
                found = max(each.translated[row, column]) >= 128
                labelled = each.sim.mask[row, column] in (7, 9)
                tp += found and labelled
                fp += found and not labelled
                fn += labelled and not found
        counts.append((tp, fp, fn))
    return counts


@pytest.mark.parametrize('share', [0.0, 0.25])
def test_scores_are_those_counted_pixel_by_pixel(share):
    frames = random_frames(3)
    measure = ThresholdScores([BRIGHT], cut_top_share=share)
    seen = observed(measure, frames)
    counts = naive_counts(frames, int(40 * share))

    for number, (tp, fp, fn) in enumerate(counts):
        assert seen.values['precision_bright'][number] == pytest.approx(tp / (tp + fp))
        assert seen.values['recall_bright'][number] == pytest.approx(tp / (tp + fn))
        assert seen.values['f1_bright'][number] == pytest.approx(2 * tp / (2 * tp + fp + fn))
        assert seen.values['iou_bright'][number] == pytest.approx(tp / (tp + fp + fn))
    tp, fp, fn = np.sum(counts, axis=0)
    summary = measure.summarise(seen)
    assert summary['f1_bright'].value == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert summary['iou_bright'].value == pytest.approx(tp / (tp + fp + fn))
    assert summary['precision_bright'].value == pytest.approx(tp / (tp + fp))
    assert summary['recall_bright'].value == pytest.approx(tp / (tp + fn))
    assert summary['f1_bright'].count == 3


def test_pixels_are_pooled_over_frames():
    small_and_right, large_and_wrong = np.zeros((2, 100, 100, 3), np.uint8)
    masks = np.zeros((2, 100, 100), np.uint8)
    small_and_right[50, :10], masks[0, 50, :10] = 255, 7
    large_and_wrong[40:, :], masks[1, 30, 0:90] = 255, 7
    frames = [frame(small_and_right, masks[0]), frame(large_and_wrong, masks[1], 'b')]
    measure = ThresholdScores([BRIGHT])
    summary = measure.summarise(observed(measure, frames))
    assert summary['recall_bright'].value == pytest.approx(10 / 100)
    assert summary['precision_bright'].value == pytest.approx(10 / 6010)
    assert summary['recall_bright'].low == 0
    assert summary['recall_bright'].high == 1


def test_perfect_pictures_have_perfect_scores_and_dark_paint_is_not_found():
    rgb, mask = road(0.0, 0.0)
    exact = np.zeros_like(rgb)
    exact[mask == 2], exact[mask == 3] = (240, 240, 240), (230, 200, 20)
    dark = (exact * 0.4).astype(np.uint8)
    measure = ThresholdScores([REAL])
    perfect, bad = (measure.of_frame(frame(each, mask)).values for each in (exact, dark))
    assert perfect['f1_white'] == perfect['f1_yellow'] == perfect['iou_yellow'] == 1
    assert bad['f1_white'] == bad['recall_white'] == bad['f1_yellow'] == 0
    assert 'precision_white' not in bad
    assert not {'f1_red', 'recall_red', 'precision_red', 'iou_red'} & set(perfect)


def test_a_hue_shift_costs_yellow_and_a_little_noise_costs_nothing():
    rgb, mask = road(0.02, 0.1)
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 6) % 180  # from hue 23 to hue 29
    real_hue = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    noise = np.random.default_rng(0).integers(-2, 3, rgb.shape)
    noisy = np.clip(real_hue + noise, 0, 255).astype(np.uint8)
    measure = ThresholdScores([REAL, SIMULATED])
    raw, shifted, noised = (
        measure.of_frame(frame(each, mask)).values for each in (rgb, real_hue, noisy)
    )
    assert raw['f1_yellow_sim'] > 0.8 > 0.1 > raw['f1_yellow_real']
    assert shifted['f1_yellow_real'] > 0.8
    assert noised['f1_yellow_real'] == pytest.approx(shifted['f1_yellow_real'], abs=0.02)


@pytest.mark.parametrize('level', [0, 128, 255])
@pytest.mark.parametrize('shape', [(16, 16), (17, 90)])
def test_constant_images_and_empty_masks_say_nothing_wrong(level, shape):
    rgb = np.full((*shape, 3), level, np.uint8)
    measure = ThresholdScores([REAL])
    seen = observed(measure, [frame(rgb, np.zeros(shape, np.uint8))] * 2)
    summary = measure.summarise(seen)
    assert all(np.isfinite(each.value) for each in summary.values())
    assert ('precision_white' in summary) == (level == 255)
    assert 'recall_white' not in summary


def test_colours_without_ids_are_left_out():
    unlabelled = ColourThresholds('u', {'white': LineColour(REAL.colours['white'].ranges)})
    assert ThresholdScores([unlabelled]).quantities == ()


def test_a_mask_of_another_size_is_refused():
    rgb, mask = road(0, 0)
    with pytest.raises(ImageError, match=r'511x384.*512x384'):
        ThresholdScores([REAL]).of_frame(frame(rgb, mask[:, 1:]))
    with pytest.raises(ValueError, match='cut_top_share'):
        ThresholdScores([REAL], cut_top_share=1.0)


@pytest.mark.parametrize(
    ('names', 'suffixes'),
    [
        (['duckietown_real'], ['']),
        (['duckietown_real', 'duckietown_sim'], ['_real', '_sim']),
        (['Robot A', 'robot-b'], ['_a', '_b']),
        (['mine', 'mine_too'], ['_mine', '_mine_too']),
        (['a b', 'a_b'], ['_b_1', '_b_2']),
        (['é', 'ü'], ['_1', '_2']),
    ],
)
def test_keys_tell_thresholds_apart(names, suffixes):
    assert key_suffixes([ColourThresholds(name, {}) for name in names]) == suffixes


def test_keys_are_unique_and_described():
    quantities = ThresholdScores([REAL, SIMULATED]).quantities
    assert len({each.key for each in quantities}) == len(quantities) == 24
    assert 'f1_yellow_real' in {each.key for each in quantities}


@pytest.mark.skipif(not (DATA / 'sim' / 'rgb').is_dir(), reason='no data in SIM2REAL_DATA')
def test_raw_simulated_frames_have_the_known_scores():
    frames = []
    for path in sorted((DATA / 'sim' / 'rgb').glob('*.jpg'))[::5]:
        bgr = cv2.imread(str(path))
        mask = cv2.imread(str(DATA / 'sim' / 'mask' / f'{path.stem}.png'), cv2.IMREAD_UNCHANGED)
        frames.append(frame(np.ascontiguousarray(bgr[..., ::-1]), mask, path.name))
    measure = ThresholdScores([REAL])
    summary = measure.summarise(observed(measure, frames))
    scores = {colour: summary[f'f1_{colour}'].value for colour in ('white', 'yellow', 'red')}
    expected = {'white': 0.49, 'yellow': 0.15, 'red': 0.26}
    assert {colour: round(each, 2) for colour, each in scores.items()} == expected
