import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.evaluation.colours.box_search import (
    HsvBox,
    best_box,
    f_score,
    fit_box,
    intervals,
)


def all_boxes(shape):
    hues, rows, columns = shape
    arcs = [(first, count) for count in range(1, hues) for first in range(hues)] + [(0, hues)]
    for (first, count), s, v in itertools.product(arcs, intervals(rows), intervals(columns)):
        yield HsvBox(first, count, s, v)


def naive_sum(counts, box):
    return sum(
        counts[(box.hue_first + h) % len(counts), s, v]
        for h in range(box.hue_count)
        for s in range(box.saturation[0], box.saturation[1] + 1)
        for v in range(box.value[0], box.value[1] + 1)
    )


def random_counts(seed):
    random = np.random.default_rng(seed)
    shape = random.integers(1, (7, 5, 5))
    total = random.integers(0, 6, shape) * (random.random(shape) < 0.7)
    positives = random.binomial(total, random.random(shape) ** 2)
    return positives.astype(np.int64), total.astype(np.int64)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 1.0, 2.0]))
def test_no_box_is_better_than_the_fitted_one(seed, beta):
    positives, total = random_counts(seed)
    if not positives.any():
        positives[0, 0, 0] = total[0, 0, 0] = 1
    count = positives.sum()
    box, score = fit_box(positives, total, beta, tolerance=0.0)
    best = max(
        f_score(naive_sum(positives, b), naive_sum(total, b), count, beta)
        for b in all_boxes(total.shape)
    )
    assert score == pytest.approx(best, abs=1e-12)
    reached = f_score(naive_sum(positives, box), naive_sum(total, box), count, beta)
    assert reached == pytest.approx(best, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_best_box_has_the_largest_sum(seed, floor):
    random = np.random.default_rng(seed)
    weights = random.normal(-0.3, 1, random.integers(1, (7, 5, 5))).round(1)
    _, rows, columns = weights.shape
    found = best_box(weights, intervals(rows), intervals(columns), floor)
    best = max(naive_sum(weights, box) for box in all_boxes(weights.shape))
    if best <= floor - 1e-9:
        assert found is None
    elif best > floor + 1e-9:
        assert naive_sum(weights, found) == pytest.approx(best)


def test_box_on_a_full_histogram_is_found_exactly():
    random = np.random.default_rng(1)
    total = random.integers(1, 9, (180, 64, 64))
    planted = HsvBox(171, 17, (21, 47), (30, 62))
    positives = np.zeros_like(total)
    inside = np.ix_(planted.hues(180), range(21, 48), range(30, 63))
    positives[inside] = total[inside]
    assert fit_box(positives, total) == (planted, 1.0)


def test_beta_weighs_recall():
    total = np.zeros((4, 1, 1), np.int64)
    positives = total.copy()
    total[:, 0, 0], positives[:2, 0, 0] = (100, 300, 1, 1), (100, 100)
    assert fit_box(positives, total, 0.3)[0].hue_count == 1
    assert fit_box(positives, total, 3.0)[0].hue_count >= 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.1]))
def test_tolerance_bounds_what_simpler_limits_cost(seed, tolerance):
    positives, total = random_counts(seed)
    if not positives.any():
        return
    box, score = fit_box(positives, total, tolerance=tolerance)
    exact = fit_box(positives, total, tolerance=0.0)[1]
    assert exact - tolerance - 1e-12 <= score <= exact
    assert box.hue_count >= 1


def test_limit_that_brings_next_to_nothing_is_dropped():
    total = np.zeros((6, 8, 8), np.int64)
    positives = total.copy()
    positives[2, 5:, 5:] = total[2, 5:, 5:] = 1000
    total[2, 1, 5:] = 1  # keeps the lower limit of saturation useful, but hardly
    total[2, 5:, 2] = 900  # keeps that of value useful
    exact, _ = fit_box(positives, total, tolerance=0.0)
    assert exact.saturation[0] > 1
    box, score = fit_box(positives, total)
    assert box.saturation == (0, 7)
    assert box.value[0] > 2
    assert score > 0.998


def test_edges_lie_in_the_middle_of_gaps():
    total = np.zeros((60, 20, 20), np.int64)
    positives = total.copy()
    positives[30, 10, 10] = 50
    total[30, 10, 10] = 50
    total[30, 4, 10] = total[30, 18, 10] = 100
    total[30, 10, 2] = 100
    total[24, 10, 10] = 100
    box, score = fit_box(positives, total)
    assert score == 1.0
    assert box.saturation == (8, 13)  # 5 empty bins below, 7 above
    assert box.value == (7, 19)  # 7 empty bins below, and nothing above at all
    # 5 empty bins below hue 30; above it the circle is empty all the way round to 24.
    assert (box.hue_first, box.hue_count) == (28, 8)


def test_edges_in_gaps_may_lie_inside_at_first():
    total = np.zeros((60, 20, 20), np.int64)
    positives = total.copy()
    positives[[59, 3], 10, 10] = total[[59, 3], 10, 10] = 50
    total[40, 10, 10] = total[59, 2, 10] = 100
    box, score = fit_box(positives, total)
    assert score == 1.0
    assert box == HsvBox(54, 15, (7, 19), (0, 19))


def test_score_of_known_numbers():
    assert f_score(6, 8, 12) == pytest.approx(2 * 0.75 * 0.5 / 1.25)
    assert f_score(6, 8, 12, 2) == pytest.approx(5 * 0.75 * 0.5 / (4 * 0.75 + 0.5))
    assert f_score(0, 0, 5) == 0
    assert math.isnan(f_score(0, 4, 0))


def test_a_colour_without_a_pixel_is_refused():
    with pytest.raises(ValueError, match='no pixel'):
        fit_box(np.zeros((4, 2, 2), np.int64), np.ones((4, 2, 2), np.int64))
