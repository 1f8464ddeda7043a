import numpy as np
import pytest

from sim2real_ros.evaluation.domain.subspace_fit import (
    ValueGroup,
    fit_subspace,
    held_out_distances,
    unit_and_usual,
)


def gaussian(count, deviations, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(count, len(deviations))) * deviations + 0.5


def test_components_are_the_eigenvectors_of_the_covariance():
    deviations = np.array([4.0, 3.0, 2.0, *[0.5] * 40])
    vectors = gaussian(400, deviations)
    space = fit_subspace(vectors)
    scaled = (vectors - space.mean) * space.scale
    values, rows = np.linalg.eigh(np.cov(scaled.T))
    rows *= np.sign(rows[np.abs(rows).argmax(axis=0), np.arange(43)])
    np.testing.assert_allclose(space.mean, vectors.mean(axis=0))
    np.testing.assert_allclose(space.variances, values[::-1][:24], rtol=1e-4)
    np.testing.assert_allclose(space.components, rows.T[::-1][:24], atol=1e-3)
    assert space.residual_variance == pytest.approx(values[::-1][24:].mean(), rel=1e-4)


def test_vectors_as_expected_are_as_far_away_as_their_length_says():
    space = fit_subspace(gaussian(3000, np.linspace(2, 0.5, 60)))
    squared = space.distances(gaussian(3000, np.linspace(2, 0.5, 60), seed=1)) ** 2
    assert squared.mean() == pytest.approx(60, rel=0.05)


def test_groups_count_alike_whatever_their_unit_and_length():
    vectors = gaussian(500, np.array([1.0] * 30 + [100.0] * 3))
    space = fit_subspace(vectors, (ValueGroup(30), ValueGroup(3)))
    scaled = (vectors - vectors.mean(axis=0)) * space.scale
    variances = scaled.var(axis=0, ddof=1)
    assert variances[:30].sum() == pytest.approx(1, rel=1e-4)
    assert variances[30:].sum() == pytest.approx(1, rel=1e-4)
    assert len(set(space.scale[:30])) == 1


@pytest.mark.parametrize(('count', 'kept'), [(2, 1), (20, 5), (96, 24), (500, 24)])
def test_few_vectors_give_few_components(count, kept):
    assert len(fit_subspace(gaussian(count, np.ones(40))).components) == kept


def test_components_have_a_sign_that_does_not_depend_on_the_library(monkeypatch):
    vectors = gaussian(60, np.linspace(2, 0.5, 30))
    wanted = fit_subspace(vectors).components
    eigh = np.linalg.eigh

    def flipped(matrix):
        values, columns = eigh(matrix)
        return values, -columns

    monkeypatch.setattr(np.linalg, 'eigh', flipped)
    np.testing.assert_array_equal(fit_subspace(vectors).components, wanted)


def test_the_unit_is_found_on_frames_that_the_subspace_does_not_know():
    vectors = gaussian(100, np.ones(200))
    known = fit_subspace(vectors).distances(vectors)
    unknown = held_out_distances(vectors)
    assert np.median(unknown) > 1.05 * np.median(known)
    fresh = fit_subspace(vectors).distances(gaussian(500, np.ones(200), seed=3))
    # What the held-out frames promise holds for new ones.
    unit, usual = unit_and_usual(unknown, 200)
    assert 0.95 < (fresh < unit).mean() <= 1
    assert np.median(fresh) == pytest.approx(usual, rel=0.05)


def test_blocks_are_neighbours():
    """Twenty places with ten frames each, nearly equal, which must not vouch for each other."""
    places = np.repeat(gaussian(20, np.ones(50)), 10, axis=0)
    vectors = places + 0.001 * gaussian(200, np.ones(50), seed=1)
    shuffled = vectors[np.random.default_rng(0).permutation(200)]
    in_order, mixed = (
        np.median(held_out_distances(vectors)),
        np.median(held_out_distances(shuffled)),
    )
    assert in_order > 3 * mixed


def test_the_unit_is_the_99_percent_quantile_but_no_less_than_expected():
    distances = np.arange(1001) / 10
    assert unit_and_usual(distances, 4) == pytest.approx((99.0, 50.0))
    assert unit_and_usual(np.zeros(100), 49) == pytest.approx((7.0, 0.001))


def test_a_tolerance_is_variance_that_the_vectors_need_not_show():
    """Against the textbook: the tolerated variance belongs into the covariance."""
    vectors = gaussian(400, np.array([1.0, 0.5, 1e-6, 0.2]))
    groups = (ValueGroup(3, tolerance=0.3), ValueGroup(1, tolerance=0.1))
    space = fit_subspace(vectors, groups)
    covariance = np.cov(vectors.T) + np.diag([0.09, 0.09, 0.09, 0.01])
    offset = np.array([[0.4, -0.3, 0.6, 0.1]])
    # Three components and one direction besides: no variance is averaged.
    wanted = np.sqrt(offset[0] @ np.linalg.inv(covariance) @ offset[0])
    assert space.distances(vectors.mean(axis=0) + offset) == pytest.approx(wanted)


def test_vectors_that_never_vary_have_a_subspace():
    space = fit_subspace(np.ones((20, 5)), (ValueGroup(5, tolerance=0.1),))
    assert space.distances(np.ones((1, 5))) == 0
    assert space.distances(np.ones((1, 5)) + 0.1) == pytest.approx(np.sqrt(5))
    alone = fit_subspace(np.ones((20, 1)))
    assert np.isfinite(alone.distances(np.zeros((1, 1))))
