"""The robot's colour correction."""

import cv2
import numpy as np
import pytest

from sim2real_ros.evaluation.perception.anti_instagram import (
    ColourBalanceOptions,
    balance_colours,
)

OLDER = ColourBalanceOptions(low_quantile=0.004, high_quantile=0.996)


def naive_balance(rgb, low=0.4, high=None):
    """Clamp each channel to its quantiles and stretch it, with OpenCV's normalize."""
    size = round(rgb.shape[1] * 0.2), round(rgb.shape[0] * 0.2)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_NEAREST)
    small = small[round(len(small) * 0.3) :]
    channels = []
    for channel in range(3):
        levels = sorted(small[..., channel].ravel().tolist())
        clamped = np.maximum(rgb[..., channel], levels[int(len(levels) * low)])
        if high is not None:
            clamped = np.minimum(clamped, levels[int(len(levels) * high)])
        channels.append(cv2.normalize(clamped, None, 0, 255, cv2.NORM_MINMAX))
    return np.stack(channels, axis=2)


@pytest.mark.parametrize('seed', range(5))
def test_it_is_what_opencv_makes_of_the_rule(seed):
    random = np.random.default_rng(seed)
    rgb = np.clip(random.normal((90, 110, 60), 35, (97, 131, 3)), 0, 255).astype(np.uint8)
    before = rgb.copy()
    balanced = balance_colours(rgb)
    assert np.array_equal(rgb, before)
    assert np.abs(balanced.astype(int) - naive_balance(rgb)).max() <= 1
    assert balanced.min() == 0
    assert balanced.max() == 255


def test_the_older_correction_cuts_a_few_pixels_at_both_ends():
    random = np.random.default_rng(8)
    rgb = np.clip(random.normal((90, 110, 60), 20, (97, 131, 3)), 0, 255).astype(np.uint8)
    balanced = balance_colours(rgb, OLDER)
    assert np.abs(balanced.astype(int) - naive_balance(rgb, 0.004, 0.996)).max() <= 1
    assert (balanced == 0).mean() < 0.03
    assert 0.001 < (balanced == 255).mean() < 0.03
    assert (balanced == 255).mean() > (balance_colours(rgb) == 255).mean()


def test_two_fifths_of_the_pixels_become_black():
    rgb = np.repeat(np.arange(200, dtype=np.uint8)[:, None, None], 50, axis=1).repeat(3, axis=2)
    everything = ColourBalanceOptions(scale=1.0, cut_top_share=0.0)
    assert (balance_colours(rgb, everything)[..., 0] == 0).mean() == pytest.approx(0.405)


def test_the_sky_does_not_count():
    rgb = np.full((100, 100, 3), 40, np.uint8)
    rgb[50:, 50:] = 90
    bright_sky = rgb.copy()
    bright_sky[:29] = 90
    assert np.array_equal(balance_colours(rgb)[30:], balance_colours(bright_sky)[30:])


def test_a_tint_is_taken_away():
    random = np.random.default_rng(3)
    grey = random.integers(60, 200, (120, 160, 1)).repeat(3, axis=2)
    tinted = np.clip(grey * [0.6, 0.9, 1.0] + [10, 0, 20], 0, 255).astype(np.uint8)
    balanced = balance_colours(tinted).astype(int)
    assert np.abs(balanced - balanced.mean(axis=2, keepdims=True)).max() < 4
    assert np.abs(tinted - tinted.mean(axis=2, keepdims=True)).max() > 30


@pytest.mark.parametrize('level', [0, 77, 255])
@pytest.mark.parametrize('shape', [(1, 1), (16, 16), (3, 50)])
def test_constant_images_become_black_as_with_opencv(level, shape):
    with np.errstate(all='raise'):
        assert balance_colours(np.full((*shape, 3), level, np.uint8)).max() == 0


@pytest.mark.parametrize(
    'wrong', [{'scale': 0.0}, {'scale': 1.5}, {'cut_top_share': 1.0}, {'low_quantile': -0.1}]
)
def test_options_without_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r'must be|expected 0 <= low_quantile'):
        ColourBalanceOptions(**wrong)
