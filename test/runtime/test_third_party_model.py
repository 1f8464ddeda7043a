"""A model that nobody here made, through a side card: see the note on it in the test data."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from sim2real_ros.errors import ModelError
from sim2real_ros.image import resize
from sim2real_ros.runtime.backends import GENERAL_BACKENDS
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get('SIM2REAL_DATA', ROOT.parent / 'shared' / 'data'))
MODEL = DATA / 'weights' / 'multistyle26.onnx'

pytestmark = pytest.mark.skipif(not MODEL.is_file(), reason=f'no {MODEL}: set SIM2REAL_DATA')

STYLES = 26
CARD = """\
name: multistyle26
method: fast style transfer
input: image
output: stylized
layout: NCHW
dtype: float32
value_range: [0, 1]
colour_order: RGB
size_multiple: 4
extra_inputs:
  style_weights: [{weights}]
licence: MIT
"""


@pytest.fixture
def style(tmp_path):
    """Return the path of the model with a card that chooses one of its styles."""

    def with_style(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(MODEL, folder / 'multistyle26.onnx')
        weights = ', '.join('1' if i == number else '0' for i in range(STYLES))
        (folder / 'multistyle26.card.yaml').write_text(CARD.format(weights=weights))
        return folder / 'multistyle26.onnx'

    return with_style


def picture(width=128, height=96):
    """Make a sky, a road and a light: something to stylise."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2] = (120, 170, 220)
    image[height // 2 :] = (70, 70, 75)
    image[height // 2 + 5 :, width // 2 - 3 : width // 2 + 3] = (230, 220, 40)
    return image


def test_without_a_card_it_is_refused_with_a_proposal(tmp_path):
    path = shutil.copy(MODEL, tmp_path / 'multistyle26.onnx')
    with pytest.raises(ModelError, match=r'carries no model card .*style_weights float32 \[26\]'):
        open_model(path)


@pytest.mark.parametrize('backend', GENERAL_BACKENDS)
def test_it_translates_at_any_size(style, backend):
    pytest.importorskip(backend)
    translator = Translator.load(style(7), backend=backend)
    for size in ((128, 96), (101, 67)):
        result = translator.translate(picture(*size))
        assert result.shape == (size[1], size[0], 3)
        assert result.std() > 20
        assert np.abs(result.astype(int) - picture(*size)).mean() > 10


def test_it_computes_what_the_bare_runtime_computes(style):
    onnxruntime = pytest.importorskip('onnxruntime')
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(MODEL), options, providers=['CPUExecutionProvider'])
    weights = np.zeros(STYLES, np.float32)
    weights[3] = 1
    image = (picture() / 255).astype(np.float32).transpose(2, 0, 1)[None]
    (expected,) = session.run(None, {'image': image, 'style_weights': weights})
    assert 0 <= expected.min() < 0.2 < 0.8 < expected.max() <= 1, 'its values lie in 0..1'
    expected = np.round(expected[0].transpose(1, 2, 0) * 255)
    result = Translator.load(style(3), backend='onnxruntime', provider='cpu').translate(picture())
    assert np.abs(result - expected).max() <= 1


def test_the_backends_agree(style):
    for backend in GENERAL_BACKENDS:
        pytest.importorskip(backend)
    path = style(12)
    one, other = (Translator.load(path, backend=b).translate(picture()) for b in GENERAL_BACKENDS)
    assert np.abs(one.astype(int) - other).max() <= 1


def test_the_card_chooses_the_style(style):
    one, other = (Translator.load(style(n)).translate(picture()) for n in (0, 15))
    assert np.abs(one.astype(int) - other).mean() > 20


def test_a_size_may_be_chosen_for_speed(style):
    translator = Translator.load(style(7), size=(64, 48))
    small = translator.translate_at_model_size(picture())
    assert small.shape == (48, 64, 3)
    assert np.array_equal(translator.translate(picture()), resize(small, (128, 96)))


def test_a_card_with_too_few_weights_is_refused(style):
    path = style(0)
    side = path.with_suffix('.card.yaml')
    side.write_text(side.read_text().replace('[1, 0, ', '['))
    with pytest.raises(ModelError, match=r"gives 24 values for the input 'style_weights'.*26"):
        Translator.load(path)
