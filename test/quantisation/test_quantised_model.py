import dataclasses
import os

import numpy as np
import pytest

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ConfigError, DataError, ModelError
from sim2real_ros.quantisation.frame_sets import FrameSets
from sim2real_ros.quantisation.options import QuantiseOptions
from sim2real_ros.quantisation.quality import QualityLoss
from sim2real_ros.quantisation.quantised_model import (
    BackendSpeed,
    QuantisedModel,
    write_quantised,
)
from sim2real_ros.quantisation.speed import Speed

FINE = QualityLoss(0.5, 1.0, 9, 45.0, 42.0, 0.98)
POOR = QualityLoss(3.0, 5.0, 90, 30.0, 28.0, 0.7)


def speed(ratio, choice='auto', names=('onnxruntime 1', 'onnxruntime 1')):
    return BackendSpeed(choice, names, Speed(10.0 * ratio, 10.0))


def quantised(loss=FINE, speeds=(2.0,), kept=(), **options):
    image = np.zeros((4, 4, 3), np.uint8)
    return QuantisedModel(
        b'content',
        ModelCard('m'),
        ('a', 'b', 'c'),
        kept,
        loss,
        tuple(each if isinstance(each, BackendSpeed) else speed(each) for each in speeds),
        QuantiseOptions(**options),
        FrameSets((image,) * 3, (image,)),
    )


def test_what_is_good_and_faster_is_written(tmp_path):
    path = tmp_path / 'new' / 'm.onnx'
    write_quantised(quantised(), path)
    assert path.read_bytes() == b'content'
    assert [each.name for each in path.parent.iterdir()] == ['m.onnx']


@pytest.mark.parametrize(
    ('model', 'words'),
    [
        (quantised(POOR), 'int8 costs too much quality: an image is 5.00 levels off'),
        (quantised(speeds=[0.98]), r'int8 does not pay here: 0.98x on onnxruntime 1 \(at least 1'),
        (quantised(speeds=[1.0999]), 'does not pay here: 1.09x'),
        (quantised(POOR, [0.5]), 'quality.* int8 does not pay'),
        (
            quantised(speeds=[1.0, speed(1.2, 'x'), speed(1.5, 'openvino'), speed(1.3, 'y')]),
            'It does with --backend openvino: 1.50x',
        ),
        (quantised(POOR, [0.5], force_quality=True), 'Not written: int8 does not pay'),
    ],
)
def test_what_does_not_pay_is_not_written(tmp_path, model, words):
    path = tmp_path / 'm.onnx'
    path.write_bytes(b'earlier')
    with pytest.raises(ModelError, match=words):
        write_quantised(model, path, force=True)
    assert path.read_bytes() == b'earlier'


@pytest.mark.parametrize(
    'model',
    [
        quantised(POOR, force_quality=True),
        quantised(speeds=[0.9], min_speedup=0.9),
        quantised(speeds=[0.1], min_speedup=0),
        quantised(POOR, max_mean_levels=5, min_psnr_db=28, min_edge_agreement=0.7),
    ],
)
def test_limits_are_the_users(tmp_path, model):
    write_quantised(model, tmp_path / 'm.onnx')
    assert (tmp_path / 'm.onnx').is_file()


def test_a_file_that_exists_is_replaced_only_by_force(tmp_path):
    path = tmp_path / 'm.onnx'
    path.write_bytes(b'earlier')
    with pytest.raises(ModelError, match='exists already'):
        write_quantised(quantised(), path)
    write_quantised(quantised(), path, force=True)
    assert path.read_bytes() == b'content'


def test_a_disk_that_refuses_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / 'm.onnx'
    path.write_bytes(b'earlier')

    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'replace', full)
    monkeypatch.setattr('pathlib.Path.replace', full)
    with pytest.raises(DataError, match='No space left'):
        write_quantised(quantised(), path, force=True)
    assert path.read_bytes() == b'earlier'
    assert [each.name for each in tmp_path.iterdir()] == ['m.onnx']


def test_a_side_card_must_not_hide_the_new_one(tmp_path):
    (tmp_path / 'm.card.yaml').write_text('name: other')
    with pytest.raises(ModelError, match='would hide the card inside it'):
        write_quantised(quantised(), tmp_path / 'm.onnx')


def test_the_table_tells_all_that_was_measured():
    model = quantised(
        speeds=[speed(2.0, names=('fused 1', 'onnxruntime 1')), speed(0.5, 'openvino')],
        kept=('b',),
    )
    assert model.describe() == [
        'layers in int8      2 of 3 (in float: b)',
        'frames              3 to calibrate, 1 others to measure',
        'mean difference     0.50 levels, worst frame 1.00',
        'largest difference  9 levels',
        'PSNR                45.0 dB, worst frame 42.0',
        'edge agreement      0.980',
        'speed               2.00x on fused 1 -> onnxruntime 1 (20.00 -> 10.00 ms)',
        'speed               0.50x on onnxruntime 1 (5.00 -> 10.00 ms)',
    ]


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'held_out_frames': 0}, 'held_out_frames must be 1 or more, not 0'),
        ({'max_mean_levels': -1.0}, 'max_mean_levels must be 0 or more, not -1'),
        ({'min_speedup': float('nan')}, 'min_speedup must be 0 or more, not nan'),
        ({'min_edge_agreement': 1.5}, 'must lie in 0..1, not 1.5'),
    ],
)
def test_options_outside_their_meaning_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        QuantiseOptions(**options)


def test_options_are_taken_out_of_a_larger_mapping():
    options = QuantiseOptions.from_mapping({'model': 'x', 'min_speedup': 3.0, 'size': (4, 2)})
    assert options == dataclasses.replace(QuantiseOptions(), min_speedup=3.0, size=(4, 2))
