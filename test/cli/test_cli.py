import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from sim2real_ros import __version__, cli
from sim2real_ros.cli.progress import Progress, progress_line

ROOT = Path(__file__).parents[2]

HIDE_ROS_AND_TORCH = """
import sys
for name in ('rclpy', 'sensor_msgs', 'torch', 'torchvision'):
    sys.modules[name] = None
from sim2real_ros.cli import main
sys.exit(main(sys.argv[1:]))
"""


def sim2real(*arguments):
    """Run the command in a process of its own that can import neither ROS nor torch."""
    return subprocess.run(
        [sys.executable, '-c', HIDE_ROS_AND_TORCH, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        check=False,
    )


@pytest.fixture
def folders(tmp_path):
    generator = np.random.default_rng(0)
    for name, low, high in (('sim', 0, 256), ('real', 60, 180)):
        (tmp_path / name).mkdir()
        for index in range(3):
            image = generator.integers(low, high, (24, 32, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / name / f'{index}.png'), image)
    return tmp_path


def test_fit_colour_then_inspect(folders):
    output, preview = folders / 'models' / 'mine.onnx', folders / 'sheet.png'
    (folders / 'sim' / '1b.png').write_bytes(b'broken')
    arguments = ['--sim', folders / 'sim', '--real', folders / 'real', '--output', output]
    done = sim2real('fit-colour', *arguments, '--method', 'coral', '--preview', preview)
    assert done.returncode == 0, done.stderr
    assert f'wrote {output}' in done.stdout
    assert 'rgb_mean_distance_after' in done.stdout
    assert 'real 3/3 frames' in done.stderr
    assert '1 frames of sim could not be read' in done.stderr
    assert cv2.imread(str(preview)).shape[1] == 960
    image = np.full((1, 9, 9, 3), 100, np.uint8)
    assert onnxruntime.InferenceSession(str(output)).run(None, {'image': image})[0].shape[1] == 9

    shown = sim2real('inspect', output)
    assert shown.returncode == 0, shown.stderr
    for text in ('sha256', 'coral', 'image uint8 [?, ?, ?, 3]', 'translated uint8', 'sim_frames'):
        assert text in shown.stdout

    again = sim2real('fit-colour', *arguments)
    assert again.returncode == 1
    assert again.stderr.startswith('error: ')
    assert 'exists already' in again.stderr
    assert again.stderr.count('\n') == 1
    assert sim2real('fit-colour', *arguments, '--force', '--max-frames', 1).returncode == 0


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (['--help'], 'fit-colour'),
        (['--version'], __version__),
        (['fit-colour', '--help'], 'examples:'),
        (['inspect', '--help'], 'examples:'),
    ],
)
def test_help_and_version_succeed(arguments, text, capsys):
    assert cli.main(arguments) == 0
    assert text in capsys.readouterr().out


@pytest.mark.parametrize(
    'arguments', [[], ['fly'], ['inspect'], ['fit-colour', '--method', 'x'], ['--nonsense']]
)
def test_wrong_usage_returns_2(arguments, capsys):
    assert cli.main(arguments) == 2
    assert 'usage: sim2real' in capsys.readouterr().err


@pytest.mark.parametrize('verb', cli.VERBS)
def test_every_verb_describes_itself(verb, capsys):
    assert cli.main([verb, '--help']) == 0
    shown = capsys.readouterr().out
    assert f'usage: sim2real {verb}' in shown
    assert f'sim2real {verb} ' in shown.split('examples:')[1]


def test_known_errors_become_one_line(capsys, tmp_path):
    assert cli.main(['inspect', str(tmp_path / 'no.onnx')]) == 1
    shown = capsys.readouterr()
    assert shown.out == ''
    assert shown.err.startswith('error: ')
    assert shown.err.count('\n') == 1


def test_ctrl_c_returns_130(monkeypatch, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, '_run', interrupt)
    assert cli.main(['inspect', 'x']) == 130
    assert 'interrupted' in capsys.readouterr().err


def test_no_verb_lists_the_verbs(capsys):
    assert cli.main([]) == 2
    assert 'extract-frames' in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error():
    command = [sys.executable, '-c', HIDE_ROS_AND_TORCH, 'inspect', 'identity']
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, env=environment, timeout=120, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b'')


def test_help_loads_no_verb():
    code = (
        'import sys\nfrom sim2real_ros.cli import main\nmain(["--help"])\n'
        'assert not {"onnx", "onnxruntime", "cv2"} & set(sys.modules)\n'
    )
    subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, timeout=60)


def test_progress_line_shows_rate_and_time_left():
    assert progress_line('sim', 20, 100, 2.0) == 'sim 20/100 frames, 10 frames/s, 8 s left'
    assert progress_line('sim', 100, 100, 2.0) == 'sim 100/100 frames, 50 frames/s'
    assert progress_line('sim', 7, None, 0.0) == 'sim 7 frames'


def test_progress_ends_its_line(capsys):
    with Progress({'sim': 2}) as progress:
        progress('sim', 1)
        progress('sim', 2)
    assert capsys.readouterr().err.endswith('\n')
