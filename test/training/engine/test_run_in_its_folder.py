import json
import resource
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_training import (
    Notes,
    TinyConfig,
    TinyMeasurement,
    TinyMethod,
    install,
    lines_without_time,
    one_thread,
    with_report,
)

from sim2real_ros.errors import ConfigError, DataError, TrainingError
from sim2real_ros.training.engine.checkpoint import checkpoint_path, checkpoint_steps, load_tensors
from sim2real_ros.training.engine.loop import Machine, train
from sim2real_ros.training.engine.metrics_log import MetricsLog, read_metrics
from sim2real_ros.training.engine.run import load_generator, open_run
from sim2real_ros.training.engine.run_folder import RunFolder
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.options import ExtraLossOptions

CPU = Machine('cpu')


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    install(monkeypatch)
    with one_thread():
        yield


def kid_by_step(monkeypatch, values):
    """Let the measurements give these, one after the other."""
    remaining = iter(values)
    monkeypatch.setattr(TinyMeasurement, '__call__', lambda *_: {'kid': next(remaining)})


def steps_in(folder):
    return checkpoint_steps(folder / 'checkpoints')


def test_the_folder_tells_everything(tmp_path):
    run = train(TinyConfig(), tmp_path / 'run', machine=CPU)
    folder = tmp_path / 'run'
    names = sorted(p.name for p in folder.iterdir())
    assert names == [
        *('.lock', 'checkpoints', 'config.yaml', 'data.json', 'environment.json'),
        *('metrics.jsonl', 'run.log', 'samples', 'state.json', 'tensorboard'),
    ]
    (start,) = json.loads((folder / 'environment.json').read_text())['starts']
    assert start['packages']['torch'] == torch.__version__
    assert (start['processes'], start['precision'], start['step']) == (1, 'fp32', 0)
    assert set(json.loads((folder / 'data.json').read_text())) == {'sim', 'real'}
    state = json.loads((folder / 'state.json').read_text())
    assert (state['step'], state['finished']) == (12, True)
    assert (folder / state['latest']).is_file()
    assert (folder / state['best']['checkpoint']).is_file()
    assert [p.name for p in sorted((folder / 'samples').iterdir())] == [
        f'step_{step:08}.png' for step in (5, 10, 12)
    ]
    assert run.config == TinyConfig()
    assert (run.latest.step, run.stopped_by, run.is_main) == (12, '', True)


def test_the_lines_are_means_between_them(tmp_path, monkeypatch):
    seen, step = [], TinyMethod.step
    monkeypatch.setattr(TinyMethod, 'step', lambda *a: seen.append(step(*a)) or seen[-1])
    train(TinyConfig(), tmp_path, machine=CPU)
    lines = [line for line in read_metrics(tmp_path / 'metrics.jsonl') if line['kind'] == 'train']
    assert [line['step'] for line in lines] == [2, 4, 6, 8, 10, 12]
    for line in lines:
        pair = seen[line['step'] - 2 : line['step']]
        for name, mean in line['losses'].items():
            values = [float(each[name]) for each in pair if name in each]
            assert mean == pytest.approx(sum(values) / len(values), rel=1e-6)
        assert set(line['losses']) == set().union(*pair)
        assert line['images_per_s'] > 0
        assert line['elapsed_s'] >= 0
    assert [line['epoch'] for line in lines[:2]] == [0.4, 0.8]
    # Step 8 has index 7: 1 - (7 + 1 - 6) / (6 + 1).
    assert lines[3]['learning_rates']['generator'] == pytest.approx(2e-4 * (1 - 2 / 7))
    evaluations = [x for x in lines_without_time(tmp_path) if x['kind'] == 'evaluation']
    assert [x['step'] for x in evaluations] == [4, 8, 12]


def test_tensorboard_shows_the_same(tmp_path):
    config = TinyConfig(schedule=replace(TinyConfig().schedule, constant=4, decay=0))
    train(config, tmp_path, machine=CPU)
    # Written behind the last checkpoint by a run that was killed: must not be shown.
    log = MetricsLog(tmp_path / 'other.jsonl', tmp_path / 'tensorboard', step=4)
    log.write('train', 9, {'losses': {'adversarial': 77.0}})
    log.close()
    longer = replace(config, schedule=replace(config.schedule, constant=8))
    train(longer, tmp_path, machine=CPU, resume=True)
    events = EventAccumulator(str(tmp_path / 'tensorboard'))
    events.Reload()
    lines = [line for line in read_metrics(tmp_path / 'metrics.jsonl') if line['kind'] == 'train']
    shown = [(e.step, e.value) for e in events.Scalars('train/losses/adversarial')]
    assert shown == [(x['step'], pytest.approx(x['losses']['adversarial'])) for x in lines]
    assert [e.step for e in events.Images('samples')] == [4, 5, 8]


def test_the_last_and_the_best_checkpoints_are_kept(tmp_path, monkeypatch):
    kid_by_step(monkeypatch, [0.5, 0.1, 0.2, 0.3, 0.4, 0.6])
    schedule = replace(TinyConfig().schedule, constant=12)
    config = with_report(TinyConfig(schedule=schedule), evaluation_interval=3, keep_last=2)
    run = train(config, tmp_path, machine=CPU)
    assert steps_in(tmp_path) == [6, 15, 18]
    assert (run.best.step, run.best.facts.metrics) == (6, {'kid': 0.1})
    assert run.latest.facts.best.value == 0.1


def test_a_better_one_is_saved_though_it_is_not_due(tmp_path, monkeypatch):
    kid_by_step(monkeypatch, [0.5, 0.1, 0.7])
    run = train(with_report(TinyConfig(), checkpoint_interval=100), tmp_path, machine=CPU)
    assert steps_in(tmp_path) == [8, 12]
    assert run.best.step == 8


def test_what_is_not_a_number_is_never_the_best(tmp_path, monkeypatch):
    kid_by_step(monkeypatch, [float('nan'), 0.5, float('nan')])
    assert train(TinyConfig(), tmp_path, machine=CPU).best.step == 8
    assert read_metrics(tmp_path / 'metrics.jsonl')[2]['kid'] is None


def test_higher_may_be_better(tmp_path, monkeypatch):
    values = iter([20.0, 30.0, 25.0])
    monkeypatch.setattr(TinyMeasurement, '__call__', lambda *_: {'psnr': next(values)})
    config = with_report(TinyConfig(), best_by='psnr')
    assert train(config, tmp_path, machine=CPU).best.step == 8
    with pytest.raises(ConfigError, match="no metric 'fid'; expected '' or one of kid"):
        train(with_report(config, best_by='fid'), tmp_path / 'b', machine=CPU)


def test_where_the_metric_is_missing_the_latest_is_the_best(tmp_path, monkeypatch):
    kid_by_step(monkeypatch, [0.5, 0.1, 0.7])
    run = train(with_report(TinyConfig(), best_by='psnr'), tmp_path, machine=CPU)
    assert (run.best.step, run.best.facts.best) == (12, None)


def test_generators_are_loaded_averaged(tmp_path, monkeypatch):
    kid_by_step(monkeypatch, [0.5, 0.1, 0.7] * 2)
    run = train(TinyConfig(), tmp_path, machine=CPU)
    for which, step in (('best', 8), ('latest', 12), (12, 12)):
        generator = load_generator(run, which)
        path = checkpoint_path(tmp_path / 'checkpoints', step)
        tensors = load_tensors(path, prefixes=('average.',))
        assert torch.equal(generator[0].weight, tensors['average.0.weight'])
        assert not generator.training
        assert not any(p.requires_grad for p in generator.parameters())
    plain = train(TinyConfig(ema_decay=0.0), tmp_path / 'plain', machine=CPU)
    tensors = load_tensors(plain.latest.path)
    assert torch.equal(
        load_generator(tmp_path / 'plain', 'latest')[0].weight, tensors['networks.g.0.weight']
    )
    with pytest.raises(TrainingError, match=r'no checkpoint of step 7; expected .*\[8, 9, 12\]'):
        load_generator(run, 7)


def test_generators_are_loaded_though_files_of_training_are_gone(tmp_path, monkeypatch):
    class Masked(TinyMethod):
        def __init__(self, config):
            super().__init__(config)
            self.region = Region(config.extra_losses)

    monkeypatch.setitem(METHODS, 'tiny', Masked)
    mask = tmp_path / 'mask.png'
    assert cv2.imwrite(str(mask), np.full((4, 4), 255, np.uint8))
    config = replace(TinyConfig(), extra_losses=ExtraLossOptions(region_mask=str(mask)))
    run = train(config, tmp_path / 'run', machine=CPU)
    mask.unlink()
    tensors = load_tensors(run.best.path)
    assert torch.equal(load_generator(run)[0].weight, tensors['average.0.weight'])


def test_a_used_folder_is_refused(tmp_path):
    train(TinyConfig(), tmp_path / 'run', machine=CPU)
    with pytest.raises(TrainingError, match=r'holds a run already: continue it \(--resume'):
        train(TinyConfig(), tmp_path / 'run', machine=CPU)
    (tmp_path / 'run' / 'mine.txt').write_text('x')
    run = train(replace(TinyConfig(), seed=3), tmp_path / 'run', machine=CPU, force=True)
    assert run.config.seed == 3
    assert len(read_metrics(tmp_path / 'run' / 'metrics.jsonl')) == 9
    assert len(list((tmp_path / 'run' / 'tensorboard').iterdir())) == 1
    assert (tmp_path / 'run' / 'mine.txt').read_text() == 'x'
    (tmp_path / 'file').write_text('x')
    for path, message in ((tmp_path / 'file', 'is a file'), (tmp_path, 'holds no run')):
        with pytest.raises(DataError, match=message):
            train(TinyConfig(), path, machine=CPU, force=True)
    for call in (lambda f: train(TinyConfig(), f, machine=CPU, resume=True), open_run):
        with pytest.raises(TrainingError, match=r'holds no run: config.yaml is missing'):
            call(tmp_path / 'absent')


def test_two_runs_do_not_share_a_folder(tmp_path):
    with RunFolder(tmp_path / 'run') as other:
        other.lock()
        with pytest.raises(TrainingError, match='Another process trains in'):
            train(TinyConfig(), tmp_path / 'run', machine=CPU)
        # It is still locked: the second one must not have removed anything.
        with pytest.raises(TrainingError, match='Another process trains in'):
            train(TinyConfig(), tmp_path / 'run', machine=CPU)
        assert (tmp_path / 'run' / '.lock').exists()
    assert not (tmp_path / 'run').exists()


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    train(TinyConfig(), tmp_path, machine=CPU)
    before, after = (checkpoint_path(tmp_path / 'checkpoints', step) for step in (9, 12))
    expected, lines = load_tensors(after), lines_without_time(tmp_path)
    content = bytearray(after.read_bytes())
    content[-5] ^= 1
    after.write_bytes(content)
    notes = Notes()
    train(TinyConfig(), tmp_path, machine=CPU, resume=True, progress=notes)
    assert any('Passed over a checkpoint' in text and str(after) in text for text in notes.texts)
    assert 'going on behind step 9' in notes.texts
    found = load_tensors(after)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert lines_without_time(tmp_path) == lines
    for path in (before, after):
        path.write_bytes(b'')
    for path in (tmp_path / 'checkpoints').glob('step*'):
        path.write_bytes(b'')
    with pytest.raises(TrainingError, match=r'None of \d checkpoints is intact'):
        train(TinyConfig(), tmp_path, machine=CPU, resume=True)
    with pytest.raises(TrainingError, match='has no checkpoint that can be read'):
        open_run(tmp_path)


def test_a_checkpoint_of_other_networks_is_refused(tmp_path, monkeypatch):
    train(TinyConfig(), tmp_path, machine=CPU)

    class Larger(TinyMethod):
        def __init__(self, config):
            super().__init__(config)
            self.networks['d'] = torch.nn.Conv2d(3, 2, 4, stride=2)

    monkeypatch.setitem(METHODS, 'tiny', Larger)
    with pytest.raises(TrainingError, match=r"'d.weight' is .*\(1, 3, 4, 4\), expected .*\(2, 3"):
        load_generator(tmp_path)


def test_a_run_without_a_checkpoint_begins_anew(tmp_path):
    train(TinyConfig(), tmp_path, machine=CPU)
    lines = lines_without_time(tmp_path)
    for path in (tmp_path / 'checkpoints').iterdir():
        path.unlink()
    notes = Notes()
    train(TinyConfig(), tmp_path, machine=CPU, resume=True, progress=notes)
    assert 'There is no checkpoint yet: the run begins anew.' in notes.texts
    assert lines_without_time(tmp_path) == lines


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    train(TinyConfig(), tmp_path, machine=CPU)
    notes = Notes()
    assert (
        train(TinyConfig(), tmp_path, machine=CPU, resume=True, progress=notes).latest.step == 12
    )
    assert any('nothing is left to do' in text for text in notes.texts)


@pytest.mark.parametrize(
    'fail',
    [
        lambda: torch.empty(2**60),
        lambda: (_ for _ in ()).throw(torch.OutOfMemoryError('CUDA out of memory')),
        lambda: (_ for _ in ()).throw(MemoryError()),
    ],
)
def test_memory_that_runs_out_is_explained(tmp_path, monkeypatch, fail):
    step = TinyMethod.step
    monkeypatch.setattr(
        TinyMethod,
        'step',
        lambda self, *a: step(self, *a) if self.step_count < 7 else fail().sum(),
    )
    with pytest.raises(TrainingError, match=r'Memory ran out .*crop_size 256x256, batch_size 1'):
        train(TinyConfig(), tmp_path, machine=CPU)
    assert open_run(tmp_path).latest.step == 6


def test_other_errors_are_not_taken_for_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(TinyMethod, 'step', lambda *_: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match='inconsistent tensor size'):
        train(TinyConfig(), tmp_path, machine=CPU)


def test_divergence_stops_it_with_the_last_good_checkpoint(tmp_path, monkeypatch):
    step = TinyMethod.step

    def diverging(self, *arguments):
        losses = step(self, *arguments)
        if self.step_count == 7:
            with torch.no_grad():
                self.networks['d'].weight.fill_(float('nan'))
        return losses

    monkeypatch.setattr(TinyMethod, 'step', diverging)
    with pytest.raises(TrainingError, match='Training has diverged'):
        train(with_report(TinyConfig(), log_interval=100), tmp_path, machine=CPU)
    assert open_run(tmp_path).latest.step in (6, 8)
    assert all(t.isfinite().all() for t in load_tensors(open_run(tmp_path).latest.path).values())


# TensorBoard writes in a thread, where its error cannot be caught.
@pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')
def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    def full(*_):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
        return {}

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    monkeypatch.setattr(TinyMeasurement, 'watched', full)
    try:
        with pytest.raises(DataError, match=r'Cannot write .*run the same command again'):
            train(TinyConfig(), tmp_path, machine=CPU)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    run = open_run(tmp_path)
    assert run.latest.step == 4
    assert load_tensors(run.latest.path)
    monkeypatch.setattr(TinyMeasurement, 'watched', lambda *_: {})
    assert train(TinyConfig(), tmp_path, machine=CPU, resume=True).latest.step == 12


def test_what_cannot_begin_leaves_nothing(tmp_path):
    with pytest.raises(TrainingError, match=r'Device cuda is asked for|GPU'):
        train(TinyConfig(), tmp_path / 'run', machine=Machine('cuda', devices=999))
    assert not (tmp_path / 'run').exists()
    assert list(Path(tmp_path).iterdir()) == []
