"""Every measure that the evaluation has, with small networks in place of trained ones."""

import json
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.evaluation.domain.fit import MIN_FRAMES, fit_input_domain
from sim2real_ros.evaluation.domain.out_of_domain import OutOfDomain
from sim2real_ros.evaluation.engine.measure_table import measure_groups
from sim2real_ros.evaluation.engine.options import EvaluateOptions
from sim2real_ros.evaluation.measure import Observation, Observations

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / 'tools' / 'demo'
OBJECT_ID = 5
CANDIDATE = 'made'
"""The candidate that has an input domain."""

SIZE = (128, 96)
"""Width and height of the frames that have labels."""

LABELLED = 'labelled.png'


def all_groups(folder):
    """Return the groups of measures with every option on; only LPIPS has no small network."""
    options = EvaluateOptions(
        folder,
        targets=folder,
        thresholds=('duckietown_real', 'duckietown_sim'),
        camera=str(DEMO / 'lane.yaml'),
        object_ids=(OBJECT_ID,),
        segmenter=_segmenter(folder),
        detector=_detector(folder),
        labels=_labels(folder),
    )
    random = np.random.default_rng(0)
    seen = [random.integers(0, 256, (16, 16, 3), np.uint8) for _ in range(MIN_FRAMES)]
    return measure_groups(options, {CANDIDATE: (OutOfDomain(fit_input_domain(seen)),)})


def all_measures(groups):
    """Return every measure of the groups once, also those of single candidates."""
    found = [m for group in groups for m in group.measures]
    found += [m for group in groups for own in group.own.values() for m in own]
    return list({id(measure): measure for measure in found}.values())


def looked_at(measure, frames):
    """Return an observation for each frame, an empty one where it lacks what the measure needs."""
    return [
        Observation()
        if 'previous' in measure.needs and frame.previous is None
        else measure.of_frame(frame)
        for frame in frames
    ]


def summary_of(measure, observations):
    """Sum up as the engine does."""
    names = {name for each in observations for name in each.values}
    values = {
        name: np.array([each.values.get(name, np.nan) for each in observations], np.float64)
        for name in names
    }
    kept = [each.kept for each in observations if each.kept is not None]
    return measure.summarise(Observations(values, kept))


def _segmenter(folder):
    """Write a network whose scores are the colours; ids as in the demo's masks."""
    dims = (1, 3, 'H', 'W')
    path = _save(folder / 'seg.onnx', [helper.make_node('Identity', ['image'], ['out'])], dims,
                 [helper.make_tensor_value_info('out', TensorProto.FLOAT, dims)])  # fmt: skip
    card = {'class_ids': [0, 2, OBJECT_ID], 'mean': [0, 0, 0], 'std': [1, 1, 1]}
    path.with_suffix('.segmenter.yaml').write_text(yaml.safe_dump(card))
    return path


def _detector(folder):
    """Write a detector that always finds one thing in the same place."""
    box = np.array([[[16, 12, 48, 36, 0.9, 0]]], np.float32)
    value = numpy_helper.from_array(box, 'boxes')
    _save(folder / 'detector.onnx', [helper.make_node('Constant', [], ['boxes'], value=value)],
          (1, 3, 48, 64),
          [helper.make_tensor_value_info('boxes', TensorProto.FLOAT, box.shape)])  # fmt: skip
    path = folder / 'detector.yaml'
    described = {
        'model': 'detector.onnx',
        'classes': ['duckie'],
        'output': 'end2end',
        'input': {'size': [64, 48]},
    }
    path.write_text(yaml.safe_dump(described))
    return path


def _labels(folder):
    width, height = SIZE
    path = folder / 'labels.json'
    path.write_text(json.dumps({
        'images': [{'id': 1, 'file_name': LABELLED, 'width': width, 'height': height}],
        'categories': [{'id': 1, 'name': 'duckie'}],
        'annotations': [{'id': 1, 'image_id': 1, 'category_id': 1, 'iscrowd': 0, 'area': 3072,
                         'bbox': [32, 24, 64, 48]}],
    }))  # fmt: skip
    return path


def _save(path, nodes, dims, outputs):
    image = helper.make_tensor_value_info('image', TensorProto.FLOAT, dims)
    graph = helper.make_graph(nodes, 'test', [image], outputs)
    onnx.save(
        helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)]), path
    )
    return path
