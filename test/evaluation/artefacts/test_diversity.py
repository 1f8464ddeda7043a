import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.artefacts.diversity import diversity

COUNT = 24


@pytest.fixture
def random():
    return np.random.default_rng(11)


@pytest.fixture
def scenes(random):
    """Small pictures of different layouts: a horizon, and a patch at another place in each."""
    images = np.full((COUNT, 16, 16, 3), 90.0)
    images[:, :6] += 80
    for image in images:
        top, left = random.integers(0, 11, 2)
        image[top : top + 6, left : left + 6] += random.uniform(-80, 80, 3)
    return images + random.normal(0, 2, images.shape)


def naive_ratio(inputs, outputs):
    def distance(first, second):
        parts = []
        for channel in range(first.shape[-1]):
            a, b = first[..., channel], second[..., channel]
            parts.append((a - a.mean()) / a.std() - (b - b.mean()) / b.std())
        return np.sqrt(np.mean(np.square(parts)) / 2)

    pairs = [(i, j) for i in range(len(inputs)) for j in range(i)]
    before = np.mean([distance(inputs[i], inputs[j]) for i, j in pairs])
    return np.mean([distance(outputs[i], outputs[j]) for i, j in pairs]) / before


def test_diversity_equals_pairwise_loop(scenes, random):
    outputs = scenes + random.normal(0, 30, scenes.shape)
    assert diversity(scenes, outputs).ratio == pytest.approx(naive_ratio(scenes, outputs))


def test_diversity_of_identity_is_1(scenes):
    result = diversity(scenes, scenes.copy())
    assert result.ratio == pytest.approx(1)
    assert result.reused == 0


@pytest.mark.parametrize(
    'transfer',
    [
        lambda x: 255 - x,
        lambda x: 0.2 * x + 150,
        lambda x: x * [1.2, 0.5, 0.8] + [0, 90, -30],
        lambda x: 255 * (np.clip(x, 0, 255) / 255) ** 0.4,
        lambda x: np.clip(2 * x - 120, 0, 255),
        lambda x: x @ np.array([[0.6, 0.2, 0.1], [0.3, 0.6, 0.2], [0.1, 0.2, 0.7]]),
        lambda x: np.clip(x * [1, 1, 0], 0, 255),
    ],
    ids=['inverted', 'low contrast', 'tint', 'gamma', 'clipped', 'mixed', 'no blue'],
)
def test_diversity_survives_strong_transfer_of_colours(scenes, transfer):
    result = diversity(scenes, transfer(scenes))
    assert 0.65 < result.ratio < 1.4
    assert result.reused == 0


@pytest.mark.parametrize(
    'change',
    [
        lambda one, random: one,
        lambda one, random: one * random.uniform(0.3, 1.1, (COUNT, 1, 1, 1)),
        lambda one, random: one + random.uniform(-60, 60, (COUNT, 1, 1, 3)),
        lambda one, random: one + random.normal(0, 1, one.shape),
        lambda one, random: np.full_like(one, 128),
        lambda one, random: np.full_like(one, 128) + random.normal(0, 0.1, one.shape),
    ],
    ids=['same', 'brightness', 'tint', 'noise', 'flat', 'nearly flat'],
)
def test_diversity_of_one_picture_is_0(scenes, random, change):
    outputs = change(np.repeat(scenes[3:4], COUNT, axis=0), random)
    result = diversity(scenes, outputs)
    assert result.ratio < 0.1
    assert result.reused == 1


def test_diversity_finds_few_pictures_used_for_all(scenes):
    # They differ from each other, so that the ratio alone sees nothing.
    outputs = scenes[np.arange(COUNT) % 3]
    result = diversity(scenes, outputs)
    assert result.ratio > 0.5
    assert result.reused == 1


def test_diversity_counts_the_share_that_is_reused(scenes):
    outputs = scenes.copy()
    outputs[:8] = scenes[20]
    # The eight, and the one whose own translation they repeat.
    assert diversity(scenes, outputs).reused == pytest.approx(9 / COUNT)


def test_diversity_lets_neighbours_in_time_be_alike(scenes, random):
    frames = np.repeat(scenes, 2, axis=0) + random.normal(0, 1, (2 * COUNT, 16, 16, 3))
    outputs = np.repeat(scenes, 2, axis=0)
    assert diversity(frames, outputs).reused == 0


def test_diversity_says_nothing_of_equal_inputs(scenes):
    inputs = np.repeat(scenes[:1], COUNT, axis=0)
    result = diversity(inputs, inputs)
    assert (result.ratio, result.reused) == (1, 0)


@pytest.mark.parametrize(
    ('inputs', 'outputs'),
    [
        (np.zeros((1, 4, 4, 3)), np.zeros((1, 4, 4, 3))),
        (np.zeros((3, 4, 4, 3)), np.zeros((2, 4, 4, 3))),
        (np.zeros((3, 4, 4)), np.zeros((3, 4, 4))),
    ],
)
def test_diversity_refuses_what_does_not_match(inputs, outputs):
    with pytest.raises(DataError, match='at least 2 images'):
        diversity(inputs, outputs)
