import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from conv_models import (
    CARD,
    fill,
    good_layers,
    layers_with_a_bad_one,
    model,
    pass_on,
    proto_of,
    scene,
    twice_as_fast,
    without_blue,
)
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.data import open_source
from sim2real_ros.errors import ModelError
from sim2real_ros.quantisation import quantise
from sim2real_ros.quantisation.options import QuantiseOptions
from sim2real_ros.quantisation.quantised_model import write_quantised
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator

ANYTHING = {'max_mean_levels': 255.0, 'min_psnr_db': 0.0, 'min_edge_agreement': 0.0}
FEW = {'calibration_frames': 5, 'held_out_frames': 2, 'backend': 'onnxruntime'}


@pytest.fixture(autouse=True)
def one_backend(monkeypatch):
    monkeypatch.setattr(quantise, 'GENERAL_BACKENDS', ('onnxruntime',))


@pytest.fixture
def frames(tmp_path):
    return fill(tmp_path / 'frames', [scene(number) for number in range(7)])


def quantised(path, frames, **options):
    source = open_source(frames)
    settings = QuantiseOptions(**{**FEW, **options})
    return quantise.quantise_model(open_model(path), source, settings, meter=twice_as_fast)


def written(path, frames, **options):
    result = quantised(path, frames, **options)
    target = path.with_name('int8.onnx')
    write_quantised(result, target)
    return result, open_model(target)


def operators(model_file, kind):
    nodes = onnx.load_model_from_string(model_file.content).graph.node
    return [node for node in nodes if node.op_type == kind]


def test_a_model_is_an_ordinary_model_afterwards(tmp_path, frames):
    path = model(tmp_path / 'm.onnx', good_layers())
    result, new = written(path, frames)
    assert result.kept_in_float == ()
    original = open_model(path)
    assert (new.inputs, new.outputs) == (original.inputs, original.outputs)
    nodes = onnx.load_model_from_string(new.content).graph.node
    ends = [node for node in nodes if 'image' in node.input or 'translated' in node.output]
    assert [node.op_type for node in ends] == ['Cast', 'Cast']
    weights = [t for t in onnx.load_model_from_string(new.content).graph.initializer
               if t.data_type == TensorProto.INT8 and len(t.dims) == 4]  # fmt: skip
    assert sorted(tuple(each.dims) for each in weights) == [
        (3, 8, 3, 3),
        (8, 3, 3, 3),
        (8,) * 2 + (3, 3),
    ]
    image = scene(99)
    images = [Translator.load(each, backend='onnxruntime', provider='cpu').translate(image)
              for each in (path, new.path)]  # fmt: skip
    difference = np.abs(images[0].astype(int) - images[1])
    assert 0 < difference.mean() < 2
    assert images[0].std() > 20


def test_scales_are_those_of_the_channels(tmp_path, frames):
    layers = good_layers()
    layers[1][0] *= 3
    _, new = written(model(tmp_path / 'm.onnx', layers), frames, **ANYTHING)
    tensors = {t.name: numpy_helper.to_array(t)
               for t in onnx.load_model_from_string(new.content).graph.initializer}  # fmt: skip
    scales = [
        tensors[node.input[1]]
        for node in operators(new, 'DequantizeLinear')
        if node.input[0] in tensors and tensors[node.input[0]].shape == (8, 8, 3, 3)
    ]
    expected = np.abs(layers[1]).max((1, 2, 3)) / 127
    np.testing.assert_allclose(scales[0], expected, rtol=0.01)


def test_the_card_tells_origin_and_loss_and_no_times(tmp_path, frames):
    path = model(tmp_path / 'm.onnx', good_layers())
    result, new = written(path, frames, reduce_range=True, **ANYTHING)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert new.card.source == (
        'run x, step 7; quantised to int8 (static QDQ, minmax over 5 frames, 7-bit weights) '
        f'from sha256 {digest}'
    )
    assert new.card.metrics == {
        'kid': 0.5,
        'int8_calibration_frames': 5.0,
        'int8_mean_levels': round(result.loss.mean_levels, 4),
        'int8_max_levels': float(result.loss.max_levels),
        'int8_psnr_db': round(result.loss.psnr_db, 2),
        'int8_edge_agreement': round(result.loss.edge_agreement, 4),
    }
    assert (new.card.name, new.card.method, new.card.size) == ('tiny', 'test', None)


def test_reduced_range_means_smaller_weights(tmp_path, frames):
    path = model(tmp_path / 'm.onnx', good_layers())
    largest = {}
    for reduced in (False, True):
        proto = onnx.load_model_from_string(
            quantised(path, frames, reduce_range=reduced, **ANYTHING).content
        )
        largest[reduced] = max(
            np.abs(numpy_helper.to_array(t).astype(int)).max()
            for t in proto.graph.initializer
            if t.data_type == TensorProto.INT8 and len(t.dims) == 4
        )
    assert largest == {False: 127, True: 64}


@pytest.mark.parametrize('bad', [0, 2])
def test_the_layer_that_is_bad_stays_in_float(tmp_path, bad):
    frames = fill(tmp_path / 'no_blue', without_blue(7))
    result, new = written(model(tmp_path / 'm.onnx', layers_with_a_bad_one(bad)), frames)
    assert result.kept_in_float == (f'layer_{bad}',)
    assert result.loss.worst_mean_levels < 2
    tensors = {t.name: t for t in onnx.load_model_from_string(new.content).graph.initializer}
    for node in operators(new, 'Conv'):
        assert (node.input[1] in tensors) == (node.name == f'layer_{bad}')
    # A layer between two quantised ones has to be kept from ONNX Runtime's own quantising.
    assert len(operators(new, 'Max')) == (bad == 2)


def test_a_model_that_is_bad_throughout_is_refused(tmp_path):
    weights = layers_with_a_bad_one()[0][:3]
    path = model(tmp_path / 'm.onnx', [weights])
    dark = fill(tmp_path / 'no_blue', without_blue(7))
    with pytest.raises(ModelError, match=r'only kept where no layer of .* is quantised'):
        quantised(path, dark)
    result = quantised(path, dark, force_quality=True, min_speedup=0)
    assert result.loss.worst_mean_levels > 2
    assert result.refusals() == []


def test_frames_that_calibration_did_not_see_decide(tmp_path):
    # Every fourth frame is held out, and is brighter than any of the others.
    images = [scene(number, 0, 250 if number % 4 == 2 else 40) for number in range(8)]
    path = model(tmp_path / 'm.onnx', good_layers())
    folder = fill(tmp_path / 'frames', images)
    result = quantised(path, folder, calibration_frames=6, held_out_frames=2)
    assert [int(image.max()) for image in result.frames.held_out] == [250, 250]
    assert max(int(image.max()) for image in result.frames.calibration) == 40
    with pytest.raises(ModelError, match='int8 costs too much quality'):
        write_quantised(result, tmp_path / 'new.onnx')
    assert not (tmp_path / 'new.onnx').exists()


def with_detail(path):
    """Write a model whose result is (1 - s) x the image of the convolutions, s = 1 - strength."""
    proto = proto_of(good_layers())
    last = next(node for node in proto.graph.node if node.op_type == 'Round')
    product, last.input[0] = last.input[0], 'weakened'
    multiply = helper.make_node('Mul', [product, 'detail_strength'], ['weakened'])
    proto.graph.node.insert(list(proto.graph.node).index(last), multiply)
    kind = (TensorProto.FLOAT, (1,))
    proto.graph.input.append(helper.make_tensor_value_info('detail_strength', *kind))
    card = type(CARD)(name='d', extra_inputs={'detail_strength': [1.0]})
    helper.set_model_props(proto, card.to_metadata())
    path.write_bytes(proto.SerializeToString())
    return path


def test_further_inputs_stay_inputs(tmp_path, frames):
    _, new = written(with_detail(tmp_path / 'm.onnx'), frames)
    assert [tensor.name for tensor in new.inputs] == ['image', 'detail_strength']
    assert new.card.extra_inputs == {'detail_strength': [1.0]}
    assert Translator.load(new.path, backend='onnxruntime').translate(scene(1)).std() > 20


def test_somebody_elses_model_gets_its_side_card_inside(tmp_path, frames):
    weights = numpy_helper.from_array(pass_on(3, 3), 'w')
    kind = (TensorProto.FLOAT, (1, 3, 'H', 'W'))
    graph = helper.make_graph(
        [helper.make_node('Conv', ['x', 'w'], ['y'], pads=[1] * 4)],
        'theirs',
        [helper.make_tensor_value_info('x', *kind)],
        [helper.make_tensor_value_info('y', *kind)],
        [weights],
    )
    proto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)])
    path = tmp_path / 'theirs.onnx'
    path.write_bytes(proto.SerializeToString())
    side = {'name': 'theirs', 'input': 'x', 'output': 'y', 'layout': 'NCHW', 'dtype': 'float32',
            'value_range': [-1, 1], 'colour_order': 'BGR'}  # fmt: skip
    path.with_suffix('.card.yaml').write_text(yaml.safe_dump(side))
    _, new = written(path, frames)
    assert (new.card.value_range, new.card.colour_order) == ((-1.0, 1.0), 'BGR')
    image = scene(3)
    images = [Translator.load(each, backend='onnxruntime').translate(image)
              for each in (path, new.path)]  # fmt: skip
    assert np.abs(images[0].astype(int) - images[1]).mean() < 2


@pytest.mark.parametrize('calibration', ['minmax', 'percentile', 'entropy'])
def test_every_calibration_is_silent_and_its_bytes_are_the_same_again(
    tmp_path, frames, calibration, capfd
):
    path = model(tmp_path / 'm.onnx', good_layers())
    first, second = (
        quantised(path, frames, calibration=calibration, force_quality=True) for _ in range(2)
    )
    assert first.content == second.content
    assert f'static QDQ, {calibration} over' in first.card.source
    assert capfd.readouterr().out == ''


def test_the_bytes_do_not_depend_on_the_hashes_of_a_process(tmp_path, frames):
    path = model(tmp_path / 'm.onnx', good_layers())
    code = (
        'import sys, hashlib; sys.path.insert(0, sys.argv[1]); import test_quantise_model as t; '
        't.quantise.GENERAL_BACKENDS = (); '
        'result = t.quantised(t.Path(sys.argv[2]), sys.argv[3]); '
        'print(hashlib.sha256(result.content).hexdigest())'
    )
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, '-c', code, str(Path(__file__).parent), str(path), str(frames)]
    environment = {**os.environ, 'PYTHONHASHSEED': '1', 'PYTHONPATH': str(root)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    content = quantised(path, frames).content
    assert done.stdout.strip() == hashlib.sha256(content).hexdigest()


def test_speed_is_measured_on_all_back_ends_and_decided_by_the_one_that_counts(
    tmp_path, frames, monkeypatch
):
    pytest.importorskip('openvino')
    monkeypatch.setattr(quantise, 'GENERAL_BACKENDS', ('onnxruntime', 'openvino', 'absent'))
    path = model(tmp_path / 'm.onnx', good_layers())
    result = quantised(path, frames, backend='openvino')
    assert [each.choice for each in result.speeds] == ['openvino', 'onnxruntime']
    assert [each.names[0].partition(' ')[0] for each in result.speeds] == [
        *('openvino', 'onnxruntime')
    ]


def test_nothing_is_left_in_the_folder_of_the_model(tmp_path, frames):
    folder = tmp_path / 'only'
    folder.mkdir()
    quantised(model(folder / 'm.onnx', good_layers()), frames)
    assert [each.name for each in folder.iterdir()] == ['m.onnx']
