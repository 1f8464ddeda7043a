import dataclasses
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from sim2real_ros.baselines.colour_fit import (
    FitOptions,
    fit_colour,
    moment_distance,
    write_colour_model,
)
from sim2real_ros.baselines.colour_graph import build_colour_graph
from sim2real_ros.baselines.colour_space import COLOUR_SPACES, Affine
from sim2real_ros.baselines.colour_statistics import ColourStatistics
from sim2real_ros.baselines.colour_transfer import METHODS, ColourTransfer
from sim2real_ros.baselines.export import max_difference, write_model
from sim2real_ros.baselines.identity import build_identity, write_identity
from sim2real_ros.baselines.model_table import models_page
from sim2real_ros.baselines.preview import preview_sheet, write_preview
from sim2real_ros.card import ModelCard
from sim2real_ros.data import Frame
from sim2real_ros.errors import ConfigError, DataError, ModelError

MODELS = Path(__file__).parents[2] / 'models'
CARD = ModelCard(name='test')


def frames(seed, count=4, size=(24, 32), low=0, high=256):
    generator = np.random.default_rng(seed)
    for _ in range(count):
        coarse = generator.integers(low, high, (6, 8, 3), dtype=np.uint8)
        yield Frame(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR))


def fitted(**options):
    real = frames(2, size=(30, 20), low=60, high=200)
    return fit_colour(frames(1), real, FitOptions(**options))


def run(path, image, further=None):
    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    return session.run(['translated'], {'image': image, **(further or {})})[0]


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('space', COLOUR_SPACES)
def test_written_model_equals_the_reference_at_any_size(method, space, tmp_path):
    fit = fitted(method=method, space=space)
    path = tmp_path / 'deep' / 'colour.onnx'
    write_colour_model(fit, path, 'own test frames', 'public domain')
    for size in [(1, 1, 1), (1, 5, 7), (3, 24, 32), (1, 384, 512)]:
        image = np.random.default_rng(3).integers(0, 256, (*size, 3), dtype=np.uint8)
        result = run(path, image)
        assert result.dtype == np.uint8
        assert np.abs(result.astype(int) - fit.transfer(image)).max() <= 1


@pytest.mark.parametrize('space', COLOUR_SPACES)
@pytest.mark.parametrize('gain', [0.0, 0.5, 1.0, 3.0, -1.0])
def test_graph_equals_the_reference_for_extreme_maps(space, gain):
    affine = Affine(gain * np.eye(3), np.array([0.1, -0.2, 0.3]))
    transfer = ColourTransfer('test', COLOUR_SPACES[space], affine)
    graph = build_colour_graph(transfer, CARD)
    assert max_difference(graph.SerializeToString(), transfer) <= 1


def test_graph_begins_and_ends_with_cast_and_uses_an_old_opset():
    transfer = fitted().transfer
    model = build_colour_graph(transfer, CARD)
    consumers = [node.op_type for node in model.graph.node if 'image' in node.input]
    assert consumers[0] == 'Cast'
    assert set(consumers[1:]) <= {'Size', 'Shape'}
    assert model.graph.node[-1].op_type == 'Cast'
    assert model.opset_import[0].version == 17


def test_fit_improves_the_moments_and_says_so_in_the_card(tmp_path):
    fit = fitted(method='coral', max_pixels=0)
    assert fit.metrics['rgb_mean_distance_after'] < fit.metrics['rgb_mean_distance_before']
    before = fit.metrics['rgb_covariance_distance_before']
    assert fit.metrics['rgb_covariance_distance_after'] < before
    assert (fit.metrics['sim_frames'], fit.metrics['real_frames']) == (4, 4)
    path = tmp_path / 'mine.onnx'
    write_colour_model(fit, path, 'own frames', 'public domain')
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    card = ModelCard.from_metadata(metadata)
    assert (card.name, card.method) == ('mine', 'coral')
    assert (card.training_data, card.licence) == ('own frames', 'public domain')
    assert card.metrics == fit.metrics


def test_moment_distance_of_known_moments():
    one = ColourStatistics.of(np.array([[0.0, 0, 0], [2.0, 0, 0]]))
    two = ColourStatistics.of(np.array([[3.0, 0, 0], [7.0, 0, 0]]))
    assert moment_distance(one, two) == (4.0, pytest.approx(6 / 8))
    assert moment_distance(two, two) == (0.0, 0.0)


def test_skip_top_ignores_the_sky():
    def with_sky(seed, sky):
        for frame in frames(seed):
            image = frame.image.copy()
            image[:12] = sky
            yield Frame(image)

    options = FitOptions(method='coral', skip_top=0.5)
    one, two = (
        fit_colour(with_sky(1, sky), frames(2), options).transfer.affine
        for sky in ((0, 0, 255), (9, 9, 9))
    )
    assert np.array_equal(one.matrix, two.matrix)


@pytest.mark.parametrize('domain', ['sim', 'real'])
def test_empty_source_is_refused(domain):
    sources = {'sim': list(frames(1)), 'real': list(frames(2)), domain: []}
    with pytest.raises(DataError, match=f'No frame of the {domain} source'):
        fit_colour(sources['sim'], sources['real'], FitOptions())


@pytest.mark.parametrize(
    ('options', 'reason'),
    [
        ({'method': 'magic'}, "Unknown method 'magic'"),
        ({'space': 'hsv'}, "Unknown space 'hsv'"),
        ({'skip_top': 1.0}, 'skip_top must be'),
        ({'skip_top': float('nan')}, 'skip_top must be'),
        ({'max_pixels': -1}, 'max_pixels must be'),
    ],
)
def test_wrong_options_are_refused(options, reason):
    with pytest.raises(ConfigError, match=reason):
        FitOptions(**options)


def test_grey_and_single_images_can_be_fitted(tmp_path):
    grey = [Frame(np.full((4, 4, 3), 90, np.uint8))]
    for method in METHODS:
        for sim, real in [(grey, list(frames(2))), (list(frames(1, 1)), grey)]:
            fit = fit_colour(sim, real, FitOptions(method=method))
            write_colour_model(fit, tmp_path / 'x.onnx', '', '', force=True)


def test_parity_failure_writes_nothing(tmp_path):
    with pytest.raises(ModelError, match='differ by 2 levels'):
        write_model(
            build_identity(CARD),
            tmp_path / 'bad.onnx',
            lambda image: np.where(image > 9, image - 2, image).astype(np.uint8),
        )
    assert list(tmp_path.iterdir()) == []


def test_failed_write_leaves_no_litter_and_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'old.onnx'
    path.write_bytes(b'old')

    def fail(self, target):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'replace', fail)
    with pytest.raises(DataError, match='No space left'):
        write_model(build_identity(CARD), path, np.copy, force=True)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b'old']


def test_existing_file_and_wrong_suffix_are_refused(tmp_path):
    (tmp_path / 'old.onnx').write_bytes(b'old')
    with pytest.raises(ModelError, match='exists already'):
        write_model(build_identity(CARD), tmp_path / 'old.onnx', np.copy)
    with pytest.raises(ModelError, match=r'must end in \.onnx'):
        write_model(build_identity(CARD), tmp_path / 'old.pt', np.copy)
    write_model(build_identity(CARD), tmp_path / 'old.onnx', np.copy, force=True)
    assert onnx.load(tmp_path / 'old.onnx').graph.node[0].op_type == 'Identity'


def test_preview_shows_sim_translated_real(tmp_path):
    fit = fitted()
    sheet = preview_sheet(fit, rows=2)
    assert sheet.shape == (480, 960, 3)
    write_preview(fit, tmp_path / 'sheet.png')
    assert cv2.imread(str(tmp_path / 'sheet.png')).shape == (960, 960, 3)
    with pytest.raises(DataError, match=r'must end in \.png or \.jpg'):
        write_preview(fit, tmp_path / 'sheet.gif')


@pytest.mark.parametrize('name', sorted(path.stem for path in MODELS.glob('*.onnx')))
def test_shipped_models_keep_the_contract(name):
    path = MODELS / f'{name}.onnx'
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    card = ModelCard.from_metadata(metadata)
    assert card == dataclasses.replace(card, name=name, input='image', output='translated')
    assert card.licence
    assert card.training_data
    image = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    further = {key: np.asarray(given, np.float32) for key, given in card.extra_inputs.items()}
    result = run(path, image, further)
    assert result.shape == image.shape
    assert (name == 'identity') == np.array_equal(result, image)


def test_identity_is_written_the_same_every_time(tmp_path):
    write_identity(tmp_path / 'identity.onnx')
    assert (tmp_path / 'identity.onnx').read_bytes() == (MODELS / 'identity.onnx').read_bytes()


def test_models_page_is_made_from_the_cards():
    assert (MODELS / 'README.md').read_text() == models_page(MODELS)
