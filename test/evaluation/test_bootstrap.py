import numpy as np
import pytest

from sim2real_ros.evaluation import bootstrap
from sim2real_ros.evaluation.bootstrap import (
    bootstrap_mean,
    bootstrap_statistic,
    interval,
    resample_counts,
    resampled_means,
    value_with_interval,
)
from sim2real_ros.evaluation.quantity import Value


def test_the_mean_is_the_naive_percentile_bootstrap():
    values = np.random.default_rng(0).normal(3, 2, 37)
    random = np.random.default_rng(5)
    means = [values[random.integers(0, 37, 37)].mean() for _ in range(1000)]
    low, high = np.percentile(means, [2.5, 97.5])
    found = bootstrap_mean(values, seed=5)
    assert (found.value, found.count) == (values.mean(), 37)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_the_interval_is_about_two_standard_errors_wide_to_each_side():
    found = bootstrap_mean(np.random.default_rng(1).normal(0, 1, 2000))
    assert found.high - found.low == pytest.approx(2 * 1.96 / 2000**0.5, rel=0.1)


@pytest.mark.parametrize('number', [0.1, 1.0, 1 / 3, 0.0])
def test_equal_values_have_an_interval_without_width(number):
    found = bootstrap_mean(np.full(49, number))
    assert found.low == found.value == found.high == pytest.approx(number)


def test_one_value_has_no_interval():
    assert bootstrap_mean(np.array([2.0])) == Value(2.0, 1)
    assert bootstrap_statistic(lambda rows: 3.0, 1) == Value(3.0, 1)


def test_a_statistic_sees_the_same_samples_as_the_mean():
    values = np.random.default_rng(2).normal(size=50)
    mean = bootstrap_mean(values, seed=3)
    statistic = bootstrap_statistic(lambda rows: float(values[rows].mean()), 50, seed=3)
    assert (statistic.low, statistic.high) == pytest.approx((mean.low, mean.high), rel=1e-12)
    other = bootstrap_statistic(lambda rows: float(values[rows].mean()), 50, seed=4)
    assert other.low != statistic.low


def test_samples_without_the_number_are_passed_unless_they_are_most():
    def often(rows):
        return 1.0 if 0 in rows else float('nan')  # 1 - 1 / e of the samples

    assert bootstrap_statistic(often, 20) == Value(1.0, 20, 1.0, 1.0)
    assert interval(np.array([np.nan] * 6 + [1.0] * 4)) is None
    assert interval(np.array([np.nan] * 4 + [1.0] * 6)) == (1.0, 1.0)
    assert value_with_interval(2.0, 9, np.full(1000, np.nan)) == Value(2.0, 9)


def test_counts_are_those_of_samples_with_replacement():
    counts = resample_counts(300, resamples=400, seed=1)
    assert (counts.dtype, counts.shape) == (np.float64, (400, 300))
    assert (counts.sum(axis=1) == 300).all()
    # Poisson(1) in the limit.
    assert (counts == 0).mean() == pytest.approx(np.exp(-1), abs=0.01)
    counts[:] = 0  # a caller may write to what it got
    assert resample_counts(300, resamples=400, seed=1).sum() == 400 * 300


def test_the_number_of_samples_may_be_changed_later(monkeypatch):
    assert resample_counts(5).shape == (1000, 5)
    monkeypatch.setattr(bootstrap, 'RESAMPLES', 50)
    assert resample_counts(5).shape == (50, 5)
    assert resampled_means(np.ones((5, 2))).shape == (50, 2)


def test_means_of_columns_with_holes():
    values = np.random.default_rng(6).normal(size=(40, 3))
    values[::2, 1] = np.nan
    values[1:, 2] = np.nan
    found = resampled_means(values, seed=2)
    counts = resample_counts(40, seed=2)
    np.testing.assert_allclose(found[:, 0], counts @ values[:, 0] / 40)
    odd = counts[:, 1::2]
    np.testing.assert_allclose(found[:, 1], odd @ values[1::2, 1] / odd.sum(axis=1))
    assert (np.isnan(found[:, 2]) == (counts[:, 0] == 0)).all()
