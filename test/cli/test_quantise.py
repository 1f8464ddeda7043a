import sys

import cv2
import numpy as np
import pytest

from sim2real_ros import cli
from sim2real_ros.baselines.graph_builder import GraphBuilder
from sim2real_ros.baselines.identity import write_identity
from sim2real_ros.card import ModelCard
from sim2real_ros.quantisation import quantise
from sim2real_ros.quantisation.speed import Speed
from sim2real_ros.runtime.model_file import open_model


def write_convolution(path):
    """Write a model that sharpens a little."""
    graph = GraphBuilder()
    planes = graph.add('Transpose', graph.add('Cast', 'image', to=1), perm=[0, 3, 1, 2])
    weights = np.zeros((3, 3, 3, 3), np.float32)
    for channel in range(3):
        weights[channel, channel] = -0.05
        weights[channel, channel, 1, 1] = 1.3
    value = graph.add('Conv', planes, graph.constant(weights), pads=[1] * 4, name='sharpen')
    clipped = graph.add('Clip', value, graph.constant(0), graph.constant(255))
    graph.add(
        'Cast', graph.add('Transpose', clipped, perm=[0, 2, 3, 1]), output='translated', to=2
    )
    path.write_bytes(graph.build(ModelCard('sharp')).SerializeToString())


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(quantise, 'GENERAL_BACKENDS', ())
    write_convolution(tmp_path / 'model.onnx')
    (tmp_path / 'frames').mkdir()
    for number in range(6):
        image = np.random.default_rng(number).integers(0, 200, (6, 8, 3), dtype=np.uint8)
        image = cv2.resize(image, (32, 24), interpolation=cv2.INTER_LINEAR)
        cv2.imwrite(str(tmp_path / 'frames' / f'{number}.png'), image)
    return tmp_path


def verb(monkeypatch, *words, ratio=2.0):
    """Run the verb with a clock that says how much faster int8 is."""
    monkeypatch.setattr(quantise, 'measure_speed', lambda *_: Speed(10.0 * ratio, 10.0))
    words = ['--backend', 'onnxruntime', *words]
    return cli.main(['quantise', 'model.onnx', '--frames', 'frames', '-o', 'int8.onnx', *words])


def test_the_verb_writes_what_pays_and_tells_what_it_costs(work, monkeypatch, capsys):
    (work / 'frames' / '9.png').write_bytes(b'no image')
    assert verb(monkeypatch) == 0
    shown = capsys.readouterr()
    assert 'layers in int8      1 of 1\n' in shown.out
    assert 'speed               2.00x on onnxruntime' in shown.out
    assert shown.out.endswith('wrote int8.onnx\n')
    assert 'calibrating with 4 frames' in shown.err
    assert '1 frames of frames could not be read' in shown.err
    assert 'quantised to int8' in open_model('int8.onnx').card.source
    assert verb(monkeypatch) == 1
    assert 'exists already' in capsys.readouterr().err
    assert verb(monkeypatch, '--force') == 0


def test_what_does_not_pay_is_told_and_not_written(work, monkeypatch, capsys):
    assert verb(monkeypatch, ratio=0.98) == 1
    shown = capsys.readouterr()
    assert 'mean difference' in shown.out
    assert 'int8 does not pay here: 0.98x on onnxruntime' in shown.err
    assert not (work / 'int8.onnx').exists()
    assert verb(monkeypatch, '--min-speedup', '0.9', ratio=0.98) == 0


def test_quality_has_its_limits_and_may_be_forced(work, monkeypatch, capsys):
    # No lossy model is within a thousandth of a level.
    words = ['--max-mean-levels', '0.001']
    assert verb(monkeypatch, *words) == 1
    assert 'Not written: quality is only kept where no layer' in capsys.readouterr().err
    assert verb(monkeypatch, *words, '--force-quality') == 0


def test_a_model_without_convolutions_is_refused(work, monkeypatch, capsys):
    write_identity('model.onnx', force=True)
    assert verb(monkeypatch) == 1
    assert "nothing to quantise in 'model.onnx'" in capsys.readouterr().err


def test_a_quantised_model_is_refused(work, monkeypatch, capsys):
    assert verb(monkeypatch) == 0
    (work / 'model.onnx').write_bytes((work / 'int8.onnx').read_bytes())
    assert verb(monkeypatch, '--force') == 1
    assert 'is quantised already' in capsys.readouterr().err


def test_missing_frames_are_explained_before_anything_runs(work, monkeypatch, capsys):
    assert verb(monkeypatch, '--frames', 'nowhere') == 1
    assert "'nowhere' does not exist" in capsys.readouterr().err
    (work / 'empty').mkdir()
    assert verb(monkeypatch, '--frames', 'empty') == 1
    assert "No images in 'empty'" in capsys.readouterr().err


def test_a_missing_package_is_named(work, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith('sim2real_ros.quantisation.')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr('sim2real_ros.quantisation.quantise')
    monkeypatch.setitem(sys.modules, 'onnxruntime.quantization', None)
    words = ['model.onnx', '--frames', 'frames', '-o', 'int8.onnx']
    assert cli.main(['quantise', *words]) == 1
    assert 'pip install sim2real_ros[cpu]' in capsys.readouterr().err
