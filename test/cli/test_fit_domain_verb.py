import cv2
import numpy as np
import pytest

from sim2real_ros import cli
from sim2real_ros.baselines.identity import write_identity
from sim2real_ros.runtime.input_domain import InputDomain
from sim2real_ros.runtime.model_file import open_model


def scene(number):
    """Draw a bright sky over a ground whose stripes move."""
    image = np.full((48, 64, 3), 220, np.uint8)
    image[20:] = 60
    image[20:, (number * 3) % 50 :][:, :6] = 200
    return image


def fill(folder, numbers):
    folder.mkdir()
    for number in numbers:
        cv2.imwrite(str(folder / f'{number:04}.png'), scene(number))
    return folder


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_identity('model.onnx')
    fill(tmp_path / 'one', range(30))
    fill(tmp_path / 'two', range(30, 60))
    return tmp_path


def test_the_verb_fits_on_all_sources_and_inspect_shows_it(work, capsys):
    (work / 'two' / '9999.png').write_bytes(b'no image')
    words = ['fit-domain', 'model.onnx', '--sim', 'one', '--sim', 'two', '-o', 'new.onnx']
    assert cli.main(words) == 0
    shown = capsys.readouterr()
    assert 'wrote new.onnx (input domain of 60 frames)' in shown.out
    assert '1 frames of two could not be read' in shown.err
    domain = InputDomain.of_card(open_model('new.onnx').card)
    assert domain.frames == 60
    assert domain.score(scene(7)) < 1 < domain.score(scene(7)[::-1])
    assert cli.main(['inspect', 'new.onnx']) == 0
    (line,) = [row for row in capsys.readouterr().out.splitlines() if 'input_domain' in row]
    usual = f'{domain.usual_score:.2f}'
    assert line == f'input_domain      from 60 frames, half of which score below {usual}'
    assert cli.main(['inspect', 'model.onnx']) == 0
    assert 'input_domain      none' in capsys.readouterr().out


def test_a_limit_counts_for_each_source(work, capsys):
    words = ['fit-domain', 'model.onnx', '--sim', 'one', '--sim', 'two', '-o', 'new.onnx']
    assert cli.main([*words, '--max-frames', '26']) == 0
    assert 'input domain of 52 frames' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (['model.onnx', '--sim', 'one', '-o', 'new.onnx'], '30 frames are too few'),
        (['model.onnx', '--sim', 'one', '-o', 'model.onnx'], 'exists already'),
        (['model.onnx', '--sim', 'three', '-o', 'new.onnx'], "'three' does not exist"),
        (['absent.onnx', '--sim', 'one', '-o', 'new.onnx'], 'No model file'),
        (['model.onnx', '--sim', 'one', '-o', 'new.txt'], 'must end in .onnx'),
    ],
)
def test_what_cannot_be_done_is_explained(work, capsys, words, text):
    assert cli.main(['fit-domain', *words]) == 1
    assert text in capsys.readouterr().err
    assert not (work / 'new.onnx').exists()
