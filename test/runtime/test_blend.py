import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.runtime.blend import (
    FULL_ROI,
    Blend,
    Blender,
    blend_reason,
    feather_weights,
    roi_slices,
)

SETTINGS = settings(max_examples=150, deadline=None)


def images(width, height, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (2, height, width, 3), dtype=np.uint8)


def naive_range(start, extent, length):
    """Return the first pixel of a region and the one behind its last."""
    first = min(round(start * length), length - 1)
    return first, max(first + 1, min(round((start + extent) * length), length))


def naive_weight(blend, x, y, width, height):
    """Return the translation's weight at one pixel, from the description of Blend alone."""
    left, right = naive_range(blend.roi[0], blend.roi[2], width)
    top, bottom = naive_range(blend.roi[1], blend.roi[3], height)
    if not (left <= x < right and top <= y < bottom):
        return 0.0
    distances = []
    if left > 0:
        distances.append(x + 0.5 - left)
    if right < width:
        distances.append(right - (x + 0.5))
    if top > 0:
        distances.append(y + 0.5 - top)
    if bottom < height:
        distances.append(bottom - (y + 0.5))
    ramp = min([1.0, *(d / blend.feather_px for d in distances)]) if blend.feather_px else 1.0
    return blend.strength * ramp


def naive_blend(blend, original, translated):
    height, width = original.shape[:2]
    result = np.empty(original.shape)
    for y in range(height):
        for x in range(width):
            weight = naive_weight(blend, x, y, width, height)
            result[y, x] = weight * translated[y, x] + (1 - weight) * original[y, x]
    return result


def apply(blend, original, translated):
    result = translated.copy()
    Blender(blend).apply(original, result)
    return result


@st.composite
def blends(draw):
    fraction = st.floats(0, 1)
    x, y = draw(st.floats(0, 0.99)), draw(st.floats(0, 0.99))
    roi = (x, y, max((1 - x) * draw(fraction), 1e-3), max((1 - y) * draw(fraction), 1e-3))
    roi = draw(st.sampled_from([FULL_ROI, roi, (0.0, y, 1.0, 1 - y), (x, 0.0, 1 - x, 1.0)]))
    feather_px = draw(st.sampled_from([0.0, 0.4, 1.0, 3.0, 7.5, 1000.0]))
    return Blend(draw(fraction), roi, feather_px)


@given(blends(), st.integers(1, 13), st.integers(1, 11))
@SETTINGS
def test_blend_equals_a_naive_computation(blend, width, height):
    original, translated = images(width, height)
    expected = naive_blend(blend, original, translated)
    result = apply(blend, original, translated)
    assert np.abs(result - expected).max() <= 1.0
    outside = expected == original
    assert (np.abs(result.astype(int) - original)[outside] <= 1).all()


@given(blends())
@SETTINGS
def test_pixels_outside_the_region_stay_as_they_were(blend):
    original, translated = images(24, 18)
    result = apply(blend, original, translated)
    rows, columns = roi_slices(blend.roi, (18, 24))
    outside = np.ones((18, 24), bool)
    outside[rows, columns] = False
    assert np.array_equal(result[outside], original[outside])


@given(blends())
@SETTINGS
def test_equal_images_stay_equal_whatever_the_weights(blend):
    original, _ = images(24, 18)
    assert np.abs(apply(blend, original, original).astype(int) - original).max() <= 1


def test_full_strength_everywhere_changes_nothing():
    original, translated = images(24, 18)
    translated.flags.writeable = False
    Blender(Blend()).apply(original, translated)
    assert Blend().keeps_translated
    assert not Blend(strength=0.99).keeps_translated
    assert not Blend(roi=(0.0, 0.5, 1.0, 0.5)).keeps_translated


@pytest.mark.parametrize('roi', [FULL_ROI, (0.25, 0.25, 0.5, 0.5)])
def test_no_strength_leaves_the_original(roi):
    original, translated = images(24, 18)
    blend = Blend(strength=0.0, roi=roi, feather_px=3)
    assert blend.keeps_original
    assert np.array_equal(apply(blend, original, translated), original)


def test_a_hard_region_is_exact():
    original, translated = images(20, 10)
    result = apply(Blend(roi=(0.0, 0.5, 1.0, 0.5)), original, translated)
    assert np.array_equal(result[:5], original[:5])
    assert np.array_equal(result[5:], translated[5:])


def test_the_feather_is_a_linear_ramp_inward():
    weights = feather_weights(Blend(roi=(0.2, 0.0, 0.6, 1.0), feather_px=4), (5, 50))
    assert weights.shape == (5, 30)
    ramp = [0.125, 0.375, 0.625, 0.875]
    assert np.allclose(weights[2], [*ramp, *[1.0] * 22, *reversed(ramp)])
    assert (weights == weights[0]).all()


def test_a_feather_wider_than_the_region_peaks_below_the_strength():
    weights = feather_weights(Blend(strength=0.5, roi=(0.4, 0.0, 0.2, 1.0), feather_px=8), (1, 20))
    assert np.allclose(weights, 0.5 * np.array([[0.5, 1.5, 1.5, 0.5]]) / 8)


@given(st.floats(0.0, 0.999), st.integers(1, 4000))
@SETTINGS
def test_borders_of_the_image_stay_hard(start, length):
    """Also where start + (1 - start) is not quite 1, or rounds to the image's first pixel."""
    blend = Blend(roi=(start, 0.0, 1.0 - start, 1.0), feather_px=5)
    row = feather_weights(blend, (1, length))[0]
    _, columns = roi_slices(blend.roi, (1, length))
    assert columns.stop == length
    assert (np.diff(row) >= 0).all()
    assert (row[0] == 1.0) == (columns.start == 0)


def test_corners_take_the_smaller_weight():
    weights = feather_weights(Blend(roi=(0.5, 0.5, 0.5, 0.5), feather_px=2), (8, 8))
    assert np.allclose(weights[:2, :2], [[0.25, 0.25], [0.25, 0.75]])


def test_the_weights_follow_the_size_of_the_image():
    blender = Blender(Blend(strength=0.5, roi=(0.0, 0.5, 1.0, 0.5), feather_px=2))
    for width, height in ((16, 12), (8, 20), (16, 12)):
        original, translated = images(width, height)
        expected = naive_blend(blender.blend, original, translated)
        blender.apply(original, translated)
        assert np.abs(translated - expected).max() <= 1.0


def test_a_strided_read_only_original_is_accepted():
    originals, translated = images(32, 10)[0], images(16, 10)[1]
    original = originals[:, ::2]
    original.flags.writeable = False
    for roi in (FULL_ROI, (0.0, 0.5, 1.0, 0.5), (0.5, 0.5, 0.5, 0.5)):
        blend = Blend(strength=0.3, roi=roi, feather_px=2)
        result = apply(blend, original, translated)
        assert np.abs(result - naive_blend(blend, original, translated)).max() <= 1.0


def test_a_strided_target_receives_the_blend():
    original, translated = images(16, 10)
    memory = np.zeros((10, 20, 3), np.uint8)
    for roi in (FULL_ROI, (0.0, 0.5, 1.0, 0.5)):
        target = memory[:, :16]
        target[:] = translated
        blend = Blend(strength=0.3, roi=roi, feather_px=2)
        Blender(blend).apply(original, target)
        assert np.abs(target - naive_blend(blend, original, translated)).max() <= 1.0
        assert not memory[:, 16:].any()


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 5000))
def test_regions_have_a_pixel_and_stay_inside(start, extent, length):
    rows, _ = roi_slices((0.0, start, 1.0, extent), (length, 1))
    assert 0 <= rows.start < rows.stop <= length


NAN = float('nan')


@pytest.mark.parametrize(
    ('strength', 'roi', 'feather_px', 'reason'),
    [
        (1.1, FULL_ROI, 0, r'strength must lie in 0\.\.1, not 1\.1'),
        (-0.1, FULL_ROI, 0, 'strength must lie'),
        (NAN, FULL_ROI, 0, 'strength must lie'),
        (1, (0, 0, 1), 0, r'roi must be \[x, y, width, height\]'),
        (1, (0, 0, 1, 0), 0, 'roi must lie inside the image'),
        (1, (0.5, 0, 0.6, 1), 0, 'roi must lie inside the image'),
        (1, (-0.1, 0, 0.5, 1), 0, 'roi must lie inside the image'),
        (1, (NAN, 0, 0.5, 1), 0, 'roi must lie inside the image'),
        (1, (0, 0, math.inf, 1), 0, 'roi must lie inside the image'),
        (1, FULL_ROI, -1, r'roi_feather_px must lie in 0\.\.10000'),
        (1, FULL_ROI, NAN, 'roi_feather_px must lie'),
        (1, FULL_ROI, math.inf, 'roi_feather_px must lie'),
    ],
)
def test_numbers_outside_their_range_are_refused(strength, roi, feather_px, reason):
    with pytest.raises(ValueError, match=reason):
        Blend(strength, roi, feather_px)


def test_rounding_errors_of_fractions_are_forgiven():
    assert blend_reason(1.0, (0.1 + 0.2, 0.0, 0.7, 1.0), 0.0) == ''
