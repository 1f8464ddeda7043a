"""Which files say that they are bilateral grids."""

import graph_cases
import onnx
import pytest
from onnx import TensorProto, helper

from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.bilateral.grid_parts import read_parts
from sim2real_ros.runtime.bilateral.structure import METADATA_KEY, is_bilateral
from sim2real_ros.runtime.model_file import open_model


@pytest.fixture
def proto():
    return graph_cases.identity()


def opened(proto, tmp_path):
    return open_model(graph_cases.save(proto, tmp_path / 'm.onnx'))


def test_an_entry_of_the_metadata_says_so(proto, tmp_path):
    assert not is_bilateral(opened(proto, tmp_path))
    helper.set_model_props(proto, {METADATA_KEY: '{}'})
    assert is_bilateral(opened(proto, tmp_path))


def test_the_same_letters_elsewhere_in_the_file_do_not(proto, tmp_path):
    helper.set_model_props(proto, {'comment': METADATA_KEY, f'{METADATA_KEY}_of_old': '{}'})
    proto.doc_string = METADATA_KEY
    proto.graph.node[0].name = METADATA_KEY
    model = opened(proto, tmp_path)
    assert METADATA_KEY.encode() in model.content
    assert not is_bilateral(model)
    with pytest.raises(ModelError, match=f'It has no entry {METADATA_KEY}, as'):
        read_parts(model)


def test_a_file_with_its_weights_elsewhere_cannot_be_cut(proto, tmp_path):
    weight = TensorProto(name='weight', data_type=TensorProto.FLOAT, dims=[1])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key='location', value='weights.bin')
    (tmp_path / 'weights.bin').write_bytes(bytes(4))
    proto.graph.initializer.append(weight)
    helper.set_model_props(proto, {METADATA_KEY: '{}'})
    assert not is_bilateral(opened(proto, tmp_path))


def test_the_file_is_parsed_once(proto, tmp_path, monkeypatch):
    helper.set_model_props(proto, {METADATA_KEY: '{}'})
    parse, parsed = onnx.load_model_from_string, []
    monkeypatch.setattr(
        onnx, 'load_model_from_string', lambda content: parsed.append(1) or parse(content)
    )
    assert is_bilateral(opened(proto, tmp_path))
    assert parsed == [1]
