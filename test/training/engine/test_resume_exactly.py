import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import (
    TinyConfig,
    TinyMeasurement,
    assert_same_result,
    install,
    lines_without_time,
    one_thread,
    processes,
    train_here,
    with_report,
)

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine import loop, watch
from sim2real_ros.training.engine.checkpoint import checkpoint_steps, load_tensors
from sim2real_ros.training.engine.loop import Machine, train
from sim2real_ros.training.engine.metrics_log import read_metrics
from sim2real_ros.training.options import DataOptions, OptimiserOptions, ScheduleOptions

CPU = Machine('cpu')


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    install(monkeypatch)
    with one_thread():
        yield


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    """The uninterrupted run."""
    folder = tmp_path_factory.mktemp('reference') / 'run'
    with pytest.MonkeyPatch.context() as patch, one_thread():
        install(patch)
        train(TinyConfig(), folder, machine=CPU)
    return folder


def start(config, folder, **options):
    process = processes().Process(target=train_here, args=(config, folder), kwargs=options)
    process.start()
    return process


def wait_until(condition, process):
    """Wait for a condition while a process lives."""
    while not condition() and process.is_alive():
        process.join(0.002)


def finish(folder):
    """Resume as often as it takes."""
    process = start(TinyConfig(), folder, resume=(folder / 'config.yaml').exists())
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.parametrize('seed', range(5))
def test_killed_at_random_moments_it_gives_the_same(tmp_path, reference, seed):
    folder, chance = tmp_path / 'run', random.Random(seed)
    for _ in range(2):
        process = start(TinyConfig(), folder, resume=(folder / 'config.yaml').exists())
        moment = chance.randrange(1, 14)
        log = folder / 'metrics.jsonl'
        wait_until(lambda: log.exists() and log.read_bytes().count(b'\n') >= moment, process)  # noqa: B023
        process.kill()
        process.join(60)
    finish(folder)
    (folder / 'end.json').unlink()
    assert_same_result(folder, reference)


def kill_while_a_checkpoint_is_written():
    """Die when the second checkpoint lies in its temporary file."""
    calls = iter(range(100))

    def fsync(handle):
        file = Path(f'/proc/self/fd/{handle}').readlink()
        if file.suffix == '.safetensors' and next(calls) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = fsync


def test_killed_within_a_checkpoint_it_goes_on_from_the_one_before(tmp_path, reference):
    folder = tmp_path / 'run'
    process = start(TinyConfig(), folder, before=kill_while_a_checkpoint_is_written)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert len(checkpoint_steps(folder / 'checkpoints')) == 1
    assert list((folder / 'checkpoints').glob('.partial-*'))
    finish(folder)
    assert not list((folder / 'checkpoints').glob('.partial-*'))
    assert_same_result(folder, reference)


class Sender(loop.Silent):
    """Sends this process a signal after a step."""

    def __init__(self, number, step):
        self._number, self._step = number, step

    def advance(self, step):
        if step == self._step:
            os.kill(os.getpid(), self._number)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_checkpoint(tmp_path, reference, number):
    folder = tmp_path / 'run'

    handlers = signal.getsignal(number)
    done = train(TinyConfig(), folder, machine=CPU, progress=Sender(number, 7))
    assert signal.getsignal(number) is handlers
    # The signal came after step 7 was noted; the step that was begun is finished.
    assert (done.stopped_by, done.latest.step) == ('signal', 8)
    done = train(TinyConfig(), folder, machine=CPU, resume=True)
    assert (done.stopped_by, done.latest.step) == ('', 12)
    assert_same_result_but_kept(folder, reference)


def test_bf16_goes_on_exactly_too(tmp_path):
    config, folder = TinyConfig(precision='bf16-mixed'), tmp_path / 'run'
    train(config, tmp_path / 'whole', machine=CPU)
    assert train(config, folder, machine=CPU, progress=Sender(signal.SIGINT, 6)).stopped_by
    train(config, folder, machine=CPU, resume=True)
    assert_same_result_but_kept(folder, tmp_path / 'whole')


def assert_same_result_but_kept(folder, reference):
    """Of an interrupted run other steps may have been kept; the last one counts."""
    name = 'step_00000012.safetensors'
    mine, theirs = (load_tensors(f / 'checkpoints' / name) for f in (folder, reference))
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
    assert lines_without_time(folder) == lines_without_time(reference)


def test_time_that_is_over_ends_it_with_a_checkpoint(tmp_path):
    config = TinyConfig()
    config = replace(config, schedule=replace(config.schedule, max_minutes=1e-9))
    done = train(config, tmp_path, machine=CPU)
    assert (done.stopped_by, done.latest.step) == ('time', 1)
    assert done.best.facts.metrics  # What it came to in its time was measured.


def test_a_longer_schedule_goes_on(tmp_path):
    train(TinyConfig(), tmp_path, machine=CPU)
    config = TinyConfig()
    longer = replace(config, schedule=replace(config.schedule, constant=9))
    done = train(longer, tmp_path, machine=CPU, resume=True)
    assert done.latest.step == 15
    assert done.config == longer


def test_reports_and_folders_may_change(tmp_path):
    train(TinyConfig(), tmp_path, machine=CPU)
    config = TinyConfig()
    moved = replace(config, data=replace(config.data, workers=3))
    assert train(with_report(moved, log_interval=1), tmp_path, machine=CPU, resume=True)


@pytest.mark.parametrize(
    ('change', 'key'),
    [
        ({'batch_size': 2}, 'batch_size'),
        ({'seed': 1}, 'seed'),
        ({'dropout': 0.1}, 'dropout'),
        ({'ema_decay': 0.0}, 'ema_decay'),
        (
            {'schedule': ScheduleOptions('steps', 1, 0, decay_interval=9)},
            'schedule.decay_interval',
        ),
        ({'optimiser': OptimiserOptions(weight_decay=0.1)}, 'optimiser.weight_decay'),
        (
            {'discriminator_optimiser': OptimiserOptions(betas=(0.9, 0.999))},
            'discriminator_optimiser.betas',
        ),
    ],
)
def test_what_changes_the_past_is_refused(tmp_path, change, key):
    short = TinyConfig(schedule=replace(TinyConfig().schedule, constant=1, decay=0))
    train(short, tmp_path, machine=CPU)
    with pytest.raises(TrainingError, match=f'cannot go on with another {key}:'):
        train(replace(short, **change), tmp_path, machine=CPU, resume=True)


def test_what_helps_a_run_that_has_diverged_may_change(tmp_path):
    config = TinyConfig(schedule=ScheduleOptions('steps', 2, 0))
    train(config, tmp_path, machine=CPU)
    config = replace(config, schedule=ScheduleOptions('steps', 4, 0), precision='bf16-mixed')
    config = replace(config, optimiser=OptimiserOptions(1e-5))
    config = replace(config, discriminator_optimiser=OptimiserOptions(3e-5))
    assert train(config, tmp_path, machine=CPU, resume=True).latest.step == 4
    rates = read_metrics(tmp_path / 'metrics.jsonl')[-2]['learning_rates']
    assert rates['generator'] == 1e-5
    log = (tmp_path / 'run.log').read_text()
    assert 'until now it was fp32: results differ a little from here on' in log


def test_what_the_watch_has_counted_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(TinyMeasurement, 'watched', lambda *_: {'diversity': 0.0})
    monkeypatch.setattr(watch, 'COLLAPSE_PATIENCE_STEPS', 6)
    monkeypatch.setattr(watch, 'WARNED_FROM_STEP', 1)
    config = with_report(TinyConfig(), sample_interval=3, evaluation_interval=0)
    assert train(config, tmp_path, machine=CPU, progress=Sender(signal.SIGINT, 6)).stopped_by
    with pytest.raises(TrainingError, match='has collapsed: since step 3'):
        train(config, tmp_path, machine=CPU, resume=True)
    assert (tmp_path / 'run.log').read_text().count('Mode collapse?') == 1


def test_it_goes_on_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TinyConfig(data=DataOptions(root='data', sim='~nobody-of-this-name/sim'))
    config = replace(config, schedule=ScheduleOptions('steps', 1, 0))
    run = train(config, 'run', machine=CPU)
    assert run.config.data.root == str(tmp_path / 'data')
    assert run.config.data.sim == str(tmp_path / '~nobody-of-this-name/sim')
    monkeypatch.chdir('/')
    longer = replace(run.config, schedule=ScheduleOptions('steps', 2, 0))
    assert train(longer, tmp_path / 'run', machine=CPU, resume=True).latest.step == 2


def test_other_data_is_refused(tmp_path):
    config = TinyConfig(schedule=replace(TinyConfig().schedule, constant=1, decay=0))
    train(config, tmp_path, machine=CPU)
    other = replace(config, data=replace(config.data, root='elsewhere'))
    with pytest.raises(TrainingError, match='sim images are not those that the run began with'):
        train(other, tmp_path, machine=CPU, resume=True)
