import json
import os
import signal
from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from tiny_training import (
    TinyConfig,
    TinyData,
    TinyMethod,
    environments_of_torchrun,
    install,
    lines_without_time,
    one_thread,
    processes,
    train_here,
)

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine.checkpoint import load_tensors, save_checkpoint
from sim2real_ros.training.engine.loop import Machine, train
from sim2real_ros.training.engine.processes import make_fabric
from sim2real_ros.training.engine.run import open_run
from sim2real_ros.training.engine.training_state import TrainingState

# Without what random numbers and statistics of a batch make of each process: then two processes
# with a batch of 1 are one process with a batch of 2.
SAME = replace(TinyConfig(), dropout=0.0, pool_size=0)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    install(monkeypatch)
    with one_thread():
        yield


def without_batch_norm():
    """Give the networks of each process other weights, too, which must not matter."""
    build = TinyMethod.__init__

    def init(self, config):
        build(self, config)
        self.networks['g'][1] = torch.nn.Identity()
        self.optimisers['generator'] = self._adam([self.networks['g']])
        if os.environ.get('RANK') == '1':
            with torch.no_grad():
                self.networks['g'][0].weight.zero_()

    TinyMethod.__init__ = init


def start_two(config, folder, **options):
    started = []
    for environment in environments_of_torchrun(2):
        arguments = {'environment': environment, **options}
        process = processes().Process(target=train_here, args=(config, folder), kwargs=arguments)
        process.start()
        started.append(process)
    return started


def wait(started):
    for process in started:
        process.join(120)
    return [process.exitcode for process in started]


def test_two_processes_are_one_with_the_double_batch(tmp_path):
    one = processes().Process(
        target=train_here,
        args=(replace(SAME, batch_size=2), tmp_path / 'one'),
        kwargs={'before': without_batch_norm},
    )
    one.start()
    two = start_two(SAME, tmp_path / 'two', before=without_batch_norm)
    assert wait([one, *two]) == [0, 0, 0]
    name = 'step_00000012.safetensors'
    mine, theirs = (load_tensors(tmp_path / f / 'checkpoints' / name) for f in ('two', 'one'))
    assert set(mine) == set(theirs)
    for key in theirs:
        torch.testing.assert_close(mine[key], theirs[key], rtol=1e-4, atol=1e-6, msg=key)
    assert mine['networks.g.0.weight'].abs().sum() > 0
    lines = [lines_without_time(tmp_path / folder) for folder in ('two', 'one')]
    assert [line['step'] for line in lines[0]] == [line['step'] for line in lines[1]]
    for ours, other in zip(*lines, strict=True):
        for key in ours.get('losses', {}):
            assert ours['losses'][key] == pytest.approx(other['losses'][key], rel=1e-4)


def test_a_signal_to_one_stops_both_and_they_go_on_exactly(tmp_path):
    config = TinyConfig()
    assert wait(start_two(config, tmp_path / 'whole')) == [0, 0]

    assert wait(start_two(config, tmp_path / 'cut', before=signal_in_second_process)) == [0, 0]
    ends = [json.loads((tmp_path / 'cut' / f'end{rank}.json').read_text()) for rank in (0, 1)]
    assert ends == ['signal', 'signal']
    stopped = open_run(tmp_path / 'cut').latest
    assert (stopped.step, stopped.facts.processes) == (5, 2)
    pools = [name for name in load_tensors(stopped.path) if '.image_' in name]
    assert len(pools) == 6  # Each process has three images of its own.

    assert wait(start_two(config, tmp_path / 'cut', resume=True)) == [0, 0]
    last = [open_run(tmp_path / folder).latest.path for folder in ('whole', 'cut')]
    mine, theirs = (load_tensors(path) for path in last)
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
    assert lines_without_time(tmp_path / 'cut') == lines_without_time(tmp_path / 'whole')


def signal_in_second_process():
    step = TinyMethod.step

    def signalling(self, batch, stepper):
        if self.step_count == 4 and os.environ['RANK'] == '1':
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, stepper)

    TinyMethod.step = signalling


def test_one_that_fails_takes_the_other_along(tmp_path):
    started = start_two(TinyConfig(), tmp_path, before=fail_in_first_process)
    assert all(wait(started))
    # That of step 4, which was the best one until then.
    assert open_run(tmp_path).latest.step == 4
    assert 'Another process of this run has ended' in (tmp_path / 'end1.json').read_text()


def fail_in_first_process():
    step = TinyMethod.step

    def failing(self, batch, stepper):
        if self.step_count == 4 and os.environ['RANK'] == '0':
            raise MemoryError
        return step(self, batch, stepper)

    TinyMethod.step = failing


def test_another_number_of_processes_is_refused(tmp_path):
    latest = train(TinyConfig(), tmp_path, machine=Machine('cpu')).latest
    tensors = load_tensors(latest.path)
    save_checkpoint(tmp_path / 'checkpoints', replace(latest.facts, processes=2), tensors)
    with pytest.raises(TrainingError, match=r'trained by 2 process.* Resume with --devices 2'):
        train(TinyConfig(), tmp_path, machine=Machine('cpu'), resume=True)


@pytest.mark.parametrize('precision', ['bf16-mixed', 'auto'])
def test_every_precision_trains(tmp_path, precision):
    config = TinyConfig(precision=precision, schedule=replace(TinyConfig().schedule, decay=0))
    run = train(config, tmp_path, machine=Machine('cpu'))
    tensors = load_tensors(run.latest.path, prefixes=('networks.g.0',))
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    longer = replace(config, schedule=replace(config.schedule, constant=8))
    assert train(longer, tmp_path, machine=Machine('cpu'), resume=True).latest.step == 8


@pytest.mark.parametrize(
    ('answers', 'expected'),
    [
        ({'_is_avx512_bf16_supported': True, '_is_amx_tile_supported': False}, 'bf16-mixed'),
        ({'_is_avx512_bf16_supported': False, '_is_amx_tile_supported': True}, 'bf16-mixed'),
        ({'_is_avx512_bf16_supported': False, '_is_amx_tile_supported': False}, 'fp32'),
        ({}, 'fp32'),
    ],
)
def test_auto_is_bf16_where_the_processor_has_it(monkeypatch, answers, expected):
    for name in ('_is_avx512_bf16_supported', '_is_amx_tile_supported'):
        monkeypatch.delattr(torch.cpu, name, raising=False)
        if name in answers:
            monkeypatch.setattr(torch.cpu, name, lambda name=name: answers[name], raising=False)
    assert make_fabric(Machine('cpu'), 'auto')[1] == expected
    assert make_fabric(Machine('cpu'), 'fp32')[1] == 'fp32'


def test_the_scaler_of_fp16_is_kept():
    # Fabric has fp16 for GPUs only, so its plugin is made by hand.
    def fabric():
        scaler = torch.amp.GradScaler('cpu', init_scale=512.0, growth_interval=2)
        return Fabric(accelerator='cpu', plugins=[MixedPrecision('16-mixed', 'cpu', scaler)])

    states = []
    for _ in range(2):
        torch.manual_seed(0)
        states.append(TrainingState(TinyMethod(TinyConfig()), fabric()))
    first, second = states
    batch = TinyData(TinyConfig().data, '', 1, 0, size_multiple=4).batch(0)
    for _ in range(3):
        first.losses.add(first.method.step(batch, first.stepper))
    assert first.scaler_state()['scale'] > 512
    tensors = {name: tensor.clone() for name, tensor in first.tensors().items()}
    second.load(tensors, first.losses.counts, first.scaler_state())
    assert second.scaler_state() == first.scaler_state()
    for state in states:
        torch.manual_seed(1)
        state.method.step(batch, state.stepper)
    found = [state.tensors() for state in states]
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


def test_fp16_without_a_gpu_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="fp16-mixed needs a GPU, here is 'cpu'"):
        train(TinyConfig(precision='fp16-mixed'), tmp_path, machine=Machine('cpu'))


def test_a_missing_gpu_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(TrainingError, match='Device cuda is asked for, but torch finds no GPU'):
        train(TinyConfig(), tmp_path, machine=Machine('cuda'))
