import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sim2real_ros import cli
from sim2real_ros.evaluation import bootstrap
from sim2real_ros.evaluation.colours.thresholds import load_thresholds

sys.path.insert(0, str(Path(__file__).parents[1] / 'evaluation' / 'colours'))
from colour_scenes import write_frames


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals are tested elsewhere; here they only take time."""
    monkeypatch.setattr(bootstrap, 'RESAMPLES', 50)


def calibrate(*arguments):
    return cli.main(['calibrate-colours', *map(str, arguments)])


@pytest.fixture
def frames(tmp_path):
    return write_frames(tmp_path / 'sim', count=8)


def test_fits_scores_and_writes(frames, tmp_path, capsys):
    out = tmp_path / 'out'
    arguments = [frames, 'same=identity', '--name', 'raw', '--thresholds', 'duckietown_sim',
                 '--beta', '2', '--jobs', '1', '-o', out]  # fmt: skip
    assert calibrate(*arguments, '--dry-run') == 0
    assert 'raw: fit and score, 8 frames' in capsys.readouterr().out
    assert not out.exists()
    assert calibrate(*arguments) == 0
    printed = capsys.readouterr()
    assert 'duckietown_sim on same: mean F2 ' in printed.out
    assert f'wrote {out}' in printed.out
    assert 'raw, to fit 4/4 frames' in printed.err
    assert {path.relative_to(out).as_posix() for path in out.rglob('*') if path.is_file()} == {
        *('manifest.jsonl', 'transfer.json', 'transfer.md', 'transfer.html', 'transfer.png'),
        *('hue_saturation.png', 'thresholds/raw.yaml', 'thresholds/same.yaml'),
    }
    content = json.loads((out / 'transfer.json').read_text())
    assert content['thresholds'] == ['duckietown_real', 'duckietown_sim', 'raw', 'same']
    assert content['score'] == 'F2'
    # What was fitted is thresholds for the next run.
    load_thresholds(out / 'thresholds' / 'raw.yaml')
    fitted = ['--start', out / 'thresholds' / 'raw.yaml', '-o', tmp_path / 'next']
    assert calibrate(f'now={frames}', *fitted) == 0

    assert calibrate(frames, '-o', out) == 1
    assert '--force' in capsys.readouterr().err
    assert calibrate(frames, '-o', out, '--force') == 0
    assert not (out / 'thresholds' / 'raw.yaml').exists()


def test_says_what_was_left_out(frames, tmp_path, capsys):
    (frames / 'images' / '0001.png').write_bytes(b'broken')
    assert calibrate(frames, '-o', tmp_path / 'out') == cli.INCOMPLETE
    assert (
        'warning: sim: 1 frames left out; the first is images/0001.png' in capsys.readouterr().err
    )
    # A repeated command tells it again.
    assert calibrate(frames, '-o', tmp_path / 'out') == cli.INCOMPLETE


def test_output_is_not_put_into_the_input(frames, capsys):
    assert calibrate(frames, '-o', frames / 'out') == 1
    assert 'input' in capsys.readouterr().err


def test_help_has_examples(capsys):
    assert calibrate('--help') == 0
    assert 'examples:' in capsys.readouterr().out
    assert cli.main(['--help']) == 0
    assert 'calibrate-colours' in capsys.readouterr().out


def test_bag_with_masks_by_stamp(tmp_path):
    drive = Path(__file__).parents[2] / 'tools' / 'demo'
    with zipfile.ZipFile(drive / 'masks.zip') as masks:
        masks.extractall(tmp_path / 'masks')
    arguments = ['--masks', tmp_path / 'masks', '--max-frames', '16', '-o', tmp_path / 'out']
    assert calibrate(drive / 'drive', *arguments) == 0
    content = json.loads((tmp_path / 'out' / 'transfer.json').read_text())
    own = {each['colour']: each['score']['value'] for each in content['cells']
           if each['thresholds'] == each['domain'] == 'drive'}  # fmt: skip
    assert own['white'] > 0.9
    assert own['yellow'] > 0.8
    assert np.mean([d['frames_fitted'] + d['frames_scored'] for d in content['domains']]) == 16
