import os
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_training import (
    TinyConfig,
    assert_same_result,
    install,
    lines_without_time,
    one_thread,
    processes,
    train_here,
    with_report,
)

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine import loop
from sim2real_ros.training.engine.checkpoint import checkpoint_steps, load_tensors
from sim2real_ros.training.engine.loop import Machine, train

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


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_checkpoint(tmp_path, reference, number):
    folder = tmp_path / 'run'

    class Sender(loop.Silent):
        def advance(self, step):
            if step == 7:
                os.kill(os.getpid(), number)

    handlers = signal.getsignal(number)
    done = train(TinyConfig(), folder, machine=CPU, progress=Sender())
    assert signal.getsignal(number) is handlers
    # The signal came after step 7 was noted; the step that was begun is finished.
    assert (done.stopped_by, done.latest.step) == ('signal', 8)
    done = train(TinyConfig(), folder, machine=CPU, resume=True)
    assert (done.stopped_by, done.latest.step) == ('', 12)
    assert_same_result_but_kept(folder, reference)


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
        ({'precision': 'fp32'}, 'precision'),
    ],
)
def test_what_changes_the_past_is_refused(tmp_path, change, key):
    short = TinyConfig(schedule=replace(TinyConfig().schedule, constant=1, decay=0))
    train(short, tmp_path, machine=CPU)
    with pytest.raises(TrainingError, match=f'cannot go on with another {key}:'):
        train(replace(short, **change), tmp_path, machine=CPU, resume=True)


def test_other_data_is_refused(tmp_path):
    config = TinyConfig(schedule=replace(TinyConfig().schedule, constant=1, decay=0))
    train(config, tmp_path, machine=CPU)
    other = replace(config, data=replace(config.data, root='elsewhere'))
    with pytest.raises(TrainingError, match='sim images are not those that the run began with'):
        train(other, tmp_path, machine=CPU, resume=True)
