import dataclasses

import detector_cases as cases
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sim2real_ros.errors import BackendError, ConfigError, DataError, ModelError
from sim2real_ros.evaluation.perception.detector_description import DetectorInput
from sim2real_ros.evaluation.perception.detector_input import input_array, place_in_input
from sim2real_ros.evaluation.perception.detector_onnx import OnnxDetector

BOXES = np.array([[8, 6, 24, 18], [30, 12, 60, 44], [0, 0, 64, 48]], np.float32)
SCORES = np.array([0.9, 0.6, 0.3], np.float32)
LABELS = np.array([1, 0, 2])


def load(folder, proto, *, trial=False, **described):
    path = cases.write_detector(folder, proto, cases.description(**described))
    return OnnxDetector.load(path, trial=trial)


def image(width=64, height=48):
    return np.full((height, width, 3), 90, np.uint8)


def centred(boxes):
    return np.concatenate(
        ((boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]), axis=1
    ).astype(np.float32)


def class_scores(count=3):
    scores = np.full((len(LABELS), count), 0.01, np.float32)
    scores[np.arange(len(LABELS)), LABELS] = SCORES
    return scores


def yolo_v8(extra=()):
    rows = np.concatenate((centred(BOXES), class_scores()), axis=1)
    rows = np.concatenate((rows, *extra)) if extra else rows
    return rows.T[None]


def yolo_v5():
    objectness = np.array([[0.95], [0.8], [0.5]], np.float32)
    return np.concatenate((centred(BOXES), objectness, class_scores() / objectness), axis=1)[None]


def end2end():
    rows = np.column_stack((BOXES, SCORES, LABELS)).astype(np.float32)
    return np.concatenate((rows, np.zeros((5, 6), np.float32)))[None]


KINDS = {
    'yolo v8': ('yolo', {'output0': yolo_v8()}, {}),
    'yolo v8, anchors first': ('yolo', {'o': np.ascontiguousarray(yolo_v8()[0].T[None])}, {}),
    'yolo v5': ('yolo', {'output': yolo_v5()}, {}),
    'yolo as shares': (
        'yolo',
        {'o': yolo_v8() / np.array([64, 48, 64, 48, 1, 1, 1], np.float32)[:, None]},
        {'box_unit': 'share'},
    ),
    'end2end': ('end2end', {'output0': end2end()}, {}),
    'end2end without a batch': ('end2end', {'output0': end2end()[0]}, {}),
    'end2end in half': ('end2end', {'output0': end2end().astype(np.float16)}, {}),
    'torchvision': (
        'boxes_scores_labels',
        {'boxes': BOXES, 'labels': LABELS + 1, 'scores': SCORES},
        {'first_label': 1},
    ),
    'torchvision with numbers as names': (
        'boxes_scores_labels', {'2773': BOXES, '2775': LABELS, '2774': SCORES}, {}
    ),
    'three with a batch and named in the file': (
        'boxes_scores_labels',
        {'a': LABELS[None].astype(np.float32), 'b': SCORES[None], 'c': BOXES[None]},
        {'outputs': {'boxes': 'c', 'scores': 'b', 'labels': 'a'}},
    ),
}  # fmt: skip


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_of_output_gives_the_same_boxes(tmp_path, kind):
    output, arrays, more = KINDS[kind]
    detector = load(tmp_path, cases.constant_graph(arrays), output=output, **more)
    found = detector.detect(image())
    tolerance = 0.02 if 'half' in kind else 1e-4
    np.testing.assert_allclose(found.boxes, BOXES, atol=tolerance)
    np.testing.assert_allclose(found.scores, SCORES, atol=1e-3)
    assert found.labels.tolist() == LABELS.tolist()
    assert (found.boxes.dtype, found.scores.dtype, found.labels.dtype) == (
        np.float32, np.float32, np.int32
    )  # fmt: skip
    assert detector.classes == cases.CLASSES
    assert len(detector.detect(image(), 0.5)) == 2
    assert len(detector.detect(image(), 0.95)) == 0


def test_the_threshold_of_the_file_counts_where_no_other_is_given(tmp_path):
    proto = cases.constant_graph({'o': end2end()})
    detector = load(tmp_path, proto, output='end2end', score_threshold=0.5)
    assert detector.detect(image()).scores.tolist() == pytest.approx([0.9, 0.6])
    assert len(detector.detect(image(), 0.0)) == 3
    assert len(detector.detect(image(), 0.0).above(0.6)) == 2


def test_an_equal_score_is_enough(tmp_path):
    detector = load(tmp_path, cases.constant_graph({'o': end2end()}), output='end2end')
    assert len(detector.detect(image(), float(SCORES[0]))) == 1


@pytest.mark.parametrize(('iou', 'left'), [(None, 3), (0.0, 3), (0.95, 4), (1.0, 4)])
def test_repeated_boxes_of_a_yolo_are_suppressed(tmp_path, iou, left):
    again = np.concatenate((centred(BOXES[:1] + 0.5), [[0.01, 0.8, 0.01]]), axis=1)
    proto = cases.constant_graph({'o': yolo_v8([again.astype(np.float32)])})
    more = {} if iou is None else {'nms_iou': iou}
    found = load(tmp_path, proto, output='yolo', **more).detect(image())
    assert len(found) == left
    assert found.scores[0] == pytest.approx(0.9)


def test_those_with_suppression_in_the_graph_keep_what_they_gave(tmp_path):
    twice = np.concatenate((end2end()[0, :3], end2end()[0, :1]))[None]
    proto = cases.constant_graph({'o': twice})
    assert len(load(tmp_path, proto, output='end2end').detect(image())) == 4
    assert len(load(tmp_path, proto, output='end2end', nms_iou=0.5).detect(image())) == 3
    assert len(load(tmp_path, proto, output='end2end', max_detections=2).detect(image())) == 2


@pytest.mark.parametrize('size', [(128, 96), (64, 48), (100, 48), (48, 100), (33, 77), (641, 17)])
def test_letterboxed_coordinates_come_back_exactly(tmp_path, size):
    width, height = size
    box = np.array([0.25 * width, 0.1 * height, 0.75 * width, 0.9 * height])
    # By hand: sides rounded to whole pixels, half of the rest, rounded down, before them.
    factor = min(64 / width, 48 / height)
    inner = np.maximum(1, [round(width * factor), round(height * factor)])
    scale, offset = inner / size, (np.array([64, 48]) - inner) // 2
    placed = (box.reshape(2, 2) * scale + offset).reshape(4)
    row = np.array([[[*placed, 0.9, 0]]], np.float32)
    found = load(tmp_path, cases.constant_graph({'o': row}), output='end2end').detect(image(*size))
    np.testing.assert_allclose(found.boxes[0], box, rtol=1e-5)


def test_stretched_coordinates_come_back_exactly(tmp_path):
    proto = cases.constant_graph({'o': np.array([[16, 12, 48, 36, 0.9, 0]], np.float32)})
    detector = load(tmp_path, proto, output='end2end', input_fit='stretch')
    found = detector.detect(image(100, 33))
    np.testing.assert_allclose(found.boxes[0], [25, 8.25, 75, 24.75], rtol=1e-6)


def test_boxes_are_cut_at_the_image_and_those_in_the_borders_go(tmp_path):
    # 64x48 holds 64x24 of an image of 128x48: rows 12..36.
    rows = [[-5, 0, 32, 30, 0.9, 0], [0, 0, 64, 12, 0.8, 0], [0, 37, 9, 48, 0.7, 0]]
    proto = cases.constant_graph({'o': np.array([rows], np.float32)})
    found = load(tmp_path, proto, output='end2end').detect(image(128, 48))
    np.testing.assert_allclose(found.boxes, [[0, 0, 64, 36]])


@pytest.mark.parametrize('fit', ['letterbox', 'stretch'])
@pytest.mark.parametrize('size', [(64, 48), (128, 96), (128, 48)])
def test_a_detector_that_looks_finds_the_bright_box(tmp_path, fit, size):
    rgb = np.zeros((size[1], size[0], 3), np.uint8)
    rgb[16:32, 40:60, 0] = 255
    proto = cases.bright_box_graph()
    detector = load(tmp_path, proto, output='end2end', input_fit=fit)
    found = detector.detect(rgb)
    np.testing.assert_allclose(found.boxes, [[40, 16, 60, 32]], atol=1)
    assert len(detector.detect(np.zeros_like(rgb))) == 0


def test_channels_range_and_layout_reach_the_network(tmp_path):
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[10:20, 30:40] = (255, 0, 0)
    rgb[30:40, 5:15] = (0, 0, 255)
    red, blue = [30, 10, 40, 20], [5, 30, 15, 40]

    def boxes(graph=None, **more):
        proto = cases.bright_box_graph(**(graph or {}))
        return load(tmp_path, proto, output='end2end', **more).detect(rgb, 0).boxes.tolist()

    assert boxes() == [red]
    assert boxes(input_colour_order='BGR') == [blue]
    assert boxes({'layout': 'NHWC'}, input_layout='NHWC') == [red]
    assert boxes({'dtype': TensorProto.FLOAT16}) == [red]
    assert boxes({'dtype': TensorProto.UINT8, 'above': 200.0}) == [red]
    # 255 becomes 1, then (1 - 0.9) / 0.5 = 0.2: below 0.5, above 0.15.
    means = {'input_mean': [0.9, 0, 0], 'input_std': [0.5, 1, 1]}
    assert boxes(**means) == []
    assert boxes({'above': 0.15}, **means) == [red]
    assert boxes({'above': 0.25}, **means) == []
    assert boxes({'above': 254.0}, input_value_range=[0, 255]) == [red]
    assert boxes({'above': -0.5}, input_value_range=[-1, 1]) == [red]


def test_impossible_boxes_and_classes_are_left_out(tmp_path):
    nan, inf = np.nan, np.inf
    rows = [
        [1, 1, 9, 9, 0.9, 2],
        [nan, 1, 9, 9, 0.9, 0],
        [1, 1, inf, 9, 0.9, 0],
        [9, 1, 1, 9, 0.9, 0],
        [1, 1, 9, 9, nan, 0],
        [1, 1, 9, 9, 0.9, 3],
        [1, 1, 9, 9, 0.9, -1],
        [1, 1, 9, 9, 0.9, nan],
    ]
    proto = cases.constant_graph({'o': np.array([rows], np.float32)})
    found = load(tmp_path, proto, output='end2end').detect(image(), 0.0)
    assert found.labels.tolist() == [2]
    broken = np.full((1, 7, 20), nan, np.float32)
    broken[0, 4:] = 0.5
    broken[0, :4, 0] = np.float32(3e38)
    proto = cases.constant_graph({'o': broken})
    assert len(load(tmp_path / 'b', proto, output='yolo').detect(image())) == 0


def test_nothing_found_is_no_error(tmp_path):
    empty = {
        'boxes': np.zeros((0, 4), np.float32),
        'scores': np.zeros(0, np.float32),
        'labels': np.zeros(0, np.int64),
    }
    found = load(tmp_path, cases.constant_graph(empty), output='boxes_scores_labels')
    assert len(found.detect(image())) == 0


@pytest.mark.parametrize(
    ('output', 'arrays', 'message'),
    [
        ('yolo', {'o': np.zeros((1, 9, 20), np.float32)}, r'of a yolo with 3 classes \[1, 7,'),
        ('yolo', {'o': np.zeros((1, 7, 20), np.int64)}, 'is int64; expected floats'),
        ('end2end', {'o': np.zeros((1, 20, 7), np.float32)}, r'of end2end \[1, N, 6\]'),
        ('boxes_scores_labels', {'a': BOXES, 'b': SCORES}, 'not clear which are boxes'),
        (
            'boxes_scores_labels',
            {'boxes': BOXES, 'scores': SCORES[:2], 'labels': LABELS},
            r'expected boxes \[N, 4\]',
        ),
    ],
)
def test_outputs_of_another_kind_are_explained(tmp_path, output, arrays, message):
    detector = load(tmp_path, cases.constant_graph(arrays), output=output)
    with pytest.raises(ModelError, match=message):
        detector.detect(image())


def test_outputs_that_are_not_there_are_named(tmp_path):
    proto = cases.constant_graph({'o': end2end()})
    detector = load(tmp_path, proto, output='end2end', outputs={'boxes': 'x'})
    with pytest.raises(ModelError, match="no output 'x', only o"):
        detector.detect(image())


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        ({'size': (32, 48)}, r'takes float32 \[1, 3, 48, 64\], but is described as NCHW'),
        ({'input_layout': 'NHWC'}, 'described as NHWC'),
        ({'input_name': 'x'}, "has the inputs 'image'; expected 'x'"),
    ],
)
def test_an_input_of_another_kind_is_explained(tmp_path, more, message):
    with pytest.raises(ModelError, match=message):
        load(tmp_path, cases.constant_graph({'o': end2end()}), output='end2end', **more)


def test_a_dynamic_size_takes_the_described_one(tmp_path):
    dims = ('N', 3, 'H', 'W')
    proto = cases.constant_graph({'o': end2end()}, dims=dims)
    assert len(load(tmp_path, proto, output='end2end', size=(32, 24)).detect(image())) == 3


@pytest.mark.parametrize('model', ['../detector.onnx', '/tmp/detector.onnx', 'a/../../d.onnx'])
def test_a_model_outside_of_the_folder_is_refused(tmp_path, model):
    path = tmp_path / 'detector.yaml'
    path.write_text(f'{{model: {model}, classes: [a], output: yolo, input: {{size: [64, 48]}}}}')
    with pytest.raises(DataError, match='is refused'):
        OnnxDetector.load(path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'output': 'yolov8'}, 'output: expected one of'),
        ({'classes': []}, 'names, none of them empty'),
        ({'classes': ['a', 'a']}, 'a name appears twice'),
        ({'classes': ['a', ' ']}, 'none of them empty'),
        ({'score_treshold': 0.5}, "Did you mean 'score_threshold'"),
        ({'score_threshold': 1.5}, r'score_threshold 1\.5'),
        ({'nms_iou': -0.1}, r'nms_iou -0\.1'),
        ({'max_detections': 0}, 'max_detections 0'),
        ({'first_label': -1}, 'first_label -1'),
        ({'input': {'size': [0, 48]}}, r'size \(0, 48\)'),
        ({'input': {'size': [64]}}, 'expected 2 values'),
        ({'input': {'size': [64, 48], 'std': [0, 1, 1]}}, r'std must be positive, not \(0\.0'),
        ({'input': {'size': [64, 48], 'value_range': [1, 0]}}, 'black < white'),
        ({'input': {'size': [64, 48], 'mean': [float('nan'), 0, 0]}}, 'finite numbers'),
        ({'input': {'size': [64, 48], 'border': 256}}, 'border 256'),
        ({'input': {'size': [64, 48], 'fit': 'crop'}}, 'fit: expected one of'),
    ],
)  # fmt: skip
def test_a_wrong_description_is_explained(tmp_path, change, message):
    proto = cases.constant_graph({'o': end2end()})
    path = cases.write_detector(tmp_path, proto, cases.description('end2end') | change)
    with pytest.raises(ConfigError, match=message):
        OnnxDetector.load(path)


def test_a_missing_or_damaged_model_is_explained(tmp_path):
    path = cases.write_detector(
        tmp_path, cases.constant_graph({'o': end2end()}), cases.description('end2end')
    )
    (tmp_path / 'detector.onnx').write_bytes(b'\x08')
    with pytest.raises(ModelError, match='damaged or no ONNX file'):
        OnnxDetector.load(path)
    (tmp_path / 'detector.onnx').unlink()
    with pytest.raises(ModelError, match='No model file'):
        OnnxDetector.load(path)


def test_unknown_operators_are_refused(tmp_path):
    proto = cases.constant_graph({'o': end2end()})
    proto.graph.node.append(helper.make_node('Evil', ['image'], ['x'], domain='evil'))
    proto.opset_import.append(helper.make_opsetid('evil', 1))
    path = tmp_path / 'detector.yaml'
    cases.write_detector(tmp_path, onnx.ModelProto.FromString(proto.SerializeToString()),
                         cases.description('end2end'))  # fmt: skip
    with pytest.raises(BackendError, match='cannot load'):
        OnnxDetector.load(path, trial=False)


def test_the_trial_passes_a_good_detector_and_tells_why_a_bad_one_fails(tmp_path):
    good = cases.constant_graph({'o': end2end()})
    assert load(tmp_path / 'a', good, trial=True, output='end2end').name == 'detector'
    with pytest.raises(ModelError, match=r'of a yolo with 3 classes'):
        load(tmp_path / 'b', good, trial=True, output='yolo')


def test_an_endless_detector_is_refused_in_time(tmp_path):
    path = cases.write_detector(tmp_path, cases.endless_graph(), cases.description('end2end'))
    with pytest.raises(ModelError, match='gave no boxes within 1 s in a trial run'):
        OnnxDetector.load(path, timeout_s=1)


def test_the_name_is_the_one_given_or_that_of_the_file(tmp_path):
    proto = cases.constant_graph({'o': end2end()})
    assert load(tmp_path, proto, output='end2end').name == 'detector'
    assert load(tmp_path, proto, output='end2end', name='night').name == 'night'
    assert dataclasses.is_dataclass(type(load(tmp_path, proto, output='end2end').detect(image())))


@pytest.mark.parametrize('order', ['RGB', 'BGR'])
def test_the_numbers_of_the_input_are_those_of_the_formula(order):
    described = DetectorInput(
        (64, 48),
        value_range=(-1.0, 1.0),
        mean=(0.1, 0.2, 0.3),
        std=(0.5, 0.6, 0.7),
        colour_order=order,
    )
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    found = input_array(rgb, place_in_input(rgb, described), described, 'float32')
    ordered = rgb if order == 'RGB' else rgb[..., ::-1]
    expected = (ordered / 127.5 - 1 - np.array(described.mean)) / np.array(described.std)
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found[0].transpose(1, 2, 0), expected, atol=1e-6)
