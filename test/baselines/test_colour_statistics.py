import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real_ros.baselines.colour_space import COLOUR_SPACES
from sim2real_ros.baselines.colour_statistics import ColourStatistics, sample_pixels
from sim2real_ros.baselines.even_sample import EvenSample
from sim2real_ros.errors import DataError


def merged(parts):
    total = ColourStatistics.empty()
    for part in parts:
        total += ColourStatistics.of(part)
    return total


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 1000))
def test_streaming_equals_all_at_once(sizes, seed):
    generator = np.random.default_rng(seed)
    parts = [generator.uniform(0, 255, (size, 3)) for size in sizes]
    pixels = np.concatenate(parts)
    total = merged(parts)
    assert total.count == len(pixels)
    if len(pixels) > 1:
        assert np.allclose(total.mean, pixels.mean(axis=0))
        assert np.allclose(total.covariance, np.cov(pixels.T))
        assert np.allclose(total.std, pixels.std(axis=0, ddof=1))


def test_merging_stays_exact_far_from_zero():
    pixels = 1e9 + np.random.default_rng(0).normal(0, 1, (10_000, 3))
    covariance = merged(np.array_split(pixels, 100)).covariance
    assert np.allclose(covariance, np.cov((pixels - 1e9).T), rtol=1e-6)


def test_known_moments():
    total = merged([np.array([[0.0, 0, 0]]), np.array([[2.0, 4, 0]])])
    assert total.mean.tolist() == [1, 2, 0]
    assert total.covariance.tolist() == [[2, 4, 0], [4, 8, 0], [0, 0, 0]]


def test_no_pixel_has_no_covariance_and_one_pixel_has_none_to_speak_of():
    with pytest.raises(DataError, match='No pixel was seen'):
        _ = ColourStatistics.empty().covariance
    assert not ColourStatistics.of(np.ones((1, 3))).covariance.any()


def test_sample_leaves_out_the_top_and_keeps_to_the_budget():
    image = np.zeros((100, 200, 3), np.uint8)
    image[:50] = 255
    assert sample_pixels(image, skip_top=0.5, max_pixels=0).shape == (50 * 200, 3)
    assert not sample_pixels(image, skip_top=0.5).any()
    sample = sample_pixels(image, max_pixels=1000)
    assert 500 <= len(sample) <= 1000
    assert sample.mean() == pytest.approx(127.5)
    assert len(sample_pixels(image[:1, :1], skip_top=0.99)) == 1


@pytest.mark.parametrize('space', COLOUR_SPACES.values(), ids=COLOUR_SPACES)
def test_every_space_has_an_exact_inverse(space):
    levels = np.arange(0, 256, 15.0)
    rgb = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    assert np.allclose(space.to_rgb(space.from_rgb(rgb)), rgb, atol=1e-6)


def test_cielab_of_known_colours():
    # Values of the sRGB primaries under D65, as published with the standard.
    known = {
        (255, 255, 255): (100, 0, 0),
        (0, 0, 0): (0, 0, 0),
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
    }
    for rgb, lab in known.items():
        found = COLOUR_SPACES['cielab'].from_rgb(np.array(rgb, dtype=float))
        assert np.allclose(found, lab, atol=0.03)


def test_lalphabeta_follows_the_paper():
    rgb = np.array([100.0, 50.0, 200.0])
    lms = [
        0.3811 * 100 + 0.5783 * 50 + 0.0402 * 200,
        0.1967 * 100 + 0.7244 * 50 + 0.0782 * 200,
        0.0241 * 100 + 0.1288 * 50 + 0.8444 * 200,
    ]
    long, medium, short = np.log10((np.array(lms) + 1) / 255)
    wanted = [
        (long + medium + short) / np.sqrt(3),
        (long + medium - 2 * short) / np.sqrt(6),
        (long - medium) / np.sqrt(2),
    ]
    assert np.allclose(COLOUR_SPACES['lalphabeta'].from_rgb(rgb), wanted)


@pytest.mark.parametrize('length', [1, 5, 9, 10, 100, 1000])
def test_even_sample_covers_the_stream(length):
    sample = EvenSample(5)
    for item in range(length):
        sample.add(item)
    assert min(length, 5) <= len(sample.items) < 10
    steps = np.diff(sample.items)
    assert len(set(steps)) <= 1
    assert sample.items[0] == 0
    assert sample.items[-1] >= length - 1 - (steps[0] if len(steps) else 0)
