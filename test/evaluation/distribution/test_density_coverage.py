import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.distribution.density_coverage import density_coverage


def naive(candidate, real, k):
    """Count pair by pair, as in the paper."""
    radii = []
    for i, x in enumerate(real):
        others = sorted(np.linalg.norm(x - y) for j, y in enumerate(real) if i != j)
        radii.append(others[k - 1])
    inside = [
        [np.linalg.norm(x - y) < radius for y in candidate]
        for x, radius in zip(real, radii, strict=True)
    ]
    return np.sum(inside) / (k * len(candidate)), np.mean([any(row) for row in inside])


@pytest.fixture
def random():
    return np.random.default_rng(7)


@pytest.mark.parametrize('k', [1, 3, 5])
@pytest.mark.parametrize('offset', [0.0, 300.0])
def test_density_and_coverage_equal_a_double_loop(random, k, offset):
    real, candidate = random.normal(size=(40, 4)), random.normal(0.4, 0.7, size=(25, 4))
    found = density_coverage(candidate + offset, real + offset, k=k)
    assert (found.density, found.coverage) == pytest.approx(naive(candidate, real, k))


def test_density_and_coverage_work_in_blocks(random, monkeypatch):
    real, candidate = random.normal(size=(40, 4)), random.normal(size=(33, 4))
    expected = density_coverage(candidate, real)
    base = 'sim2real_ros.evaluation.distribution'
    for module in ('density_coverage', 'neighbours'):
        monkeypatch.setattr(f'{base}.{module}._BLOCK', 7)
    assert density_coverage(candidate, real) == expected


def test_density_and_coverage_by_hand():
    # Radii with k = 1: 1, 1, 2. Candidates at 0.5 (in two), 100 (in none).
    real = np.array([[0.0], [1.0], [3.0]])
    found = density_coverage(np.array([[0.5], [100.0]]), real, k=1)
    assert found.density == 2 / 2
    assert found.coverage == 2 / 3


def test_one_distribution_has_density_one_and_the_expected_coverage(random):
    found = [
        density_coverage(random.normal(size=(200, 8)), random.normal(size=(200, 8)))
        for _ in range(8)
    ]
    # Naeem et al.: 1 - prod_{i=1..k} (N - i) / (N + M - i).
    steps = np.arange(1, 6)
    expected = 1 - np.prod((200 - steps) / (400 - steps))
    assert np.mean([each.coverage for each in found]) == pytest.approx(expected, abs=0.02)
    assert np.mean([each.density for each in found]) == pytest.approx(1, abs=0.06)


def test_collapse_is_dense_and_covers_little(random):
    real = random.normal(size=(200, 8))
    collapsed = real[:1] * 0 + random.normal(0, 0.01, size=(200, 8))
    found = density_coverage(collapsed, real)
    assert found.density > 1.5
    assert found.coverage < 0.6


def test_coverage_counts_lost_modes(random):
    modes = [random.normal(place, 1, size=(100, 8)) for place in (0, 40)]
    real = np.concatenate(modes)
    found = density_coverage(random.normal(0, 1, size=(200, 8)), real)
    assert found.coverage == pytest.approx(0.5, abs=0.02)
    assert found.density == pytest.approx(1, abs=0.2)


def test_images_from_elsewhere_have_neither(random):
    found = density_coverage(random.normal(50, 1, size=(30, 8)), random.normal(size=(60, 8)))
    assert (found.density, found.coverage) == (0, 0)


def test_equal_sets_cover_everything(random):
    real = random.normal(size=(60, 8))
    found = density_coverage(real, real)
    assert found.coverage == 1
    # Each of the other k - 1 inside, and itself; the k-th lies on the rim.
    assert found.density == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ('candidate', 'real', 'message'),
    [
        (np.zeros((0, 3)), np.zeros((9, 3)), 'too few'),
        (np.zeros((9, 3)), np.zeros((5, 3)), 'expected at least 1 and 6'),
        (np.zeros((9, 3)), np.zeros((9, 4)), 'of one network'),
        (np.zeros(3), np.zeros((9, 3)), 'of one network'),
    ],
)
def test_density_refuses(candidate, real, message):
    with pytest.raises(DataError, match=message):
        density_coverage(candidate, real)
