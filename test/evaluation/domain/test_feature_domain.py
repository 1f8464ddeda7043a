import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.domain.feature_domain import feature_domain_values


def features(count, seed, shift=0.0, length=300):
    """Features that vary along a few directions, as those of networks do."""
    basis = np.random.default_rng(99).normal(size=(12, length))
    random = np.random.default_rng(seed)
    noise = 0.2 * random.normal(size=(count, length))
    return (random.normal(size=(count, 12)) @ basis + noise + shift).astype(np.float32)


def test_features_as_in_training_are_below_1_and_others_above():
    training = features(200, 1)
    same = feature_domain_values(training, features(300, 2))
    assert (same < 1).mean() > 0.95
    assert feature_domain_values(training, features(50, 3, shift=1.0)).min() > 1.3
    other = np.random.default_rng(0).normal(size=(50, 300)) * 4
    assert feature_domain_values(training, other).min() > 1.3


def test_the_unit_of_the_features_does_not_matter():
    training, others = features(100, 1), features(20, 2, shift=0.3)
    wanted = feature_domain_values(training, others)
    found = feature_domain_values(1000 * training + 7, 1000 * others + 7)
    np.testing.assert_allclose(found, wanted, rtol=1e-3)


@pytest.mark.parametrize(
    ('training', 'others', 'message'),
    [
        (features(49, 1), features(5, 2), '49 training frames are too few'),
        (features(60, 1), features(5, 2, length=299), 'cannot be compared'),
        (features(60, 1), features(5, 2)[0], 'cannot be compared'),
        (features(60, 1), np.full((5, 300), np.nan), 'must be finite'),
        (np.full((60, 300), np.inf), features(5, 2), 'must be finite'),
    ],
)
def test_features_that_cannot_be_compared_are_refused(training, others, message):
    with pytest.raises(DataError, match=message):
        feature_domain_values(training, others)


def test_no_features_give_no_values():
    assert feature_domain_values(features(60, 1), np.zeros((0, 300))).shape == (0,)
