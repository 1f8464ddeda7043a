import cv2
import numpy as np
import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.bootstrap import bootstrap_mean
from sim2real_ros.evaluation.gap.detector_comparison import compare_detectors
from sim2real_ros.evaluation.perception.detector import Detections
from sim2real_ros.labels import LabelSource

SIZE = (64, 48)


class ThresholdDetector:
    """Finds the square if it is brighter than its threshold."""

    score_threshold = 0.5

    def __init__(self, level, classes=('duckie',), label=0, shift_px=0):
        self.shift_px = shift_px
        self.name, self.classes, self.level, self.label = f'from {level}', classes, level, label

    def detect(self, rgb, min_score=None):
        ys, xs = np.nonzero(rgb[..., 0] >= self.level)
        count = 1 if len(xs) else 0
        box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if count else ()
        shift = np.array((self.shift_px, 0, self.shift_px, 0), np.float32)
        return Detections(
            np.array(box, np.float32).reshape(-1, 4) + shift,
            np.full(count, 0.9, np.float32),
            np.full(count, self.label, np.int32),
        )


def data_set(folder, levels, names='duckie'):
    """Write images with one square of the given brightness each, and their YOLO labels."""
    for part in ('images', 'labels'):
        (folder / part).mkdir(parents=True)
    (folder / 'data.yaml').write_text(f'path: .\ntrain: images\nnames: [{names}]\n')
    width, height = SIZE
    for index, level in enumerate(levels):
        rgb = np.zeros((height, width, 3), np.uint8)
        x, y = 4 + index % 20, 3 + index % 11
        rgb[y : y + 16, x : x + 20] = level
        cv2.imwrite(str(folder / 'images' / f'{index:03}.png'), rgb)
        text = f'0 {(x + 10) / width} {(y + 8) / height} {20 / width} {16 / height}\n'
        (folder / 'labels' / f'{index:03}.txt').write_text(text)
    return folder


LEVELS = [60] * 13 + [120] * 19 + [200] * 8


def three(sim=180, translated=100, real=20):
    return {
        'sim': ThresholdDetector(sim),
        'translated': ThresholdDetector(translated),
        'real': ThresholdDetector(real),
    }


def test_the_share_is_that_of_found_objects(tmp_path):
    steps = []
    found = compare_detectors(
        three(),
        LabelSource(data_set(tmp_path / 'real', LEVELS)),
        progress=lambda *step: steps.append(step),
    )
    by_key = {each.key: each for each in found.scores}
    assert set(by_key) == {'map50_95', 'map50'}
    gap = by_key['map50'].gap
    # Recall 8/40, 27/40 and 1 without anything false: 21, 68 and 101 of 101 recalls.
    assert gap.sim.value == pytest.approx(21 / 101)
    assert gap.translated.value == pytest.approx(68 / 101)
    assert gap.real.value == 1.0
    assert gap.share.value == pytest.approx(47 / 80)
    seen = np.array([level >= 100 for level in LEVELS], float)
    missed = bootstrap_mean(1 - seen)
    assert gap.share.low < gap.share.value < gap.share.high
    assert gap.real.value - gap.translated.high == pytest.approx(missed.low, abs=0.02)
    assert by_key['map50_95'].gap.share.value == pytest.approx(47 / 80)
    assert steps[-1] == ('test', 40, 40)
    assert found.images == 40
    assert found.is_complete
    assert found.sentences()[1].startswith('mAP50: translation closed 59 % (')


def test_detectors_that_do_not_differ_say_nothing(tmp_path):
    test = LabelSource(data_set(tmp_path / 'real', LEVELS))
    found = compare_detectors(three(100, 100, 100), test)
    assert [each.gap.share for each in found.scores] == [None, None]
    assert 'cannot be said' in found.sentences()[0]


def test_images_that_cannot_be_read_are_left_out_and_told(tmp_path):
    folder = data_set(tmp_path / 'real', LEVELS)
    (folder / 'images' / '003.png').write_bytes((folder / 'images' / '003.png').read_bytes()[:60])
    found = compare_detectors(three(), LabelSource(folder))
    assert found.images == 39
    assert not found.is_complete
    assert found.left_out[0].startswith('images/003.png')


def test_only_classes_that_all_know_are_judged(tmp_path):
    test = LabelSource(data_set(tmp_path / 'real', LEVELS, names='duckie, cone'))
    detectors = three() | {'real': ThresholdDetector(20, ('car', 'Duckie'), 1)}
    found = compare_detectors(detectors, test)
    assert found.scores[1].gap.real.value == 1.0
    assert any('Not judged' in note and 'cone' in note for note in found.notes)
    with pytest.raises(DataError, match='none in common'):
        compare_detectors(three() | {'real': ThresholdDetector(20, ('car',))}, test)


def test_labels_without_an_object_are_refused(tmp_path):
    folder = data_set(tmp_path / 'real', LEVELS)
    for path in (folder / 'labels').iterdir():
        path.write_text('')
    with pytest.raises(DataError, match='No labelled object of duckie'):
        compare_detectors(three(), LabelSource(folder))


def test_classes_have_rows_but_no_sentences(tmp_path):
    folder = data_set(tmp_path / 'real', LEVELS, names='duckie, cone')
    label = folder / 'labels' / '000.txt'
    label.write_text(label.read_text().replace('0 ', '1 ', 1))
    detectors = {
        name: ThresholdDetector(each.level, ('duckie', 'cone')) for name, each in three().items()
    }
    found = compare_detectors(detectors, LabelSource(folder))
    assert [each.title for each in found.scores] == [
        'mAP50-95', 'mAP50', 'AP50 of duckie', 'AP50 of cone'
    ]  # fmt: skip
    assert len(found.sentences()) == 2


def test_an_overlap_just_above_a_half_counts_for_map50_only(tmp_path):
    # 20 px wide and moved by 6 px: 14 / 26 = 0.54.
    detectors = three() | {'real': ThresholdDetector(20, shift_px=6)}
    found = compare_detectors(detectors, LabelSource(data_set(tmp_path / 'real', LEVELS)))
    by_key = {each.key: each.gap.real.value for each in found.scores}
    assert by_key == {'map50': pytest.approx(1.0), 'map50_95': pytest.approx(0.1)}
