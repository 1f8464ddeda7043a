import numpy as np
import pytest
import torch
from cleanfid.fid import frechet_distance as clean_fid
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torchmetrics.image.fid import _compute_fid

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.distribution.feature_statistics import FeatureStatistics
from sim2real_ros.evaluation.distribution.frechet_distance import frechet_distance


def statistics(features, **options):
    result = FeatureStatistics(features.shape[1], **options)
    result.add(features)
    return result


def sets(first=400, second=300, dimensions=24, seed=0):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(2, dimensions, dimensions)) / np.sqrt(dimensions)
    one = random.normal(size=(first, dimensions)) @ mixing[0]
    other = random.normal(size=(second, dimensions)) @ (mixing[0] + 0.5 * mixing[1]) + 0.2
    return one.astype(np.float32), other.astype(np.float32)


@pytest.mark.filterwarnings('ignore:The `disp` argument:DeprecationWarning')
@pytest.mark.parametrize('sample', [5000, 20])
def test_distance_equals_three_other_programs(sample):
    first, second = (statistics(each, sample=sample) for each in sets())
    found = frechet_distance(first, second)
    numbers = (first.mean, first.covariance, second.mean, second.covariance)
    assert found == pytest.approx(clean_fid(*numbers), rel=1e-6)
    tensors = [torch.from_numpy(each) for each in numbers]
    assert found == pytest.approx(float(_compute_fid(*tensors)), rel=1e-6)
    theirs = fid_statistics_to_metric(
        {'mu': numbers[0], 'sigma': numbers[1]}, {'mu': numbers[2], 'sigma': numbers[3]}, False
    )
    assert found == pytest.approx(theirs['frechet_inception_distance'], rel=1e-6)


def nuclear(first, second):
    """Compute the distance of few rows from the rows: no covariance, no root."""
    one, other = (
        (each - each.mean(axis=0)) / np.sqrt(len(each) - 1)
        for each in (first.astype(np.float64), second.astype(np.float64))
    )
    shift = first.astype(np.float64).mean(axis=0) - second.astype(np.float64).mean(axis=0)
    cross = np.linalg.svd(one @ other.T, compute_uv=False).sum()
    return shift @ shift + np.square(one).sum() + np.square(other).sum() - 2 * cross


@pytest.mark.parametrize(('first', 'second'), [(10, 12), (10, 300), (300, 10), (2, 2), (24, 25)])
@pytest.mark.parametrize('sample', [5000, 2])
def test_distance_of_fewer_images_than_features(first, second, sample):
    one, other = sets(first, second)
    found = frechet_distance(statistics(one, sample=sample), statistics(other, sample=sample))
    assert found == pytest.approx(nuclear(one, other), rel=1e-6)


def with_moments(mean, covariance, count=40, seed=0):
    """Return rows whose sample mean and covariance are exactly these."""
    random = np.random.default_rng(seed)
    white = random.normal(size=(count, len(mean)))
    white -= white.mean(axis=0)
    root = np.linalg.cholesky(np.linalg.inv(np.cov(white, rowvar=False)))
    return white @ root @ np.linalg.cholesky(np.asarray(covariance)).T + mean


def test_distance_of_gaussians_in_closed_form():
    # Diagonal covariances commute: the sum of squared differences of deviations.
    first = with_moments([1.0, 2.0, 3.0], np.diag([1.0, 4.0, 9.0]))
    second = with_moments([1.0, 0.0, 7.0], np.diag([4.0, 4.0, 1.0]), 60, 1)
    expected = (2**2 + 4**2) + (1 - 2) ** 2 + 0 + (3 - 1) ** 2
    assert frechet_distance(statistics(first), statistics(second)) == pytest.approx(
        expected, rel=1e-5
    )


def test_distance_of_a_shift_is_its_square():
    first, _ = sets()
    shifted = first + np.float32(0.5)
    found = frechet_distance(statistics(first), statistics(shifted))
    assert found == pytest.approx(24 * 0.25, rel=1e-5)


@pytest.mark.parametrize('count', [5, 24, 300])
@pytest.mark.parametrize('sample', [5000, 2])
def test_distance_of_equal_sets_is_zero_in_any_order(count, sample):
    first, _ = sets(count)
    shuffled = np.random.default_rng(1).permutation(first)
    for other in (first, shuffled):
        found = frechet_distance(
            statistics(first, sample=sample), statistics(other, sample=sample)
        )
        assert 0 <= found < 1e-6


def test_distance_is_symmetric_and_grows_with_the_shift():
    first, second = sets()
    there = frechet_distance(statistics(first), statistics(second))
    back = frechet_distance(statistics(second), statistics(first))
    assert there == pytest.approx(back, rel=1e-9)
    found = [
        frechet_distance(statistics(first), statistics(second + np.float32(shift)))
        for shift in (0, 1, 2)
    ]
    assert found == sorted(found)


def test_distance_of_constant_features_is_that_of_the_means():
    first, second = np.zeros((5, 3), np.float32), np.full((7, 3), 2, np.float32)
    assert frechet_distance(statistics(first), statistics(second)) == pytest.approx(12)
    assert frechet_distance(statistics(first, sample=2), statistics(second)) == pytest.approx(12)


def test_distance_refuses_what_it_cannot_compare():
    first, second = sets()
    with pytest.raises(DataError, match='features of 24 and of 3 values'):
        frechet_distance(statistics(first), statistics(second[:, :3]))
    with pytest.raises(DataError, match='at least 2'):
        frechet_distance(statistics(first), statistics(second[:1]))
