import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from sim2real_ros import cli
from sim2real_ros.cli import training_progress
from sim2real_ros.cli.training_progress import (
    TrainingProgress,
    describe_end,
    duration,
    progress_line,
)

torch = pytest.importorskip('torch')

from sim2real_ros.training.engine.checkpoint import (  # noqa: E402
    Best,
    Checkpoint,
    CheckpointFacts,
)
from sim2real_ros.training.engine.configuration import (  # noqa: E402
    load_config,
    method_names,
    to_mapping,
)
from sim2real_ros.training.engine.run import Run  # noqa: E402

ROOT = Path(__file__).parents[2]

SMALL = [
    *('--crop', '16x16', '--device', 'cpu', '--set', 'data.load_size=[20, 20]'),
    *('--set', 'generator.filters=2', '--set', 'generator.blocks=1'),
    *('--set', 'discriminator.filters=2', '--set', 'discriminator.layers=1'),
    *('--set', 'data.cache=false', '--set', 'pool_size=2'),
]

HIDE_TORCH = """
import sys
sys.modules['torch'] = None
from sim2real_ros.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def dataset(tmp_path):
    random = np.random.default_rng(0)
    # One image of each is held out: too few for KID, so no network is loaded for it.
    for name, count in (('trainA', 3), ('trainB', 2), ('testA', 1), ('testB', 1)):
        (tmp_path / 'dataset' / name).mkdir(parents=True)
        for index in range(count):
            image = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / 'dataset' / name / f'{index}.png'), image)
    return tmp_path / 'dataset'


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def config_of(run):
    return yaml.safe_load((run / 'config.yaml').read_text())


@pytest.mark.usefixtures('one_thread')
def test_train_then_resume(dataset, tmp_path, capsys):
    run = tmp_path / 'my runs' / 'x'
    options = ['--data', str(dataset), '--steps', '4', '--seed', '5', '--batch-size', '2', *SMALL]
    assert cli.main(['train', 'cyclegan', '-o', str(run), *options]) == 0
    shown = capsys.readouterr()
    assert 'finished after step 4' in shown.out
    assert f"export it:        sim2real export '{run}' -o x.onnx" in shown.out
    best = re.search(r'best checkpoint: +(.+)', shown.out)[1]
    assert Path(best) == run / 'checkpoints' / 'step_00000004.safetensors'
    assert 'cyclegan 4/4 100.0 %' in shown.err
    assert 'no KID' in shown.err
    config = config_of(run)
    assert config['data']['root'] == str(dataset)
    assert (config['seed'], config['batch_size']) == (5, 2)
    assert config['data']['crop_size'] == [16, 16]
    assert config['schedule']['unit'] == 'steps'
    assert (config['schedule']['constant'], config['schedule']['decay']) == (2, 2)

    assert cli.main(['train', '--resume', str(run), '--steps', '6', '--quiet']) == 0
    shown = capsys.readouterr()
    assert 'finished after step 6' in shown.out
    assert shown.err == ''
    assert config_of(run)['schedule']['constant'] == 3


def refused(capsys, *arguments):
    assert cli.main(['train', *map(str, arguments)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ''
    assert shown.err.count('\n') == 1
    return shown.err


def test_mistakes_are_one_line(dataset, tmp_path, capsys):
    new = ('-o', tmp_path / 'run', '--data', dataset)
    assert "No method 'cyclegun'" in refused(capsys, 'cyclegun', *new)
    assert "Did you mean 'filters'" in refused(
        capsys, 'cyclegan', *new, '--set', 'generator.filtr=1'
    )
    assert 'Which method' in refused(capsys, *new)
    assert 'holds no run' in refused(capsys, '--resume', tmp_path / 'run')
    assert 'no METHOD' in refused(capsys, 'cyclegan', '--resume', tmp_path)
    missing = ('-o', tmp_path / 'run', '--data', tmp_path / 'absent')
    assert 'absent' in refused(capsys, 'cyclegan', *missing, *SMALL)
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
    'arguments',
    [
        *([], ['cyclegan'], ['-o', 'a', '--resume', 'b'], ['-o', 'a', '--steps', '0']),
        *(['cut', '-o', 'a', '--minutes', text] for text in ('0', '-1', 'nan', 'inf', 'x')),
    ],
)
def test_wrong_usage_of_train_returns_2(arguments):
    assert cli.main(['train', *arguments]) == 2


def printed(capsys, *arguments):
    assert cli.main(['train', *map(str, arguments), '--print-config']) == 0
    shown = capsys.readouterr()
    assert shown.err == ''
    return yaml.safe_load(shown.out)


def test_print_config_shows_all_keys_and_trains_nothing(tmp_path, capsys):
    run = tmp_path / 'run'
    shown = printed(capsys, 'fastcut', '--minutes', '1.5', '--seed', '4', '-o', run)
    expected = load_config('fastcut', overrides=['schedule.max_minutes=1.5', 'seed=4'])
    assert shown == to_mapping(expected)
    assert not run.exists()
    assert (
        printed(capsys, 'cut', '--generator', 'mobile_unet')['generator']['name'] == 'mobile_unet'
    )


@pytest.mark.parametrize(
    ('arguments', 'load_size'),
    [
        (['--crop', '256x256'], [286, 286]),
        (['--crop', '256x192'], [286, 216]),
        (['--crop', '256x192', '--load', '300x225'], [300, 225]),
        (['--crop', '256x192', '--set', 'data.load_size=[286, 286]'], [286, 286]),
        (['--crop', '512x384', '--set', 'data.preprocess=scale-width-and-crop'], [572, 430]),
        (['--crop', '256x192', '--set', 'data.preprocess=crop'], [286, 286]),
        (['--set', 'data.crop_size=[256, 192]'], [286, 286]),
    ],
)
def test_crop_brings_a_load_size_of_its_shape(capsys, arguments, load_size):
    assert printed(capsys, 'cyclegan', *arguments)['data']['load_size'] == load_size


def test_crop_leaves_the_load_size_of_a_file(tmp_path, capsys):
    file = tmp_path / 'my.yaml'
    file.write_text('data: {load_size: [286, 286]}\n')
    data = printed(capsys, 'cut', '--config', file, '--crop', '256x192')['data']
    assert (data['load_size'], data['crop_size']) == ([286, 286], [256, 192])


def test_messages_name_the_option_that_was_typed(capsys):
    error = refused(capsys, 'cut', '--print-config', '--crop', '2x2', '--seed', '1')
    assert error.startswith('error: --crop: data: load_size and crop_size are')
    error = refused(capsys, 'cut', '--print-config', '--data', 'x\udcff')
    assert error.startswith('error: --data: data: root: ')


def test_help_names_every_method_and_how_to_see_all_keys(capsys):
    assert cli.main(['train', '--help']) == 0
    shown = capsys.readouterr().out
    assert set(method_names()) <= set(
        re.findall(r'\w+', shown.partition('METHOD is')[2].partition(';')[0])
    )
    assert '286/256' in shown
    assert '--print-config' in shown


def test_without_torch_it_says_what_to_install(tmp_path):
    command = [sys.executable, '-c', HIDE_TORCH, 'train', 'cyclegan', '-o', str(tmp_path / 'run')]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "error: The package 'torch' is missing: pip install 'sim2real_ros[train]'.\n"
    )
    helped = subprocess.run(
        [*command[:4], '--help'], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )  # fmt: skip
    assert 'sim2real train --resume' in helped.stdout


def test_ctrl_c_stops_two_processes_which_go_on_later(dataset, tmp_path):
    run = tmp_path / 'run'
    command = [sys.executable, '-m', 'sim2real_ros.cli', 'train']
    options = ['--devices', '2', *SMALL]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    started = subprocess.Popen(
        [*command, 'cyclegan', '-o', run, '--data', dataset, '--set', 'report.log_interval=1',
         '--steps', '100000', *options],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    metrics = run / 'metrics.jsonl'
    while started.poll() is None and not (metrics.exists() and metrics.read_bytes()):
        try:
            started.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    # As a terminal does: to all of them.
    os.killpg(started.pid, signal.SIGINT)
    _, errors = started.communicate(timeout=120)
    assert started.returncode == cli.INTERRUPTED, errors
    assert f'go on:            sim2real train --resume {run}' in errors
    assert 'Traceback' not in errors
    (checkpoint,) = (run / 'checkpoints').iterdir()
    step = int(checkpoint.stem.removeprefix('step_'))
    assert f'stopped after step {step}' in errors
    assert metrics.read_text().count('\n') == step


def test_plain_lines_are_printed_now_and_then():
    stream = io.StringIO()
    with TrainingProgress('cut', stream=stream) as progress:
        progress.begin(0, 3, 1)
        progress.log('train', 1, {'losses': {'patch_nce': 1.23456}})
        for step in (1, 2, 3):
            progress.advance(step)
        progress.log('evaluation', 3, {'kid': 0.12345})
        progress.note('[bold] is no markup')
    last, measured, note = stream.getvalue().splitlines()
    assert last.startswith('cut 3/3 100.0 %')
    assert last.endswith(', patch_nce 1.23')
    assert measured == 'step 3: kid 0.1235'
    assert note == '[bold] is no markup'


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_one_line_that_changes(monkeypatch):
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setenv('COLUMNS', '40')
    stream = Terminal()
    with TrainingProgress('cut', stream=stream) as progress:
        progress.begin(0, 9, 1)
        progress.log('train', 1, {'losses': {'patch_nce': 1.23456}})
        progress.advance(9)
        progress.note('a note [x]')
    shown = stream.getvalue()
    assert 'a note [x]' in shown
    assert 'cut 9/9 100.0 %' in shown
    assert '…' in shown  # Cut at the width of the terminal.
    quiet = Terminal()
    with TrainingProgress('cut', quiet=True, stream=quiet) as progress:
        progress.begin(0, 9, 1)
        progress.note('x')
        progress.advance(9)
    assert quiet.getvalue() == ''


def test_rate_and_time_left_are_those_since_it_went_on():
    line = progress_line('unit', 100, 300, 1100, 50.0)
    assert line == 'unit 300/1100 27.3 %, 4 steps/s, 3 min 20 s left'
    assert progress_line('unit', 0, 0, 10, 0.0) == 'unit 0/10 0.0 %'
    assert [duration(s) for s in (5, 65, 3725)] == ['5 s', '1 min 5 s', '1 h 2 min']


def test_the_end_tells_what_to_do_next(tmp_path):
    best = Checkpoint(
        tmp_path / 'b',
        CheckpointFacts(5, metrics={'kid_before': 0.25}, best=Best(5, 'kid', 0.125)),
    )
    latest = Checkpoint(tmp_path / 'l', CheckpointFacts(9, best=best.facts.best))
    run = Run(tmp_path, load_config('cyclegan'), latest, best, stopped_by='time')
    why, found, _, go_on, _ = describe_end(run)
    assert why == 'time is over after step 9'
    assert found.endswith('b (kid 0.125, 0.25 without translation)')
    assert go_on.endswith(f'sim2real train --resume {tmp_path}')


@pytest.mark.parametrize(('metric', 'value', 'told'), [
    ('kid', 0.3, True), ('kid', 0.25, True), ('kid', 0.125, False), ('psnr', 30.0, False),
])  # fmt: skip
def test_the_end_does_not_praise_what_helped_nothing(tmp_path, metric, value, told):
    metrics = {'kid_before': 0.25, metric: value}
    facts = CheckpointFacts(5, metrics=metrics, best=Best(5, metric, value))
    checkpoint = Checkpoint(tmp_path / 'b', facts)
    run = Run(tmp_path, load_config('cyclegan'), checkpoint, checkpoint)
    lines = describe_end(run)
    assert any(line.startswith('still no nearer to the real frames') for line in lines) == told


@pytest.mark.parametrize('stream', [io.StringIO, Terminal])
def test_pauses_are_told_and_are_no_part_of_the_rate(monkeypatch, stream):
    monkeypatch.setenv('TERM', 'xterm')
    now = [0.0]
    monkeypatch.setattr(training_progress.time, 'monotonic', lambda: now[0])
    out = stream()
    with TrainingProgress('cut', stream=out) as progress:
        progress.begin(0, 10, 1)
        now[0] += 2
        with progress.paused('measuring ...'):
            now[0] += 50
        now[0] += 3
        progress.advance(10)
    assert 'measuring ...' in out.getvalue()
    assert 'cut 10/10 100.0 %, 2 steps/s' in out.getvalue()


@pytest.mark.parametrize('begun', [False, True])
def test_ctrl_c_before_the_run_began_says_so(begun):
    def interrupted(stream):
        with TrainingProgress('cut', stream=stream) as progress:
            if begun:
                progress.begin(0, 10, 1)
            raise KeyboardInterrupt

    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        interrupted(stream)
    assert ('nothing of the run was written yet' in stream.getvalue()) != begun


@pytest.mark.usefixtures('one_thread')
def test_a_run_whose_data_has_moved_can_go_on(dataset, tmp_path, capsys):
    run = tmp_path / 'run'
    options = ['--data', str(dataset), '--steps', '1', *SMALL]
    assert cli.main(['train', 'cyclegan', '-o', str(run), *options]) == 0
    moved = dataset.rename(tmp_path / 'elsewhere')
    capsys.readouterr()
    error = refused(capsys, '--resume', run, '--steps', '2', '--quiet')
    assert f'If it moved: sim2real train --resume {run} --data FOLDER.' in error
    again = ['--resume', str(run), '--data', str(moved), '--steps', '2', '--quiet']
    assert cli.main(['train', *again]) == 0
    assert config_of(run)['data']['root'] == str(moved)


def test_a_depth_that_fits_the_crop_is_told(dataset, tmp_path, capsys):
    new = ('-o', tmp_path / 'run', '--data', dataset, '--set', 'data.load_size=[300, 300]')
    error = refused(capsys, 'pix2pix', *new, '--crop', '256x192', '--device', 'cpu')
    assert 'or generator.depth=6 for multiples of 64' in error
