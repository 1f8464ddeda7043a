import numpy as np
import pytest
from cleanfid.fid import kernel_distance as clean_fid_kid
from torch_fidelity.metric_kid import kernel_mmd

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.distribution.kernel_distance import (
    clean_fid_subset_size,
    kernel_distance,
    squared_mmd,
)


def naive_squared_mmd(first, second):
    """Sum kernel values pair by pair, as in the definition."""

    def kernel(x, y):
        return (sum(float(a) * float(b) for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def within(rows):
        pairs = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return sum(kernel(rows[i], rows[j]) for i, j in pairs) / len(pairs)

    across = [kernel(x, y) for x in first for y in second]
    return within(first) + within(second) - 2 * sum(across) / len(across)


@pytest.fixture
def random():
    return np.random.default_rng(5)


def test_kernel_distance_of_one_value_by_hand():
    # k(x, y) = (xy + 1)^3. Within {0, 1}: 1; within {2, 3}: 343; across: 1, 1, 27, 64.
    first, second = np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])
    expected = 1 + 343 - 2 * (1 + 1 + 27 + 64) / 4
    assert squared_mmd(first, second) == pytest.approx(expected)
    result = kernel_distance(first, second, subset_size=2, subsets=3)
    assert result.mean == pytest.approx(expected)
    assert result.std == pytest.approx(0, abs=1e-12)


def test_kernel_distance_equals_double_loop(random):
    first, second = random.normal(size=(6, 5)), random.normal(0.7, 2, size=(9, 5))
    assert squared_mmd(first, second) == pytest.approx(naive_squared_mmd(first, second))


def test_kernel_distance_averages_over_subsets(random):
    first, second = random.normal(size=(12, 4)), random.normal(1, 1, size=(7, 4))
    result = kernel_distance(first, second, subsets=400, subset_size=3)
    whole = squared_mmd(first, second)
    # The mean over subsets estimates the same number; its own error is std / sqrt(subsets).
    assert result.mean == pytest.approx(whole, abs=4 * result.std / 20)
    assert result.std > 0
    assert (result.subsets, result.subset_size) == (400, 3)


def test_kernel_distance_has_no_bias_for_one_distribution(random):
    values = [
        squared_mmd(random.normal(size=(20, 8)), random.normal(size=(30, 8))) for _ in range(300)
    ]
    standard_error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 3 * standard_error
    assert min(values) < 0 < max(values)
    # The biased estimate, with the diagonals, would lie many standard errors above.
    assert standard_error < 0.02


def test_kernel_distance_grows_with_the_shift(random):
    first = random.normal(size=(100, 16)).astype(np.float32)
    second = random.normal(size=(100, 16)).astype(np.float32)
    means = [kernel_distance(first, second + shift).mean for shift in (0.0, 0.3, 1.0)]
    assert abs(means[0]) < 0.1 < means[1] < means[2]


def test_kernel_distance_defaults_to_half_of_the_smaller_set(random):
    first, second = random.normal(size=(30, 4)), random.normal(size=(11, 4))
    assert kernel_distance(first, second, subsets=2).subset_size == 5
    many = np.zeros((2400, 1))
    assert kernel_distance(many, many, subsets=1).subset_size == 1000
    assert kernel_distance(first[:2], second[:3], subsets=2).subset_size == 2


def test_kernel_distance_depends_on_the_seed_alone(random):
    first, second = random.normal(size=(30, 4)), random.normal(size=(30, 4))
    assert kernel_distance(first, second, seed=3) == kernel_distance(first, second, seed=3)
    assert kernel_distance(first, second, seed=3) != kernel_distance(first, second, seed=4)


def test_kernel_distance_of_float32_is_computed_in_float64(random):
    # Large features: cubes near 1e12, whose differences float32 would lose.
    first = (random.normal(size=(50, 8)) + 100).astype(np.float32)
    second = (random.normal(size=(50, 8)) + 100).astype(np.float32)
    exact = squared_mmd(first.astype(np.longdouble), second.astype(np.longdouble))
    assert squared_mmd(first, second) == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize(
    ('first', 'second', 'options', 'message'),
    [
        (np.zeros((1, 4)), np.zeros((5, 4)), {}, 'first set has features of shape'),
        (np.zeros((5, 4)), np.zeros((1, 4)), {}, 'second set has features of shape'),
        (np.zeros((5, 4)), np.zeros(5), {}, 'second set has features of shape'),
        (np.zeros((5, 0)), np.zeros((5, 0)), {}, 'at least 2 images'),
        (np.zeros((5, 4)), np.zeros((5, 3)), {}, 'features of 4 and of 3 values'),
        (np.full((5, 4), np.nan), np.zeros((5, 4)), {}, '5 of 5 images of the first set'),
        (np.zeros((5, 4)), np.full((5, 4), np.inf), {}, 'NaN or infinite'),
        (np.zeros((5, 4)), np.zeros((6, 4)), {'subset_size': 6}, 'expected at least 1 subset'),
        (np.zeros((5, 4)), np.zeros((6, 4)), {'subset_size': 1}, r'of 2\.\.5 images'),
        (np.zeros((5, 4)), np.zeros((6, 4)), {'subsets': 0}, '0 subsets of 2 images'),
    ],
)
def test_kernel_distance_refuses(first, second, options, message):
    with pytest.raises(DataError, match=message):
        kernel_distance(first, second, **options)


def test_kernel_distance_equals_torch_fidelity_on_the_same_subsets(random):
    first, second = random.normal(size=(60, 12)), random.normal(0.3, 1.2, size=(45, 12))
    found = kernel_distance(first, second, subsets=20, subset_size=30, seed=4)
    draws = np.random.default_rng(4)
    theirs = []
    for _ in range(20):
        one = first[draws.choice(60, 30, replace=False)]
        other = second[draws.choice(45, 30, replace=False)]
        options = {'kid_kernel': 'poly', 'kid_kernel_poly_degree': 3, 'kid_kernel_poly_coef0': 1}
        theirs.append(kernel_mmd(one, other, **options, kid_kernel_poly_gamma=None))
    assert found.mean == pytest.approx(np.mean(theirs), rel=1e-9)
    assert found.std == pytest.approx(np.std(theirs), rel=1e-9)


def test_kernel_distance_of_all_images_equals_clean_fid(random):
    first, second = random.normal(size=(60, 12)), random.normal(0.3, 1.2, size=(60, 12))
    size = clean_fid_subset_size(60, 60)
    assert size == 60
    found = kernel_distance(first, second, subsets=2, subset_size=size)
    assert found.mean == pytest.approx(clean_fid_kid(first, second, num_subsets=2), rel=1e-9)
    assert found.std == pytest.approx(0, abs=1e-9)
    assert found.std_error > 0
    assert clean_fid_subset_size(5000, 1200) == 1000


def test_kernel_distance_works_in_blocks(random, monkeypatch):
    first, second = random.normal(size=(30, 4)), random.normal(size=(25, 4))
    expected, whole = kernel_distance(first, second, subsets=10), squared_mmd(first, second)
    monkeypatch.setattr('sim2real_ros.evaluation.distribution.kernel_distance._BLOCK', 7)
    found = kernel_distance(first, second, subsets=10)
    assert found.mean == pytest.approx(expected.mean, rel=1e-12)
    assert found.std == pytest.approx(expected.std, rel=1e-12)
    assert squared_mmd(first, second) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(
    ('counts', 'size'),
    [((60, 60), 0), ((60, 60), 12), ((60, 60), 60), ((30, 150), 0), ((150, 30), 0)],
)
def test_kernel_distance_knows_its_standard_error(random, counts, size):
    # The estimates of many pairs of sets spread by as much as each of them says.
    found = [
        kernel_distance(
            random.normal(size=(counts[0], 6)),
            random.normal(0.5, 1, size=(counts[1], 6)),
            subset_size=size,
        )
        for _ in range(200)
    ]
    spread = np.std([each.mean for each in found])
    said = np.sqrt(np.mean([each.std_error**2 for each in found]))
    assert said == pytest.approx(spread, rel=0.25)


def test_standard_error_equals_leaving_out_one_image_after_another(random):
    first, second = random.normal(size=(7, 3)), random.normal(1, 1, size=(5, 3))
    variance = 0
    for ours, theirs in ((first, second), (second, first)):
        left = [squared_mmd(np.delete(ours, k, axis=0), theirs) for k in range(len(ours))]
        variance += (len(left) - 1) * np.var(left)
    found = kernel_distance(first, second, subsets=1, subset_size=5)
    assert found.std_error == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert kernel_distance(first[:2], second).std_error is None
    few = kernel_distance(first, second, subsets=4, subset_size=2)
    assert few.std_error == pytest.approx(np.sqrt(variance + few.std**2 / 4), rel=1e-9)
