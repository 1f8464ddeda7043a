import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.distribution.feature_statistics import FeatureStatistics


def rows(count, dimensions=6, seed=0, mean=0.0):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(dimensions, dimensions))
    return (random.normal(size=(count, dimensions)) @ mixing + mean).astype(np.float32)


def statistics(features, **options):
    result = FeatureStatistics(features.shape[1], **options)
    result.add(features)
    return result


@pytest.mark.parametrize('count', [2, 255, 256, 257, 900])
def test_mean_and_covariance_are_those_of_numpy(count):
    features = rows(count)
    found = statistics(features, sample=10)
    assert found.count == count
    exact = features.astype(np.float64)
    np.testing.assert_allclose(found.mean, exact.mean(axis=0), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.covariance, np.cov(exact, rowvar=False), rtol=1e-10)


def test_covariance_survives_a_large_mean():
    # Sums of squares would lose all digits: mean 3e6, deviation 1, float64 has 16.
    random = np.random.default_rng(0)
    features = np.round(random.normal(size=(1000, 3)) * 4) / 4 + 2.0**21
    expected = np.cov(features, rowvar=False)
    np.testing.assert_allclose(statistics(features).covariance, expected, rtol=1e-9, atol=1e-9)


def test_results_do_not_depend_on_how_rows_are_handed_over():
    features = rows(1000)
    whole = statistics(features, sample=40, seed=3)
    singly = FeatureStatistics(6, sample=40, seed=3)
    for row in features:
        singly.add(row)
    parts = FeatureStatistics(6, sample=40, seed=3)
    for part in np.array_split(features, 7):
        parts.add(part)
    for other in (singly, parts):
        np.testing.assert_array_equal(other.covariance, whole.covariance)
        np.testing.assert_array_equal(other.mean, whole.mean)
        np.testing.assert_array_equal(other.sample, whole.sample)


def test_reading_between_rows_changes_nothing_but_rounding():
    features = rows(200)
    read = FeatureStatistics(6, sample=50)
    for begin in range(0, 200, 30):
        read.add(features[begin : begin + 30])
        _ = read.mean, read.covariance, read.sample
    whole = statistics(features, sample=50)
    np.testing.assert_allclose(read.covariance, whole.covariance, rtol=1e-12)
    np.testing.assert_array_equal(read.sample, whole.sample)


def test_small_sets_are_kept_whole_and_in_order():
    features = rows(40)
    np.testing.assert_array_equal(statistics(features, sample=40).sample, features)
    np.testing.assert_array_equal(statistics(features).sample, features)
    assert FeatureStatistics(6).sample.shape == (0, 6)


def test_samples_are_uniform_and_in_order():
    numbers = np.arange(60, dtype=np.float32)[:, None]
    hits = np.zeros(60)
    for seed in range(2000):
        sample = statistics(numbers, sample=6, seed=seed).sample[:, 0]
        assert (np.diff(sample) > 0).all()
        hits[sample.astype(int)] += 1
    # Each row is kept in 200 of 2000 samples, give or take sqrt(2000 * 0.1 * 0.9) = 13.
    assert hits.sum() == 6 * 2000
    assert np.abs(hits - 200).max() < 5 * 13.4
    assert np.sqrt(np.square(hits - 200).mean()) < 1.3 * 13.4


def test_the_first_row_to_be_dropped_is_any():
    pair = np.arange(2, dtype=np.float32)[:, None]
    kept = [statistics(pair, sample=1, seed=seed).sample[0, 0] for seed in range(400)]
    assert np.mean(kept) == pytest.approx(0.5, abs=0.1)


def test_samples_depend_on_the_seed():
    features = rows(300)
    first, again, other = (statistics(features, sample=20, seed=s).sample for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_memory_does_not_grow_with_rows():
    found = FeatureStatistics(6, sample=20)
    for seed in range(20):
        found.add(rows(100, seed=seed))
    assert len(found._kept) == len(found._kept_numbers) == 20
    assert len(found._waiting) < 256


@pytest.mark.parametrize(
    ('count', 'dimensions', 'sample'),
    [(4, 9, 100), (9, 9, 100), (40, 9, 100), (40, 9, 5), (4, 9, 2)],
)
def test_square_roots_give_the_covariance(count, dimensions, sample):
    found = statistics(rows(count, dimensions), sample=sample)
    root = found.square_root()
    assert found.square_root() is root
    if sample < count:
        assert len(root) == min(count - 1, dimensions)
    assert len(root) <= max(count, dimensions)
    np.testing.assert_allclose(root.T @ root, found.covariance, atol=1e-10)


def test_square_roots_follow_new_rows():
    features = rows(40)
    found = statistics(features[:20])
    found.square_root()
    found.add(features[20:])
    root = found.square_root()
    np.testing.assert_allclose(root.T @ root, found.covariance, atol=1e-10)


def test_kept_rows_do_not_hold_on_to_their_batch():
    batch = rows(10)
    found = FeatureStatistics(6)
    found.add(batch)
    before = found.sample
    batch[:] = 0
    np.testing.assert_array_equal(found.sample, before)


@pytest.mark.parametrize('wrong', [np.zeros((2, 5)), np.zeros(5), np.zeros((1, 1, 6))])
def test_rows_of_another_length_are_refused(wrong):
    with pytest.raises(DataError, match='expected rows of 6 values'):
        FeatureStatistics(6).add(wrong)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused(value):
    found = FeatureStatistics(6)
    with pytest.raises(DataError, match='NaN or infinite'):
        found.add(np.full((1, 6), value))
    assert found.count == 0


def test_rows_that_no_kernel_could_cube_are_refused():
    found = FeatureStatistics(6)
    found.add(np.full(6, -1e9))
    for value in (-1.1e9, 3e38):
        with pytest.raises(DataError, match=r'features reach .*expected numbers within \+-1e\+09'):
            found.add(np.full(6, value))
    assert found.count == 1


def test_one_row_has_no_covariance():
    found = statistics(rows(1))
    for ask in (lambda: found.covariance, found.square_root):
        with pytest.raises(DataError, match='at least 2'):
            ask()
