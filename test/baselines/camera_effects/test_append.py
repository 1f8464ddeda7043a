import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.baselines.camera_effects.append import OPSETS, append_effects
from sim2real_ros.baselines.camera_effects.effects import CameraEffects
from sim2real_ros.baselines.camera_effects.fit import CameraEffectsFit
from sim2real_ros.baselines.camera_effects.model import write_effects_model
from sim2real_ros.baselines.camera_effects.preceding_generator import PrecedingGenerator
from sim2real_ros.baselines.camera_effects.reference import EffectsReference
from sim2real_ros.card import METADATA_KEY, ModelCard
from sim2real_ros.errors import ConfigError, ModelError
from sim2real_ros.runtime.model_file import open_model

EFFECTS = CameraEffects(
    corner_darkening=0.3, blur_sigma_px=0.7, noise_dark_levels=4, noise_bright_levels=2
)
FIT = CameraEffectsFit(EFFECTS, (), (64, 48), 1.0, (9, 8), [], [], [])


def write_generator(path, *, opset=17, size=None, metadata=None, card=None):
    """Write a model that adds 40 levels times detail_strength."""
    card = card or ModelCard('plus', method='plus', size=size, extra_inputs={
        'detail_strength': [1.0]}, training_data='A', licence='mine', metrics={'kid': 1.0},
    )  # fmt: skip
    shape = [1, size[1], size[0], 3] if size else ['N', 'H', 'W', 3]
    nodes = [
        helper.make_node('Cast', ['image'], ['values'], to=TensorProto.FLOAT),
        helper.make_node('Mul', ['detail_strength', 'forty'], ['more']),
        helper.make_node('Add', ['values', 'more'], ['sum']),
        helper.make_node('Clip', ['sum', 'low', 'high'], ['clipped']),
        helper.make_node('Cast', ['clipped'], ['translated'], to=TensorProto.UINT8),
    ]
    constants = {'forty': 40, 'low': 0, 'high': 255}
    graph = helper.make_graph(
        nodes,
        'plus',
        [
            helper.make_tensor_value_info('image', TensorProto.UINT8, shape),
            helper.make_tensor_value_info('detail_strength', TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info('translated', TensorProto.UINT8, shape)],
        [numpy_helper.from_array(np.float32(v), k) for k, v in constants.items()],
    )
    imports = [helper.make_opsetid('', opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    helper.set_model_props(model, {**(metadata or {}), **card.to_metadata()})
    onnx.save(model, path)
    return path


def run(path, image, strength=1.0):
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return session.run(None, {'image': image, 'detail_strength': np.float32([strength])})[0]


def noisy_image(shape=(2, 48, 64)):
    return np.random.default_rng(5).integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.mark.parametrize('opset', [OPSETS[0], 17, OPSETS[-1]])
def test_joined_model_does_both_and_keeps_detail_strength(opset, tmp_path):
    generator = open_model(write_generator(tmp_path / 'plus.onnx', opset=opset))
    write_effects_model(FIT, tmp_path / 'both.onnx', 'B', 'theirs', generator=generator)
    image = noisy_image()
    for strength in (0.0, 0.5, 1.0):
        before = np.clip(image.astype(int) + int(40 * strength), 0, 255).astype(np.uint8)
        wanted = EffectsReference(EFFECTS)(before, image)
        found = run(tmp_path / 'both.onnx', image, strength)
        assert np.abs(found.astype(int) - wanted).max() <= 1
    assert open_model(tmp_path / 'both.onnx').card.extra_inputs == {'detail_strength': [1.0]}


def test_noise_lies_where_the_incoming_frame_says():
    image = noisy_image((1, 48, 64))
    other = np.maximum(image, 1) - 1
    reference = EffectsReference(EFFECTS)
    assert not np.array_equal(reference(image, image), reference(image, other))


def test_card_tells_both_origins(tmp_path):
    generator = open_model(write_generator(tmp_path / 'plus.onnx'))
    write_effects_model(FIT, tmp_path / 'both.onnx', 'B', 'theirs', generator=generator)
    card = open_model(tmp_path / 'both.onnx').card
    assert card.name == 'both'
    assert card.method == 'plus + camera effects'
    assert card.training_data == 'generator: A; camera effects: B'
    assert card.licence == 'generator: mine; camera effects: theirs'
    assert card.metrics['kid'] == 1.0
    assert card.metrics['sim_frames'] == 9
    assert 'vignetting, blur, noise' in card.description


def test_entries_about_the_parts_of_the_generator_do_not_survive(tmp_path):
    metadata = {'sim2real_bilateral_grid': '{}', 'author': 'me'}
    generator = open_model(write_generator(tmp_path / 'plus.onnx', metadata=metadata))
    left_out = write_effects_model(FIT, tmp_path / 'both.onnx', '', '', generator=generator)
    assert left_out == ('sim2real_bilateral_grid',)
    kept = {e.key: e.value for e in onnx.load(tmp_path / 'both.onnx').metadata_props}
    assert kept.keys() == {'author', METADATA_KEY}
    assert json.loads(kept[METADATA_KEY])['name'] == 'both'


def test_fixed_size_is_kept(tmp_path):
    generator = write_generator(tmp_path / 'plus.onnx', size=(64, 48))
    before = PrecedingGenerator(generator)
    assert before.fit_size(None) == before.fit_size((64, 48)) == (64, 48)
    with pytest.raises(ConfigError, match='runs at 64x48 only'):
        before.fit_size((32, 32))
    write_effects_model(FIT, tmp_path / 'both.onnx', '', '', generator=before.model)
    model = open_model(tmp_path / 'both.onnx')
    assert model.card.size == (64, 48)
    assert model.outputs[0].shape == (1, 48, 64, 3)


def test_effects_can_be_appended_to_effects_and_to_nothing_at_all(tmp_path):
    paths = [tmp_path / f'{index}.onnx' for index in range(3)]
    write_effects_model(FIT, paths[0], '', '')
    assert PrecedingGenerator(paths[0]).fit_size((32, 40)) == (32, 40)
    nothing = CameraEffectsFit(CameraEffects(), (), (64, 48), 1.0, (9, 8), [], [], [])
    write_effects_model(nothing, paths[1], '', '', generator=open_model(paths[0]))
    image = noisy_image((1, 30, 40))
    sessions = [onnxruntime.InferenceSession(str(path)) for path in paths[:2]]
    results = [session.run(None, {'image': image})[0] for session in sessions]
    assert np.array_equal(*results)


def test_other_contracts_and_opsets_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r'has opset 15, expected 16\.\.22'):
        PrecedingGenerator(write_generator(tmp_path / 'old.onnx', opset=15))
    card = ModelCard('bgr', colour_order='BGR', extra_inputs={'detail_strength': [1.0]})
    with pytest.raises(ModelError, match='uint8 NHWC BGR; effects can be appended only'):
        PrecedingGenerator(write_generator(tmp_path / 'bgr.onnx', card=card))


def test_parity_failure_writes_nothing(tmp_path, monkeypatch):
    generator = open_model(write_generator(tmp_path / 'plus.onnx'))

    def wrong(generator, effects, card):
        return append_effects(generator, effects.without(['vignetting']), card)

    monkeypatch.setattr('sim2real_ros.baselines.camera_effects.model.append_effects', wrong)
    with pytest.raises(ModelError, match='differ by'):
        write_effects_model(FIT, tmp_path / 'both.onnx', '', '', generator=generator)
    with pytest.raises(ModelError, match='exists already'):
        write_effects_model(FIT, tmp_path / 'plus.onnx', '', '', generator=generator)
    assert not (tmp_path / 'both.onnx').exists()


def test_same_fit_gives_the_same_file(tmp_path):
    generator = open_model(write_generator(tmp_path / 'plus.onnx'))
    contents = []
    for _ in range(2):
        write_effects_model(FIT, tmp_path / 'a.onnx', '', '', force=True)
        write_effects_model(FIT, tmp_path / 'b.onnx', '', '', generator=generator, force=True)
        contents.append([(tmp_path / f'{name}.onnx').read_bytes() for name in 'ab'])
    assert contents[0] == contents[1]
