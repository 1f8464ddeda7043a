import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim2real_ros.errors import ImageError
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Observations
from sim2real_ros.evaluation.structure.confusion import (
    class_accuracy,
    confusion,
    mean_iou,
    pixel_accuracy,
)
from sim2real_ros.evaluation.structure.label_preservation import (
    LabelsAgainstMask,
    LabelsAgainstSim,
    label_measures,
)
from sim2real_ros.evaluation.structure.segmenter import RememberingSegmenter

KNOWN = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
"""Class 2 occurs nowhere."""


class RedIsTheId:
    """Takes the red channel for the id, and counts how often it is asked."""

    name = 'red'
    class_ids = (0, 3, 7)

    def __init__(self):
        self.asked = 0

    def segment(self, rgb):
        self.asked += 1
        return rgb[..., 0].copy()


def picture(ids):
    image = np.zeros((*np.shape(ids), 3), np.uint8)
    image[..., 0] = ids
    return image


def frame(translated, mask=None, sim=None):
    sim = translated if sim is None else sim
    return EvaluatedFrame(
        SimFrame('a', picture(sim), mask=None if mask is None else np.array(mask, np.uint8)),
        picture(translated),
    )


def observations(seen):
    names = {name for each in seen for name in each.values}
    columns = {name: np.array([each.values.get(name, np.nan) for each in seen]) for name in names}
    return Observations(columns, [each.kept for each in seen])


def test_numbers_of_a_known_confusion():
    assert pixel_accuracy(KNOWN) == pytest.approx(9 / 12)
    assert class_accuracy(KNOWN) == pytest.approx((6 / 8 + 3 / 4) / 2)
    assert mean_iou(KNOWN) == pytest.approx((6 / 9 + 3 / 6) / 2)


def test_class_that_is_only_predicted_lowers_the_iou_but_not_the_class_accuracy():
    counts = np.array([[8, 2], [0, 0]])
    assert class_accuracy(counts) == pytest.approx(0.8)
    assert mean_iou(counts) == pytest.approx(0.4)


def test_without_pixels_there_is_no_number():
    for statistic in (pixel_accuracy, class_accuracy, mean_iou):
        assert np.isnan(statistic(np.zeros((3, 3), np.int64)))


ids_of_images = arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 3, 7, 9, 255]))


@settings(deadline=None, max_examples=50)
@given(truth=ids_of_images, predicted=ids_of_images)
def test_confusion_equals_a_loop(truth, predicted):
    expected = np.zeros((3, 3), int)
    for true, found in zip(truth.flat, predicted.flat, strict=True):
        if true in (0, 3, 7) and found in (0, 3, 7):
            expected[(0, 3, 7).index(true), (0, 3, 7).index(found)] += 1
    assert (confusion(truth, predicted, (0, 3, 7)) == expected).all()


def test_images_of_different_size_are_refused():
    with pytest.raises(ImageError, match='equal sizes'):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), (0, 1))


def test_masks_and_sim_are_the_truth_of_the_two_measures():
    seen = frame(translated=[[0, 3, 3, 7]], mask=[[0, 0, 3, 3]], sim=[[0, 3, 3, 3]])
    against_mask = LabelsAgainstMask(RedIsTheId()).of_frame(seen)
    assert against_mask.values['labels_against_mask_pixel_accuracy'] == 0.5
    assert (against_mask.kept == [[1, 1, 0], [0, 1, 1], [0, 0, 0]]).all()
    against_sim = LabelsAgainstSim(RedIsTheId()).of_frame(seen)
    assert against_sim.values['labels_against_sim_pixel_accuracy'] == 0.75
    assert against_sim.values['labels_against_sim_miou'] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert LabelsAgainstMask.needs == {'mask'}
    assert LabelsAgainstSim.needs == {'translation'}


def test_summary_is_of_one_table_and_not_a_mean_over_frames():
    measure = LabelsAgainstMask(RedIsTheId())
    frames = [frame([[0] * 10], [[0] * 10]), frame([[0, 3]], [[3, 3]])]
    values = measure.summarise(observations([measure.of_frame(each) for each in frames]))
    assert values['labels_against_mask_pixel_accuracy'].value == pytest.approx(11 / 12)
    assert values['labels_against_mask_class_accuracy'].value == pytest.approx((1 + 1 / 2) / 2)
    assert values['labels_against_mask_miou'].value == pytest.approx((10 / 11 + 1 / 2) / 2)
    value = values['labels_against_mask_pixel_accuracy']
    assert value.count == 2
    # Both extremes are drawn among resamples of two frames.
    assert (value.low, value.high) == (0.5, 1.0)


def test_ids_that_the_segmenter_does_not_know_do_not_count():
    measure = LabelsAgainstMask(RedIsTheId())
    observed = measure.of_frame(frame([[0, 0]], [[255, 9]]))
    assert observed.values == {}
    assert measure.summarise(observations([observed])) == {}
    assert measure.summarise(Observations({})) == {}


def test_both_measures_segment_each_image_once():
    segmenter = RedIsTheId()
    measures = label_measures(segmenter)
    seen = frame([[0, 3]], [[0, 3]], sim=[[0, 7]])
    for measure in measures:
        measure.of_frame(seen)
    assert segmenter.asked == 2
    other_candidate = EvaluatedFrame(seen.sim, picture([[3, 3]]))
    for measure in measures:
        measure.of_frame(other_candidate)
    assert segmenter.asked == 3


def test_remembered_results_belong_to_the_array():
    segmenter = RedIsTheId()
    remembering = RememberingSegmenter(segmenter)
    for number in range(40):
        ids = [[number % 3, 0]]
        assert (remembering.segment(picture(ids)) == ids).all()
    assert segmenter.asked == 40
    assert (remembering.name, remembering.class_ids) == ('red', (0, 3, 7))


def test_keys_are_unique():
    quantities = [q for each in label_measures(RedIsTheId()) for q in each.quantities]
    assert len({quantity.key for quantity in quantities}) == len(quantities) == 6
