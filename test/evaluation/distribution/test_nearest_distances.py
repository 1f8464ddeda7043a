import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.distribution.neighbours import kth_distances, nearest_distances


@pytest.fixture
def sets():
    random = np.random.default_rng(4)
    return random.normal(size=(30, 5)) + 2, random.normal(size=(21, 5)) + 2


def cosine(x, y):
    return 1 - x @ y / (np.linalg.norm(x) * np.linalg.norm(y))


def test_nearest_distances_equal_a_double_loop(sets, monkeypatch):
    first, second = sets
    monkeypatch.setattr('sim2real_ros.evaluation.distribution.neighbours._BLOCK', 8)
    by_angle = [min(cosine(x, y) for y in second) for x in first]
    np.testing.assert_allclose(nearest_distances(first, second), by_angle, atol=1e-12)
    by_length = [min(np.linalg.norm(x - y) for y in second) for x in first]
    found = nearest_distances(first, second, 'euclidean')
    np.testing.assert_allclose(found, by_length, rtol=1e-9)


def test_kth_distances_leave_out_the_row_itself(sets, monkeypatch):
    monkeypatch.setattr('sim2real_ros.evaluation.distribution.neighbours._BLOCK', 8)
    rows, _ = sets
    for k in (1, 4):
        expected = [sorted(np.linalg.norm(x - y) for y in rows)[k] for x in rows]
        np.testing.assert_allclose(kth_distances(rows, k), expected, rtol=1e-9)
    # Twice the same row: the other one is a neighbour at distance 0.
    np.testing.assert_allclose(kth_distances(np.repeat(rows, 2, axis=0), 1), 0, atol=1e-6)


def test_distances_far_from_the_origin_keep_their_digits(sets):
    first, second = sets
    near = nearest_distances(first, second, 'euclidean')
    far = nearest_distances(first + 1e6, second + 1e6, 'euclidean')
    np.testing.assert_allclose(far, near, rtol=1e-7)
    np.testing.assert_allclose(kth_distances(first + 1e6, 2), kth_distances(first, 2), rtol=1e-7)


def test_distances_of_special_rows():
    rows = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [5.0, 0.0]])
    np.testing.assert_allclose(nearest_distances(rows, rows[:1]), [0, 2, 1, 0], atol=1e-12)
    found = nearest_distances(rows, rows[:1], 'euclidean')
    np.testing.assert_allclose(found, [0, 2, 1, 4], atol=1e-12)


def test_inputs_are_left_alone(sets):
    first, second = (each.copy() for each in sets)
    nearest_distances(first, second, 'euclidean')
    np.testing.assert_array_equal(first, sets[0])
    np.testing.assert_array_equal(second, sets[1])


def test_nearest_distances_refuse(sets):
    with pytest.raises(DataError, match='at least one reference'):
        nearest_distances(sets[0], sets[1][:0])
    with pytest.raises(DataError, match='of one network'):
        nearest_distances(sets[0], sets[1][:, :3])
    assert nearest_distances(sets[0][:0], sets[1]).shape == (0,)
