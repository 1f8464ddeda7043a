import dataclasses

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from sim2real_ros import cli
from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.parity import Parity
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.export import export_model, model_export
from sim2real_ros.training.export.uint8_contract import translate_in_torch
from sim2real_ros.training.networks import GENERATORS, build_generator
from sim2real_ros.training.options import GeneratorOptions, Initialisation

CARD = ModelCard(name='test', method='cyclegan', licence='CC0-1.0', training_data='noise')

SMALL = {
    'resnet': {'filters': 4, 'blocks': 1},
    'unet': {'filters': 2, 'depth': 3, 'norm': 'batch', 'dropout': True},
    'unit': {'filters': 4, 'blocks': 1},
    'refiner': {'filters': 4, 'blocks': 1},
    'hyper_unet': {'filters': 4, 'blocks': 1},
    'mobile_unet': {},
    'separable_resnet': {'filters': 4, 'blocks': 1},
}


def generator(name='refiner', **options):
    torch.manual_seed(0)
    wide = Initialisation('normal', 0.15)
    options = {**SMALL[name], 'initialisation': wide, **options}
    return build_generator(GeneratorOptions(name=name, **options)).eval()


def scene(width, height, count=1):
    noise = np.random.default_rng(3).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    noise[:, : height // 3] //= 8
    return noise


def as_torch(network, rgb):
    """Compute what a model should, without any of our code."""
    source = torch.tensor(rgb, dtype=torch.float64).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        translated = network(source.float()).double()
    levels = ((translated + 1) * 127.5).clamp(0, 255).round()
    return levels.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize('name', GENERATORS)
def test_every_generator_runs_at_any_size(tmp_path, name):
    network = generator(name)
    exported = export_model(network, tmp_path / 'm.onnx', CARD)
    translator = Translator.load(tmp_path / 'm.onnx', provider='cpu')
    for width, height in ((40, 32), (72, 48)):
        rgb = scene(width, height)
        difference = translator.translate(rgb[0]) - as_torch(network, rgb)[0]
        assert np.abs(difference).max() <= 1
    card = translator.model.card
    assert (card.size, card.size_multiple) == (None, network.size_multiple)
    assert exported.parity.max_levels <= 1
    # Sides that do not fit are the Translator's affair.
    assert translator.translate(scene(43, 35)[0]).shape == (35, 43, 3)


# The others have no operator that these have not.
@pytest.mark.parametrize('name', ['unet', 'unit', 'mobile_unet'])
def test_generators_run_in_float16_at_a_fixed_size(tmp_path, name):
    network = generator(name)
    exported = export_model(network, tmp_path / 'm.onnx', CARD, size=(48, 32), fp16=True)
    translator = Translator.load(tmp_path / 'm.onnx', provider='cpu')
    assert (translator.model.card.size, translator.model.card.size_multiple) == ((48, 32), 1)
    rgb = scene(48, 32)
    difference = np.abs(translator.translate(rgb[0]) - as_torch(network, rgb)[0])
    assert difference.max() <= 8
    assert difference.mean() <= 0.5
    metrics = translator.model.card.metrics
    assert metrics['parity_max_levels'] == exported.parity.max_levels
    assert metrics['parity_mean_levels'] == pytest.approx(exported.parity.mean_levels, abs=1e-6)
    proto = onnx.load(tmp_path / 'm.onnx')
    kernels = {n.input[1] for n in proto.graph.node if n.op_type in ('Conv', 'ConvTranspose')}
    types = {t.name: t.data_type for t in proto.graph.initializer}
    assert {types[kernel] for kernel in kernels} == {onnx.TensorProto.FLOAT16}
    norms = [n for n in proto.graph.node if n.op_type == 'InstanceNormalization']
    assert {types[n.input[1]] for n in norms} <= {onnx.TensorProto.FLOAT}


def test_the_file_keeps_the_contract_and_tells_its_origin(tmp_path):
    network = generator()
    card = dataclasses.replace(CARD, metrics={'kid': 0.25}, source='run x, step 7')
    exported = export_model(network, tmp_path / 'deep' / 'm.onnx', card, size=(48, 32))
    proto = onnx.load(exported.path)
    (source,), (result,) = proto.graph.input, proto.graph.output
    assert (source.name, result.name) == ('image', 'translated')
    for value in (source, result):
        kind = value.type.tensor_type
        assert kind.elem_type == onnx.TensorProto.UINT8
        assert [d.dim_value for d in kind.shape.dim] == [1, 32, 48, 3]
    assert [node.op_type for node in proto.graph.node if 'image' in node.input] == ['Cast']
    assert proto.graph.node[-1].op_type == 'Cast'
    assert [(o.domain, o.version) for o in proto.opset_import] == [('', 18)]
    read = Translator.load(exported.path).model
    assert read.card == exported.card
    assert read.sha256 == exported.sha256
    assert read.card.metrics['kid'] == 0.25
    assert (read.card.source, read.card.licence) == ('run x, step 7', 'CC0-1.0')
    assert len(read.card.weights_sha256) == 64


def test_free_dimensions_have_names_and_batches_work(tmp_path):
    network = generator()
    exported = export_model(network, tmp_path / 'm.onnx', CARD)
    value = onnx.load(exported.path).graph.input[0].type.tensor_type
    assert [d.dim_param or d.dim_value for d in value.shape.dim] == ['N', 'H', 'W', 3]
    rgb = scene(20, 12, count=3)
    backend = Translator.load(exported.path).backend
    assert np.abs(backend.run(rgb, None) - as_torch(network, rgb)).max() <= 1


def test_a_written_model_can_be_inspected_at_once(tmp_path, capsys):
    export_model(generator(), tmp_path / 'm.onnx', CARD, size=(16, 16))
    assert cli.main(['inspect', str(tmp_path / 'm.onnx')]) == 0
    shown = capsys.readouterr().out
    for text in ('cyclegan', 'CC0-1.0', 'weights_sha256', 'parity_max_levels'):
        assert text in shown


def test_the_weights_hash_tells_weights_apart_and_nothing_else(tmp_path):
    network = generator()
    first = export_model(network, tmp_path / 'a.onnx', CARD, size=(16, 16))
    second = export_model(network, tmp_path / 'b.onnx', CARD, size=(24, 16), fp16=True)
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 1e-3
    third = model_export.weights_sha256(network)
    assert first.card.weights_sha256 == second.card.weights_sha256 != third


def test_dropout_and_training_mode_do_not_enter_the_file(tmp_path):
    network = generator('unet').train()
    statistics = {k: v.clone() for k, v in network.state_dict().items()}
    export_model(network, tmp_path / 'm.onnx', CARD, size=(16, 16))
    assert network.training
    assert all(torch.equal(v, statistics[k]) for k, v in network.state_dict().items())
    rgb = scene(16, 16)
    translated = Translator.load(tmp_path / 'm.onnx').translate(rgb[0])
    assert np.abs(translated - as_torch(network.eval(), rgb)[0]).max() <= 1


class Shift(nn.Module):
    """Adds less than half a level: what is truncated instead of rounded is one level off."""

    def __init__(self, levels):
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(levels / 127.5))

    def forward(self, image):
        return image + self.amount


@pytest.mark.parametrize(('levels', 'expected'), [(0.4, 0), (0.6, 1), (-0.4, 0), (-0.6, -1)])
def test_levels_are_rounded_and_clipped(tmp_path, levels, expected):
    rgb = np.arange(256 * 3, dtype=np.int64).reshape(16, 16, 3) % 256
    export_model(Shift(levels), tmp_path / 'm.onnx', CARD, size=(16, 16))
    translated = Translator.load(tmp_path / 'm.onnx').translate(rgb.astype(np.uint8))
    assert np.array_equal(translated, np.clip(rgb + expected, 0, 255))
    assert np.array_equal(
        translate_in_torch(Shift(levels), rgb[None].astype(np.uint8))[0], translated
    )


def test_kept_pixels_stay_as_they_are(tmp_path):
    kept = np.zeros((16, 24), bool)
    kept[:5] = True
    export_model(Shift(50.0), tmp_path / 'm.onnx', CARD, size=(24, 16), kept=kept)
    rgb = scene(24, 16)[0]
    translated = Translator.load(tmp_path / 'm.onnx').translate(rgb)
    assert np.array_equal(translated[:5], rgb[:5])
    assert np.array_equal(translated[5:], np.clip(rgb[5:].astype(int) + 50, 0, 255))
    with pytest.raises(ModelError, match='export the model at one fixed size'):
        export_model(Shift(1.0), tmp_path / 'n.onnx', CARD, kept=kept)


class WrongInEval(nn.Module):
    """Stands for an exporter that gets an operator wrong: the graph is not the network."""

    def __init__(self, levels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.levels = levels

    def forward(self, image):
        wrong = torch.compiler.is_exporting()
        return image + self.weight + (self.levels / 127.5 if wrong else 0)


@pytest.mark.parametrize(('fp16', 'levels'), [(False, 2), (True, 9), (True, 1)])
def test_a_wrong_graph_is_not_written(tmp_path, fp16, levels):
    with pytest.raises(ModelError, match='Not written: ONNX Runtime and the reference differ by'):
        export_model(WrongInEval(levels), tmp_path / 'm.onnx', CARD, size=(16, 16), fp16=fp16)
    assert list(tmp_path.iterdir()) == []


def test_what_float16_may_cost_is_stated():
    assert Parity(8, 0.5) == model_export.FP16_TOLERANCE


class Accumulates(nn.Module):
    def forward(self, image):
        return torch.cumsum(image, dim=3) * 0 + torch.tanh(image)


@pytest.mark.parametrize(
    ('network', 'reason'),
    [
        (Accumulates(), 'TensorRT would refuse the graph: it has no operator CumSum'),
        (nn.Upsample(scale_factor=2), r'answers \(1, 16, 16, 3\) with \(1, 32, 32, 3\)'),
    ],
)
def test_unsuitable_generators_are_refused(tmp_path, network, reason):
    with pytest.raises(ModelError, match=reason):
        export_model(network, tmp_path / 'm.onnx', CARD, size=(16, 16))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_traced_is_told(tmp_path):
    class Branches(nn.Module):
        def forward(self, image):
            return image if float(image.sum()) > 0 else -image

    with pytest.raises(ModelError, match='cannot be written as ONNX'):
        export_model(Branches(), tmp_path / 'm.onnx', CARD, size=(16, 16))


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    network = Shift(1.0)
    network.amount.data.fill_(float('nan'))
    with pytest.raises(ModelError, match="weights 'amount' hold values that are no finite"):
        export_model(network, tmp_path / 'm.onnx', CARD, size=(16, 16))


def test_names_and_sizes_are_checked_before_the_work(tmp_path):
    network = generator('resnet')
    (tmp_path / 'old.onnx').write_bytes(b'old')
    with pytest.raises(ModelError, match='exists already'):
        export_model(network, tmp_path / 'old.onnx', CARD)
    with pytest.raises(ModelError, match=r'must end in \.onnx'):
        export_model(network, tmp_path / 'x.pt', CARD)
    with pytest.raises(ModelError, match='multiples of 4, not at 30x32'):
        export_model(network, tmp_path / 'x.onnx', CARD, size=(30, 32))
    assert (tmp_path / 'old.onnx').read_bytes() == b'old'
