import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.evaluation.perception import detection_scores
from sim2real_ros.evaluation.perception.detection_agreement import (
    DetectionAgreement,
    agreement,
)
from sim2real_ros.evaluation.perception.detection_scores import DetectionScores
from sim2real_ros.evaluation.perception.detection_truth import DetectionTruth
from sim2real_ros.evaluation.perception.detector import Detections
from sim2real_ros.labels import ImageLabels, Instance, LabelSet


class LevelDetector:
    """Finds connected squares: the red level of a pixel of the image is 10 x class + 10."""

    name = 'levels'
    classes = ('Cone', 'duckie')
    score_threshold = 0.5

    def __init__(self):
        self.calls = 0

    def detect(self, rgb, min_score=None):
        self.calls += 1
        lowest = self.score_threshold if min_score is None else min_score
        boxes, scores, labels = [], [], []
        for level in np.unique(rgb[..., 0]):
            ys, xs = np.nonzero(rgb[..., 0] == level)
            # Green of the first pixel: the score in percent.
            score = rgb[ys[0], xs[0], 1] / 100
            if level >= 10 and score >= lowest:
                boxes.append((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1))
                scores.append(score)
                labels.append((level - 10) // 100)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.array(labels, np.int32),
        )


def picture(*things, size=(64, 48)):
    """Draw (level, box, percent)."""
    rgb = np.zeros((size[1], size[0], 3), np.uint8)
    for level, (x0, y0, x1, y1), percent in things:
        rgb[y0:y1, x0:x1] = (level, percent, 0)
    return rgb


CONE, CONE_2, DUCKIE = 10, 20, 110
A, B, C = (4, 4, 14, 14), (30, 10, 50, 40), (20, 20, 28, 30)


def labels(images, classes=('duckie', 'cone', 'tree'), size=(64, 48)):
    return LabelSet(
        classes,
        tuple(
            ImageLabels(name, size, tuple(Instance(label, box) for label, box in things))
            for name, things in images.items()
        ),
    )


def observe(measure, frames):
    seen = [measure.of_frame(frame) for frame in frames]
    names = {name for each in seen for name in each.values}
    values = {
        name: np.array([each.values.get(name, np.nan) for each in seen], np.float64)
        for name in names
    }
    return Observations(values, [each.kept for each in seen if each.kept is not None]), seen


def real_frame(name, rgb):
    return EvaluatedFrame(SimFrame(name, rgb), rgb)


TRUTH = {
    'images/a.png': [(1, A), (0, B)],
    'images/b.png': [(1, C)],
    'images/c.png': [],
    'images/d.png': [(2, A)],
}


def scores_of(pictures, truth=TRUTH, **more):
    detector = LevelDetector()
    measure = DetectionScores(detector, DetectionTruth(labels(truth, **more), detector.classes))
    return measure, *observe(measure, [real_frame(n, p) for n, p in pictures.items()])


PERFECT = {
    'images/a.png': picture((CONE, A, 90), (DUCKIE, B, 80)),
    'b.jpg': picture((CONE, C, 95)),
    'images/c.png': picture(),
    'elsewhere/x.png': picture((CONE, A, 90)),
}


def test_a_perfect_detector_scores_one_and_unlabelled_frames_are_passed():
    measure, seen, each = scores_of(PERFECT)
    values = measure.summarise(seen)
    assert {key: value.value for key, value in values.items()} == {
        'detection_map50_95': 1.0,
        'detection_map50': 1.0,
        'detection_precision': 1.0,
        'detection_recall': 1.0,
        'detection_ap50_duckie': 1.0,
        'detection_ap50_cone': 1.0,
    }
    assert all(value.count == 3 for value in values.values())
    assert (values['detection_map50'].low, values['detection_map50'].high) == (1.0, 1.0)
    assert each[3].values == {}
    assert each[3].kept is None
    assert set(values) == {quantity.key for quantity in measure.quantities}


@pytest.mark.parametrize(
    ('defect', 'falls', 'stays'),
    [
        # A missed object, a false one, a moved box, a wrong class, a score below the threshold.
        (picture((CONE, A, 90)), {'detection_recall', 'detection_ap50_duckie'}, 'precision'),
        (
            picture((CONE, A, 90), (DUCKIE, B, 80), (CONE_2, (52, 2, 60, 12), 99)),
            {'detection_precision', 'detection_ap50_cone'},
            'recall',
        ),
        (
            picture((CONE, (6, 4, 16, 14), 90), (DUCKIE, B, 80)),
            {'detection_map50_95'},
            'map50',
        ),
        (
            picture((CONE, A, 90), (CONE_2, B, 80)),
            {'detection_recall', 'detection_precision', 'detection_ap50_duckie'},
            '',
        ),
        (picture((CONE, A, 90), (DUCKIE, B, 30)), {'detection_recall'}, 'map50'),
    ],
)
def test_each_defect_moves_what_it_should(defect, falls, stays):
    measure, seen, _ = scores_of({**PERFECT, 'images/a.png': defect})
    values = measure.summarise(seen)
    for key in falls:
        assert values[key].value < 0.999
    if stays:
        assert values[f'detection_{stays}'].value == 1.0


def test_values_of_frames():
    _, _, each = scores_of(
        {'images/a.png': picture((CONE, A, 90), (CONE_2, C, 80)), 'images/c.png': picture()}
    )
    assert each[0].values == {'detection_recall': 0.5, 'detection_precision': 0.5}
    assert each[1].values == {}
    assert each[0].kept.nbytes < 100


def test_false_detections_in_an_image_without_objects_count():
    false = {**PERFECT, 'images/c.png': picture((CONE, A, 99))}
    measure, seen, _ = scores_of(false)
    values = measure.summarise(seen)
    assert values['detection_precision'].value == pytest.approx(3 / 4)
    assert values['detection_ap50_cone'].value < 1


def test_classes_that_labels_or_detector_do_not_know_are_not_judged():
    truth = DetectionTruth(labels(TRUTH), ('CONE', 'duckie', 'person'))
    assert truth.classes == ('duckie', 'cone')
    assert truth.left_out == ('tree',)
    assert truth.label_ids(('CONE', 'person', 'Duckie')).tolist() == [1, -1, 0]
    assert len(truth.of_image('images/d.png', (64, 48)).boxes) == 0
    with pytest.raises(DataError, match='none in common'):
        DetectionTruth(labels(TRUTH), ('person',))


def test_boxes_are_scaled_to_the_frame_and_another_shape_is_refused():
    truth = DetectionTruth(labels(TRUTH), ('cone', 'duckie'))
    assert truth.of_image('b', (128, 96)).boxes.tolist() == [[40, 40, 56, 60]]
    with pytest.raises(DataError, match='for 64x48, but the frame has 64x64'):
        truth.of_image('b', (64, 64))


def test_names_that_two_images_have_are_not_guessed():
    doubled = {'train/images/a.png': [(1, A)], 'train/images/a.jpg': []}
    truth = DetectionTruth(labels(doubled), ('cone',))
    assert truth.of_image('train/a.webp', (64, 48)) is None
    assert len(truth.of_image('train/images/a.png', (64, 48)).boxes) == 1
    assert truth.of_image('a.png', (64, 48)) is None


def test_nothing_labelled_gives_no_value():
    measure, seen, _ = scores_of({'x.png': picture()})
    assert measure.summarise(seen) == {}
    measure, seen, _ = scores_of({'images/c.png': picture()})
    assert measure.summarise(seen) == {}


def test_keys_of_classes_are_unique():
    names = ('traffic light', 'traffic-light', 'Ente', '..')
    measure, _, _ = scores_of({}, {'a.png': []}, classes=('cone', 'duckie'))
    assert [q.key for q in measure.quantities[4:]] == [
        'detection_ap50_cone', 'detection_ap50_duckie'
    ]  # fmt: skip
    assert detection_scores._class_keys(names) == [
        'detection_ap50_traffic_light_0', 'detection_ap50_traffic_light_1',
        'detection_ap50_ente', 'detection_ap50_class',
    ]  # fmt: skip


def test_the_interval_is_that_of_resampled_frames():
    random = np.random.default_rng(0)
    pictures, truth = {}, {}
    for index in range(30):
        name = f'{index}.png'
        truth[name] = [(1, A), (0, B)]
        things = [(CONE, A, 90), (DUCKIE, B, 80)]
        pictures[name] = picture(*[each for each in things if random.random() < 0.7])
    measure, seen, each = scores_of(pictures, truth)
    values = measure.summarise(seen)
    recall = values['detection_recall']
    per_frame = np.array([one.values['detection_recall'] for one in each])
    spread = per_frame.std() / np.sqrt(30)
    assert recall.value == pytest.approx(per_frame.mean())
    assert recall.low == pytest.approx(recall.value - 1.96 * spread, abs=0.03)
    assert recall.high == pytest.approx(recall.value + 1.96 * spread, abs=0.03)
    for value in values.values():
        assert value.low <= value.value <= value.high
    assert values['detection_map50'].low < values['detection_map50'].high


def agreement_of(*pairs):
    detector = LevelDetector()
    measure = DetectionAgreement(detector)
    frames = [
        EvaluatedFrame(SimFrame(f'{i}', sim), translated) for i, (sim, translated) in
        enumerate(pairs)
    ]  # fmt: skip
    seen, each = observe(measure, frames)
    return measure.summarise(seen), each


BOTH = picture((CONE, A, 90), (DUCKIE, B, 80))


def test_the_same_picture_keeps_all_detections():
    values, _ = agreement_of((BOTH, BOTH), (BOTH, BOTH))
    assert {key: value.value for key, value in values.items()} == {
        'detections_kept_share': 1.0,
        'detections_appeared_share': 0.0,
        'detections_kept_iou': 1.0,
        'detections_more_per_frame': 0.0,
    }


def test_lost_appeared_and_moved_detections():
    lost, new = picture((CONE, A, 90)), picture((CONE, A, 90), (DUCKIE, B, 80), (CONE_2, C, 70))
    moved = picture((CONE, (6, 4, 16, 14), 90), (DUCKIE, B, 80))
    values, each = agreement_of((BOTH, lost), (BOTH, new), (BOTH, moved), (lost, picture()))
    assert [one.values.get('detections_kept_share') for one in each] == [0.5, 1, 1, 0]
    assert [one.values.get('detections_appeared_share') for one in each] == [
        0, pytest.approx(1 / 3), 0, None
    ]  # fmt: skip
    assert each[2].values['detections_kept_iou'] == pytest.approx((8 / 12 + 1) / 2)
    # Pooled: 5 of 7 kept; 1 of 6 new.
    assert values['detections_kept_share'].value == pytest.approx(5 / 7)
    assert values['detections_appeared_share'].value == pytest.approx(1 / 6)
    assert values['detections_kept_iou'].value == pytest.approx((4 + 8 / 12) / 5)
    assert values['detections_more_per_frame'].value == pytest.approx((-1 + 1 + 0 - 1) / 4)


def test_another_class_or_a_weak_score_is_a_lost_detection():
    for other in (picture((DUCKIE, A, 90)), picture((CONE, A, 30)), picture((CONE, C, 90))):
        values, _ = agreement_of((picture((CONE, A, 90)), other))
        assert values['detections_kept_share'].value == 0
        assert 'detections_kept_iou' not in values


def test_black_pictures_give_no_share():
    values, _ = agreement_of((picture(), picture()))
    assert set(values) == {'detections_more_per_frame'}
    assert DetectionAgreement(LevelDetector()).summarise(Observations({})) == {}


def test_the_simulated_frame_is_looked_at_once_for_all_candidates():
    detector = LevelDetector()
    measure, sim = DetectionAgreement(detector), SimFrame('a', BOTH)
    for _ in range(3):
        measure.of_frame(EvaluatedFrame(sim, BOTH))
    assert detector.calls == 1 + 3
    # Another detector is not taken for the same.
    other = LevelDetector()
    DetectionAgreement(other).of_frame(EvaluatedFrame(sim, BOTH))
    assert other.calls == 2


def test_many_frames_are_resampled_less_often():
    assert detection_scores.detection_resamples(1000) == 1000
    assert detection_scores.detection_resamples(1001) == 200


def test_one_detection_stands_for_one_only():
    near = np.array([[0, 0, 10, 10], [0, 0, 10, 9]], np.float32)
    pair = Detections(near, np.ones(2, np.float32), np.zeros(2, np.int32))
    alone = Detections(near[:1], np.ones(1, np.float32), np.zeros(1, np.int32))
    for first, second in ((pair, alone), (alone, pair)):
        found = agreement(first, second)
        assert found.overlaps.tolist() == [1.0]
        assert (found.first, found.second) == (len(first), len(second))


def test_detections_get_the_labels_of_the_truth():
    found = Detections(
        np.zeros((3, 4), np.float32), np.ones(3, np.float32), np.array([0, 1, 2], np.int32)
    )
    assert detection_scores.judged(found, np.array([1, -1, 0], np.int32)).labels.tolist() == [1, 0]
