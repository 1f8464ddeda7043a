import copy
import dataclasses

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from sim2real_ros import cli
from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.parity import Parity
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.export import FP16_TOLERANCE, export_model
from sim2real_ros.training.export.model_export import to_onnx, weights_sha256
from sim2real_ros.training.export.operators import check_operators
from sim2real_ros.training.export.uint8_contract import Uint8Contract, translate_in_torch
from sim2real_ros.training.networks import build_generator
from sim2real_ros.training.options import GeneratorOptions, Initialisation

pytestmark = pytest.mark.usefixtures('operators_known')

CARD = ModelCard(name='test', method='cyclegan', licence='CC0-1.0', training_data='noise')
ORIGIN = dataclasses.replace(CARD, metrics={'kid': 0.25}, source='run x, step 7')

SMALL = {
    'resnet': {'filters': 4, 'blocks': 1},
    'unet': {'filters': 2, 'depth': 3, 'norm': 'batch', 'dropout': True},
    'unit': {'filters': 4, 'blocks': 1},
    'refiner': {'filters': 4, 'blocks': 1},
    'hyper_unet': {'filters': 4, 'blocks': 1},
    'mobile_unet': {'filters': 4, 'blocks': 1},
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


BLUR = {'downsampling': 'blur', 'upsampling': 'blur'}


# The resnet has a test of its own; the others have the same layers.
@pytest.mark.parametrize(
    ('name', 'options'), [('unet', {}), ('unit', {}), ('mobile_unet', {}), ('resnet', BLUR)]
)
def test_generators_run_at_any_size(name, options):
    network = generator(name, **options)
    model = to_onnx(Uint8Contract(network), None, network.size_multiple)
    check_operators(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for count, width, height in ((1, 40, 32), (3, 72, 48)):
        rgb = scene(width, height, count)
        expected = as_torch(network, rgb)
        assert np.abs(session.run(None, {'image': rgb})[0] - expected).max() <= 1
        assert expected.std() > 5


def test_a_model_of_any_size_takes_images_and_batches(tmp_path):
    network = generator('resnet')
    exported = export_model(network, tmp_path / 'm.onnx', CARD)
    value = onnx.load(exported.path).graph.input[0].type.tensor_type
    assert [d.dim_param or d.dim_value for d in value.shape.dim] == ['N', 'H', 'W', 3]
    translator = Translator.load(exported.path, provider='cpu')
    rgb = scene(72, 48, count=3)
    for number in range(3):
        difference = translator.translate(rgb[number]) - as_torch(network, rgb)[number]
        assert np.abs(difference).max() <= 1
    assert np.abs(translator.backend.run(rgb, None) - as_torch(network, rgb)).max() <= 1
    card = translator.model.card
    assert (card.size, card.size_multiple) == (None, 4)
    assert exported.parity.max_levels <= 1
    # Sides that do not fit are the Translator's affair.
    assert translator.translate(scene(43, 35)[0]).shape == (35, 43, 3)


# The others have no layer that these have not.
@pytest.mark.parametrize('names', [['unet'], ['unit', 'mobile_unet']])
def test_generators_run_in_float16_at_a_fixed_size(tmp_path, names):
    network = nn.Sequential(*map(generator, names)).eval()
    exported = export_model(network, tmp_path / 'm.onnx', CARD, size=(48, 32), fp16=True)
    translator = Translator.load(tmp_path / 'm.onnx', provider='cpu')
    assert (translator.model.card.size, translator.model.card.size_multiple) == ((48, 32), 1)
    rgb = scene(48, 32)
    difference = np.abs(translator.translate(rgb[0]) - as_torch(network, rgb)[0])
    assert difference.max() <= 8
    assert difference.mean() <= 0.5
    assert exported.card.weights_sha256 == weights_sha256(network)
    metrics = translator.model.card.metrics
    assert metrics['parity_max_levels'] == exported.parity.max_levels
    assert metrics['parity_mean_levels'] == pytest.approx(exported.parity.mean_levels, abs=1e-6)
    proto = onnx.load(tmp_path / 'm.onnx')
    kernels = {n.input[1] for n in proto.graph.node if n.op_type in ('Conv', 'ConvTranspose')}
    types = {t.name: t.data_type for t in proto.graph.initializer}
    assert {types[kernel] for kernel in kernels} == {onnx.TensorProto.FLOAT16}
    norms = [n for n in proto.graph.node if n.op_type == 'InstanceNormalization']
    assert {types[n.input[1]] for n in norms} <= {onnx.TensorProto.FLOAT}


@pytest.fixture(scope='module')
def of_one_size(tmp_path_factory):
    """A network, and what was written of it."""
    network = generator()
    path = tmp_path_factory.mktemp('model') / 'deep' / 'm.onnx'
    return network, export_model(network, path, ORIGIN, size=(48, 32))


def test_the_file_keeps_the_contract_and_tells_its_origin(of_one_size):
    _, exported = of_one_size
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


def test_a_written_model_can_be_inspected_at_once(of_one_size, capsys):
    assert cli.main(['inspect', str(of_one_size[1].path)]) == 0
    shown = capsys.readouterr().out
    for text in ('cyclegan', 'CC0-1.0', 'weights_sha256', 'parity_max_levels'):
        assert text in shown


def test_the_same_weights_make_the_same_file(of_one_size, tmp_path):
    network, exported = of_one_size
    again = export_model(copy.deepcopy(network), tmp_path / 'n.onnx', ORIGIN, size=(48, 32))
    assert again.path.read_bytes() == exported.path.read_bytes()
    # Neither the machine nor the exporter has left notes.
    assert b'pkg.' not in again.path.read_bytes()
    assert b'.py' not in again.path.read_bytes()


def test_the_weights_hash_tells_weights_apart_and_nothing_else(of_one_size):
    network, exported = of_one_size
    assert exported.card.weights_sha256 == weights_sha256(network)
    changed = copy.deepcopy(network)
    with torch.no_grad():
        next(changed.parameters()).view(-1)[0] += 1e-3
    assert exported.card.weights_sha256 != weights_sha256(changed)


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
    """Adds levels: what is truncated instead of rounded is one level off."""

    def __init__(self, *levels):
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(levels) / 127.5)

    def forward(self, image):
        return image + self.amount


def test_levels_are_rounded_and_clipped(tmp_path):
    network = Shift(0.4, 0.6, -0.4, -0.6)
    rgb = np.arange(256, dtype=np.uint8).repeat(4 * 3).reshape(1, 256, 4, 3)
    export_model(network, tmp_path / 'm.onnx', CARD, size=(4, 256))
    expected = np.clip(rgb + np.array([0, 1, 0, -1])[:, None], 0, 255)
    assert np.array_equal(Translator.load(tmp_path / 'm.onnx').translate(rgb[0]), expected[0])
    assert np.array_equal(translate_in_torch(network, rgb), expected)


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


@pytest.mark.parametrize(
    ('fp16', 'levels', 'advice'),
    [(False, 2, 'report this'), (True, 9, 'leave it out'), (True, 1, 'leave it out')],
)
def test_a_wrong_graph_is_not_written(tmp_path, fp16, levels, advice):
    with pytest.raises(ModelError, match=f'Not written: ONNX Runtime and .* differ.*{advice}'):
        export_model(WrongInEval(levels), tmp_path / 'm.onnx', CARD, size=(16, 16), fp16=fp16)
    assert list(tmp_path.iterdir()) == []


def test_what_float16_may_cost_is_stated():
    assert Parity(8, 0.5) == FP16_TOLERANCE


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
