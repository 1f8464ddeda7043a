import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from sim2real_ros import cli
from sim2real_ros.baselines.identity import write_identity
from sim2real_ros.runtime.bilateral.structure import METADATA_KEY
from sim2real_ros.runtime.model_file import open_model


@pytest.fixture
def folders(tmp_path):
    """Fill sim/ with sharp and real/ with noisy scenes, and a file that is no image."""
    for name, noise in (('sim', 0), ('real', 5)):
        (tmp_path / name).mkdir()
        for index in range(8):
            generator = np.random.default_rng(index)
            coarse = generator.integers(60, 190, (4, 5, 3), dtype=np.uint8)
            image = cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_LINEAR)
            image = image + noise * generator.standard_normal(image.shape)
            path = str(tmp_path / name / f'{index}.png')
            cv2.imwrite(path, np.clip(image, 0, 255).astype(np.uint8))
    (tmp_path / 'real' / 'x.png').write_bytes(b'no image')
    return tmp_path


def fit(folders, *options):
    arguments = ['--sim', folders / 'sim', '--real', folders / 'real', *options]
    return cli.main(['fit-camera-effects', *map(str, arguments)])


def test_fit_writes_model_card_and_preview(folders, capsys):
    output, preview = folders / 'fx.onnx', folders / 'sheet.png'
    terms = ['--licence', 'mine', '--training-data', 'drive']
    assert fit(folders, '-o', output, '--preview', preview, *terms) == 0
    shown = capsys.readouterr()
    assert 'noise_dark_levels' in shown.out
    assert '+-' in shown.out
    assert f'wrote {output} (noise)' in shown.out
    assert '1 frames of real could not be read' in shown.err
    card = open_model(output).card
    assert (card.method, card.licence, card.training_data) == ('camera effects', 'mine', 'drive')
    assert card.metrics['noise_dark_levels'] == pytest.approx(5, abs=1)
    assert cv2.imread(str(preview)).shape == (8 * 240, 3 * 320, 3)
    image = np.full((1, 50, 70, 3), 100, np.uint8)
    result = onnxruntime.InferenceSession(str(output)).run(None, {'image': image})[0]
    assert 2 < result.astype(float).std() < 8
    assert fit(folders, '-o', output) == 1
    assert 'exists already' in capsys.readouterr().err


def test_after_a_generator(folders, capsys):
    write_identity(folders / 'first.onnx')
    output = folders / 'both.onnx'
    assert fit(folders, '-o', output, '--after', folders / 'first.onnx', '--strength', 0.5) == 0
    card = open_model(output).card
    assert card.method == 'identity + camera effects'
    assert card.metrics['effects_strength'] == 0.5


def test_what_a_bilateral_grid_loses_is_said_before_the_fit(folders, capsys):
    plain, grid = folders / 'first.onnx', folders / 'grid.onnx'
    write_identity(plain)
    proto = onnx.load(plain)
    proto.metadata_props.add(key=METADATA_KEY, value='{}')
    onnx.save(proto, grid)
    assert fit(folders, '-o', folders / 'a.onnx', '--after', grid) == 0
    shown = capsys.readouterr()
    assert 'note: the model is a bilateral grid. With effects behind it, it runs as' in shown.err
    assert f'left out of the metadata, as no longer true: {METADATA_KEY}' in shown.out
    assert fit(folders, '-o', folders / 'b.onnx', '--after', plain) == 0
    assert 'bilateral grid' not in capsys.readouterr().err


def test_switches(folders, capsys):
    without = [part for name in ('vignetting', 'blur', 'noise') for part in ('--without', name)]
    assert fit(folders, '-o', folders / 'none.onnx', *without) == 0
    assert 'no effect: the identity' in capsys.readouterr().out
    more = ['--with', 'white_balance', '--lens-distortion', 0.1, '-0.02', '--size', '80x60']
    assert fit(folders, '-o', folders / 'lens.onnx', *without, *more) == 0
    shown = capsys.readouterr().out
    assert 'gain_red' in shown
    assert '(lens_distortion)' in shown
    assert open_model(folders / 'lens.onnx').card.metrics['fitted_width'] == 80


def test_errors_are_one_line(folders, capsys):
    (folders / 'few').mkdir()
    (folders / 'few' / 'a.png').write_bytes((folders / 'sim' / '0.png').read_bytes())
    for options, text in [
        (['--real', folders / 'few'], '1 frames of the real source'),
        (['--strength', 3], 'strength must lie'),
        (['--lens-distortion', 2, 0], 'lens_k1 must lie'),
        (['--preview', 'sheet.gif'], 'must end in .png'),
        (['--after', folders / 'sim' / '0.png'], ''),
    ]:
        assert fit(folders, '-o', folders / 'x.onnx', *options) == 1
        assert text in capsys.readouterr().err
    assert not (folders / 'x.onnx').exists()
