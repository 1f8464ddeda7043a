import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sim2real_ros.evaluation.perception.detection_boxes import (
    box_areas,
    box_overlaps,
    suppress_repeated,
)


def random_boxes(random, count):
    corners = random.uniform(0, 60, (count, 2))
    return np.concatenate((corners, corners + random.uniform(1, 40, (count, 2))), axis=1)


def naive_overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / whole


def naive_suppression(boxes, scores, labels, iou):
    order = sorted(range(len(boxes)), key=lambda i: -scores[i])
    chosen = []
    for i in order:
        rivals = [j for j in chosen if labels[j] == labels[i]]
        if all(naive_overlap(boxes[i], boxes[j]) <= iou for j in rivals):
            chosen.append(i)
    return chosen


def test_overlaps_of_known_boxes():
    boxes = np.array([[0, 0, 10, 10]], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 4, 4]], np.float32)
    assert box_overlaps(boxes, others)[0] == pytest.approx([1, 50 / 150, 0, 4 / 100])
    groups = np.array([False, True, False, True])
    assert box_overlaps(boxes, others, groups)[0] == pytest.approx([1, 0.5, 0, 0.04])


def test_overlaps_equal_those_of_torchvision():
    random = np.random.default_rng(1)
    boxes, others = random_boxes(random, 40), random_boxes(random, 30)
    expected = torchvision.ops.box_iou(torch.tensor(boxes), torch.tensor(others)).numpy()
    np.testing.assert_allclose(box_overlaps(boxes, others), expected, atol=1e-12)


def test_boxes_without_area_overlap_nothing():
    point = np.array([[3, 3, 3, 3], [5, 5, 2, 2]], np.float32)
    assert not box_overlaps(point, point).any()
    assert not box_areas(point).any()
    assert box_overlaps(np.zeros((0, 4)), point).shape == (0, 2)


@pytest.mark.parametrize('iou', [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize('classes', [1, 4])
def test_suppression_equals_the_naive_one_and_torchvision(iou, classes):
    random = np.random.default_rng(int(iou * 10) + classes)
    boxes, scores = random_boxes(random, 80), random.random(80)
    labels = random.integers(0, classes, 80)
    found = suppress_repeated(boxes, scores, labels, iou, 1000)
    assert found.tolist() == naive_suppression(boxes, scores, labels, iou)
    expected = torchvision.ops.batched_nms(
        torch.tensor(boxes), torch.tensor(scores), torch.tensor(labels), iou
    )
    assert found.tolist() == expected.tolist()


def test_suppression_keeps_the_first_of_equals_and_stops_at_the_limit():
    boxes = np.array([[0, 0, 9, 9], [0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]], np.float32)
    scores = np.array([0.5, 0.5, 0.9, 0.1], np.float32)
    labels = np.zeros(4, np.int64)
    assert suppress_repeated(boxes, scores, labels, 0.5, 10).tolist() == [2, 0, 3]
    assert suppress_repeated(boxes, scores, labels, 0.5, 2).tolist() == [2, 0]


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float32, (12, 4), elements=st.floats(0, 50, width=32)),
    hnp.arrays(np.float32, 12, elements=st.floats(0, 1, width=32)),
)
def test_overlaps_are_shares_whatever_the_boxes(boxes, scores):
    overlaps = box_overlaps(boxes, boxes)
    assert np.isfinite(overlaps).all()
    assert overlaps.min() >= 0
    assert overlaps.max() <= 1 + 1e-9
    chosen = suppress_repeated(boxes, scores, np.zeros(12, np.int64), 0.5, 12)
    assert len(set(chosen.tolist())) == len(chosen)
    assert chosen[0] == scores.argmax()
