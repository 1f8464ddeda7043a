import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from sim2real_ros.evaluation.bootstrap import resample_counts
from sim2real_ros.evaluation.perception.detection_matching import (
    IOU_THRESHOLDS,
    MAX_PER_CLASS,
    match_image,
)
from sim2real_ros.evaluation.perception.detection_precision import (
    PooledDetections,
    mean_over_classes,
)
from sim2real_ros.evaluation.perception.detection_truth import TrueBoxes
from sim2real_ros.evaluation.perception.detector import Detections

SIZE = 100


def true_boxes(boxes, labels, crowd=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    crowd = np.zeros(len(boxes), bool) if crowd is None else np.array(crowd, bool)
    return TrueBoxes(boxes, np.array(labels, np.int32), crowd)


def detections(boxes, scores, labels):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(boxes, np.array(scores, np.float32), np.array(labels, np.int32))


def random_case(seed, *, images=12, classes=3, crowds=False, ties=False, noise=4.0, many=3):
    random = np.random.default_rng(seed)
    case = []
    for _ in range(images):
        count = int(random.integers(0, 6))
        low = random.uniform(0, 60, (count, 2))
        true = np.concatenate((low, low + random.uniform(8, 35, (count, 2))), axis=1)
        labels = random.integers(0, classes, count)
        crowd = random.random(count) < 0.3 if crowds else np.zeros(count, bool)
        again = np.concatenate([np.nonzero(random.random(count) < 0.8)[0] for _ in range(many)])
        wrong_low = random.uniform(0, 70, (5, 2))
        wrong = np.concatenate((wrong_low, wrong_low + random.uniform(5, 30, (5, 2))), axis=1)
        found = np.concatenate((true[again] + random.normal(0, noise, (len(again), 4)), wrong))
        found_labels = np.concatenate((labels[again], random.integers(0, classes, 5)))
        scores = random.random(len(found)) + (np.arange(len(found)) < len(again))
        scores = np.round(scores * 3) / 6 if ties else scores / 2
        has_area = (found[:, 2:] > found[:, :2] + 1).all(axis=1)
        found, scores, found_labels = found[has_area], scores[has_area], found_labels[has_area]
        case.append((true_boxes(true, labels, crowd), detections(found, scores, found_labels)))
    return case


def coco_precision(case, classes):
    """Return AP (classes, thresholds) of pycocotools, NaN where it has none."""
    images = [{'id': i + 1, 'width': SIZE, 'height': SIZE} for i in range(len(case))]
    annotations, results = [], []
    for index, (true, found) in enumerate(case):
        for box, label, crowd in zip(
            true.boxes.astype(float), true.labels, true.is_crowd, strict=True
        ):
            width, height = box[2:] - box[:2]
            annotations.append({
                'id': len(annotations) + 1, 'image_id': index + 1, 'category_id': int(label) + 1,
                'bbox': [box[0], box[1], width, height], 'area': width * height,
                'iscrowd': int(crowd),
            })  # fmt: skip
        for box, score, label in zip(
            found.boxes.astype(float), found.scores, found.labels, strict=True
        ):
            results.append({
                'image_id': index + 1, 'category_id': int(label) + 1, 'score': float(score),
                'bbox': [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            })  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            'info': {}, 'images': images, 'annotations': annotations,
            'categories': [{'id': i + 1, 'name': str(i)} for i in range(classes)],
        }  # fmt: skip
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), 'bbox')
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval['precision'][:, :, :, 0, -1]
    return np.where(precision < 0, np.nan, precision).mean(axis=1).T


def pooled(case, classes):
    return PooledDetections([match_image(found, true) for true, found in case], classes)


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('crowds', [False, True])
def test_average_precision_equals_that_of_pycocotools(seed, crowds):
    case = random_case(seed, crowds=crowds, ties=seed % 2 == 1, noise=0.3 + seed / 2)
    ours = pooled(case, 3).average_precision()[0]
    expected = coco_precision(case, 3)
    assert 0.02 < np.nanmean(expected) < 0.98
    np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_more_detections_than_coco_looks_at():
    case = random_case(3, images=2, classes=1, many=60)
    assert max(len(found) for _, found in case) > MAX_PER_CLASS
    np.testing.assert_allclose(
        pooled(case, 1).average_precision()[0], coco_precision(case, 1), atol=1e-9
    )


def test_a_class_without_true_boxes_is_not_in_the_mean():
    case = random_case(5, classes=2)
    ours = pooled(case, 4).average_precision()
    assert np.isnan(ours[0, 2:]).all()
    expected = coco_precision(case, 4)
    assert mean_over_classes(ours)[0].mean() == pytest.approx(np.nanmean(expected), abs=1e-9)


def test_known_answers():
    truth = true_boxes([[0, 0, 10, 10], [20, 0, 30, 10]], [0, 0])
    perfect = detections(truth.boxes, [0.9, 0.8], [0, 0])
    half = detections(truth.boxes[:1], [0.9], [0])
    wrong_first = detections([[50, 50, 60, 60], *truth.boxes], [0.95, 0.9, 0.8], [0, 0, 0])
    other_class = detections(truth.boxes, [0.9, 0.8], [1, 1])

    def ap(found):
        return PooledDetections([match_image(found, truth)], 2).average_precision()[0, 0]

    assert ap(perfect) == pytest.approx(np.ones(10))
    assert ap(half) == pytest.approx(np.full(10, 51 / 101))
    assert ap(wrong_first) == pytest.approx(np.full(10, 2 / 3))
    assert ap(other_class) == pytest.approx(np.zeros(10))
    assert ap(detections([], [], [])) == pytest.approx(np.zeros(10))
    # 10x10 moved by 1: IoU 9/11 = 0.818, good up to 0.8.
    moved = detections(truth.boxes + np.array([1, 0, 1, 0]), [0.9, 0.8], [0, 0])
    assert ap(moved) == pytest.approx((IOU_THRESHOLDS < 9 / 11).astype(float))


def test_a_second_box_of_the_same_thing_is_wrong():
    truth = true_boxes([[0, 0, 10, 10]], [0])
    found = detections([[0, 0, 10, 10], [0, 0, 10, 10]], [0.9, 0.8], [0, 0])
    matched = match_image(found, truth)
    assert matched['hits'][~matched['is_truth']].tolist() == [1023, 0]
    right, wrong, count = PooledDetections([matched], 1).counts_above(0.5)
    assert (right[0], wrong[0], count[0]) == (1, 1, 1)
    right, wrong, _ = PooledDetections([matched], 1).counts_above(0.85)
    assert (right[0], wrong[0]) == (1, 0)


def test_a_crowd_is_neither_right_nor_wrong():
    truth = true_boxes([[0, 0, 90, 90], [91, 91, 99, 99]], [0, 0], [True, False])
    found = detections([[5, 5, 15, 15], [30, 30, 40, 40]], [0.9, 0.8], [0, 0])
    matched = match_image(found, truth)
    right, wrong, count = PooledDetections([matched], 1).counts_above(0.0)
    assert (right[0], wrong[0], count[0]) == (0, 0, 1)


def test_images_without_anything_change_nothing():
    case = random_case(2)
    empty = (true_boxes([], []), detections([], [], []))
    np.testing.assert_array_equal(
        pooled([*case, empty], 3).average_precision(), pooled(case, 3).average_precision()
    )
    assert np.isnan(pooled([empty], 2).average_precision()).all()


@pytest.mark.parametrize('crowds', [False, True])
def test_weights_equal_images_that_are_there_so_often(crowds):
    case = random_case(11, images=9, crowds=crowds)
    weights = resample_counts(9, resamples=8, seed=4)
    ours = pooled(case, 3).average_precision(weights)
    for row, of_sample in zip(weights, ours, strict=True):
        repeated = [case[i] for i in range(9) for _ in range(int(row[i]))]
        np.testing.assert_allclose(
            of_sample, pooled(repeated, 3).average_precision()[0], atol=1e-12
        )


def test_samples_in_portions_equal_samples_at_once(monkeypatch):
    case = random_case(7)
    weights = resample_counts(len(case), resamples=20)
    expected = pooled(case, 3).average_precision(weights)
    monkeypatch.setattr('sim2real_ros.evaluation.perception.detection_precision._MAX_CELLS', 100)
    np.testing.assert_array_equal(pooled(case, 3).average_precision(weights), expected)
