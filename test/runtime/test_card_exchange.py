import dataclasses

import graph_cases
import numpy as np
import onnx
import pytest
from onnx import helper

from sim2real_ros.card import METADATA_KEY, ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.card_exchange import with_card
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator


def saved(tmp_path, metadata):
    proto = graph_cases.uint8_model(graph_cases.identity().graph.node, metadata=metadata)
    proto.producer_name = 'somebody'
    return graph_cases.save(proto, tmp_path / 'x.onnx')


@pytest.mark.parametrize('has_card', [True, False])
def test_only_the_card_changes(tmp_path, has_card):
    metadata = {'author': 'me', **(graph_cases.card_metadata() if has_card else {}), 'z': 'y'}
    model = open_model(saved(tmp_path, metadata))
    content = with_card(model, dataclasses.replace(model.card, licence='MIT'))
    before, after = (onnx.load_model_from_string(each) for each in (model.content, content))
    entries = {entry.key: entry.value for entry in after.metadata_props}
    assert len(after.metadata_props) == 3
    assert (entries['author'], entries['z']) == ('me', 'y')
    assert ModelCard.from_metadata(entries) == dataclasses.replace(model.card, licence='MIT')
    for proto in (before, after):
        del proto.metadata_props[:]
    assert before == after
    path = graph_cases.save(content, tmp_path / 'y.onnx')
    image = graph_cases.random_image(8, 4)
    np.testing.assert_array_equal(Translator.load(path).translate(image), image)


def test_of_several_cards_none_of_the_old_ones_is_left(tmp_path):
    path = saved(tmp_path, graph_cases.card_metadata())
    proto = onnx.load(path)
    proto.metadata_props.add(
        key=METADATA_KEY, value=ModelCard('other').to_metadata()[METADATA_KEY]
    )
    onnx.save(proto, path)
    graph_cases.save(with_card(open_model(path), ModelCard('new')), path)
    assert open_model(path).card.name == 'new'
    values = [each.value for each in onnx.load(path).metadata_props]
    assert values == [ModelCard('new').to_metadata()[METADATA_KEY]] * 2


def test_weights_in_other_files_are_refused(tmp_path):
    (tmp_path / 'weights.bin').write_bytes(bytes(12))
    proto = graph_cases.uint8_model(
        [helper.make_node('Identity', ['image'], ['translated'])],
        constants={'weights': graph_cases.external_tensor('weights.bin')},
    )
    model = open_model(graph_cases.save(proto, tmp_path / 'x.onnx'))
    with pytest.raises(ModelError, match='keeps its weights in other files'):
        with_card(model, model.card)
