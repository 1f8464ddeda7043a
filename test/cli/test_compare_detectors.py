import json
import sys
from pathlib import Path

import numpy as np
import pytest

from sim2real_ros import cli

EVALUATION = Path(__file__).parents[1] / 'evaluation'
sys.path.insert(0, str(EVALUATION / 'perception'))
sys.path.insert(0, str(EVALUATION / 'gap'))

import detector_cases  # noqa: E402
from test_detector_comparison import data_set  # noqa: E402

LEVELS = [60] * 13 + [120] * 19 + [200] * 8


@pytest.fixture
def words(tmp_path):
    """Return the words of a comparison of three real ONNX files on a labelled folder."""
    said = []
    for name, level in (('sim', 180), ('translated', 100), ('real', 20)):
        proto = detector_cases.bright_box_graph(above=level / 255)
        described = detector_cases.description(
            'end2end', classes=['duckie'], score_threshold=0.1, name=name
        )
        path = detector_cases.write_detector(tmp_path / name, proto, described)
        said += [f'--{name}', str(path)]
    folder = data_set(tmp_path / 'labelled', LEVELS)
    return ['compare-detectors', *said, '--test', str(folder), '-o', str(tmp_path / 'out')]


def test_three_detectors_are_compared(words, tmp_path, capsys):
    assert cli.main(words) == 0
    shown = capsys.readouterr()
    assert 'mAP50: translation closed 59 % (' in shown.out
    assert 'test 40/40 frames' in shown.err
    data = json.loads((tmp_path / 'out' / 'comparison.json').read_text())
    map50 = data['scores']['map50']
    assert map50['sim']['value'] == pytest.approx(21 / 101)
    assert map50['real']['value'] == pytest.approx(1)
    assert map50['share_of_gap_closed']['value'] == pytest.approx(47 / 80)
    assert len(data['compared']['real']['sha256']) == 64
    assert cli.main(words) == 1
    assert '--force replaces it' in capsys.readouterr().err


def test_scores_of_any_perception_are_compared(tmp_path, capsys):
    random = np.random.default_rng(0)
    paths = []
    for name, mean in (('s', 0.8), ('t', 0.5), ('r', 0.2)):
        scores = {f'{i}.png': mean + random.normal(0, 0.05) for i in range(50)}
        paths.append(tmp_path / f'{name}.json')
        paths[-1].write_text(json.dumps({'title': 'lane error', 'unit': 'm', 'scores': scores}))
    words = ['compare-detectors', '--scores', *map(str, paths), '-o', str(tmp_path / 'out')]
    assert cli.main(words) == 0
    assert 'lane error: cannot be said: real is no better than sim' in capsys.readouterr().out
    assert cli.main([*words, '--better', 'lower', '--force']) == 0
    assert 'lane error: translation closed 5' in capsys.readouterr().out
    scores.pop('0.png')
    paths[2].write_text(json.dumps(scores))
    assert cli.main([*words, '--force']) == cli.INCOMPLETE
    assert '0.png: not in all three files' in capsys.readouterr().out
    assert 'lane error (m)' in (tmp_path / 'out' / 'comparison.md').read_text()


@pytest.mark.parametrize(
    'words',
    [
        [],
        ['--sim', 'a.yaml', '--translated', 'b.yaml', '--real', 'c.yaml'],
        ['--scores', 'a', 'b', 'c', '--test', 'd'],
    ],
)
def test_half_a_question_is_refused(words, tmp_path, capsys):
    assert cli.main(['compare-detectors', *words, '-o', str(tmp_path / 'o')]) == 1
    assert 'Give --sim, --translated, --real and --test' in capsys.readouterr().err


def test_nothing_is_written_into_the_test_images(words, tmp_path, capsys):
    inside = str(tmp_path / 'labelled' / 'out')
    assert cli.main([*words[:-1], inside]) == 1
    assert 'lies in the input' in capsys.readouterr().err
    assert not (tmp_path / 'labelled' / 'out').exists()
