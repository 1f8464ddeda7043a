"""The training benchmark: that it compares equal work, and what it makes of its measurements."""

import json
import sys
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sim2real_ros.image.encode_file import encode_file
from sim2real_ros.training.engine.configuration import load_config

FOLDER = Path(__file__).resolve().parents[2] / 'tools/benchmarks'
TINY = (
    *('generator.name=resnet', 'generator.filters=4', 'generator.blocks=1'),
    *('discriminator.filters=4', 'discriminator.layers=1', 'precision=fp32'),
    *('data.crop_size=[32, 16]', 'data.load_size=[36, 20]', 'batch_size=2'),
)
SPEC = {'device': 'cpu', 'fused': False}


@pytest.fixture
def parts(monkeypatch):
    """The benchmark's modules, imported as the benchmark imports them."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ('baseline', 'contenders', 'rounds', 'worker')
    modules = {name: import_module(f'train_{name}') for name in names}
    return SimpleNamespace(bench=import_module('bench_train'), **modules)


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def gradients(networks):
    return {name: each.grad.clone() for name, each in networks.named_parameters()}


def test_plain_step_is_the_step_of_the_package(parts):
    """Two steps, so that the second has what the first has learnt, and full gradients."""
    config = load_config('cyclegan', overrides=TINY)
    batches = parts.worker.random_batches(config, torch.device('cpu'))
    torch.manual_seed(3)
    method = parts.worker.new_method(config)
    torch.manual_seed(3)
    plain_networks = parts.worker.new_method(config).networks
    plain = parts.baseline.PlainCycleGan(plain_networks)
    fabric, _ = parts.worker.make_fabric(parts.worker.Machine(device='cpu'), 'fp32')
    state = parts.worker.TrainingState(method, fabric)
    for batch in batches[:2]:
        method.step(batch, state.stepper)
        plain.step(batch.sim, batch.real)
        expected = gradients(method.networks)
        found = gradients(plain_networks)
        assert found.keys() == expected.keys()
        for name, gradient in found.items():
            # Biases in front of a normalisation have rounding errors for gradients, so what is
            # an error is measured by the largest gradient of the network.
            network = name.partition('.')[0]
            largest = max(
                float(g.abs().max()) for n, g in expected.items() if n.startswith(network)
            )
            error = float((gradient - expected[name]).abs().max())
            assert error < 1e-4 * largest, name


def test_plain_step_in_bf16_differs_by_rounding_only(parts):
    config = load_config('cyclegan', overrides=TINY)
    batch = parts.worker.random_batches(config, torch.device('cpu'))[0]
    weights = []
    for bf16 in (False, True):
        torch.manual_seed(3)
        networks = parts.worker.new_method(config).networks
        plain = parts.baseline.PlainCycleGan(networks, fused=bf16, bf16=bf16)
        plain.step(batch.sim, batch.real)
        weights.append(torch.cat([each.detach().reshape(-1) for each in networks.parameters()]))
    difference = (weights[0] - weights[1]).abs()
    # Adam's first step is the learning rate in the direction of the gradient's sign: with random
    # signs the mean would be one learning rate.
    assert 0 < difference.max() <= 2 * 2e-4 + 1e-6
    assert difference.mean() < 0.5 * 2e-4


@pytest.mark.parametrize('kind', ['plain', 'method'])
def test_worker_counts_and_times_bare_steps(parts, stack, kind):
    config = load_config('cyclegan', overrides=TINY)
    outcome = parts.worker.WORKS[kind](SPEC, config, stack)(3)
    assert outcome['iterations'] == 3
    assert outcome['seconds'] > 0
    assert outcome['cpu_seconds'] > 0


@pytest.fixture
def folders(tmp_path):
    random = np.random.default_rng(0)
    for domain in ('sim', 'real'):
        (tmp_path / domain).mkdir()
        for number in range(4):
            pixels = random.integers(0, 256, (40, 60, 3), np.uint8)
            path = tmp_path / domain / f'{number}.jpg'
            path.write_bytes(encode_file(pixels, 'jpg'))
    return tmp_path


def test_worker_times_the_loop_and_what_lies_outside_of_the_steps(
    parts, stack, folders, monkeypatch
):
    # Put back afterwards: the worker replaces the method by one with a clock.
    monkeypatch.setitem(parts.worker.METHODS, 'cyclegan', parts.worker.METHODS['cyclegan'])
    data = parts.contenders._data(folders)
    short = parts.contenders._SHORT_END
    config = load_config('cyclegan', overrides=(*TINY, *data, *short))
    work = parts.worker.whole_loop(SPEC, config, stack)
    for count in (2, 3):
        outcome = work(count)
        assert outcome['iterations'] == count
        assert 0 < outcome['inside_seconds'] < outcome['seconds']


def test_worker_reads_batches_alone(parts, stack, folders):
    data = (*TINY, *parts.contenders._data(folders))
    for cache in ('true', 'false'):
        config = load_config('cyclegan', overrides=(*data, f'data.cache={cache}'))
        work = parts.worker.data_alone(SPEC, config, stack)
        assert work(2)['iterations'] == 2
        assert work(3)['iterations'] == 3


def worker_with(parts, name, outcomes, note=''):
    contender = parts.contenders.Contender(name, 'plain', 'cyclegan', (), note=note)
    worker = parts.rounds.Worker(contender, None)
    worker.outcomes = [
        {
            **{'seconds': seconds, 'iterations': count, 'cpu_seconds': 2 * seconds},
            **{'peak_mib': 300.0, 'start_mib': 200.0},
        }
        for seconds, count in outcomes
    ]
    return worker


def test_ratios_are_taken_within_rounds(parts):
    # The second round was disturbed, and slowed both: 2, 3 and 4 times as fast, not a mix.
    slow = worker_with(parts, 'slow', [(4.0, 2), (40.0, 2), (8.0, 2)])
    fast = worker_with(parts, 'fast', [(3.0, 3), (20.0, 3), (4.0, 4)], note='trick')
    row = parts.rounds._row(fast, slow, slow)
    assert (row.ratio, row.ratio_range, row.gain) == (3.0, (2.0, 4.0), 3.0)
    assert row.step_ms == pytest.approx(1000)
    assert row.rate == pytest.approx(1)
    assert (row.peak_mib, row.own_mib, row.outside) == (300, 100, None)
    fast.outcomes[0]['cpu_seconds'] = fast.outcomes[1]['cpu_seconds'] = 1.0
    assert parts.rounds._row(fast, slow, slow).cpu_ratio == 12


def test_share_outside_of_the_steps(parts):
    loop = worker_with(parts, 'loop', [(4.0, 2), (5.0, 2), (2.0, 2)])
    for outcome, inside in zip(loop.outcomes, (3.0, 4.5, 1.8), strict=True):
        outcome['inside_seconds'] = inside
    row = parts.rounds._row(loop, loop, loop)
    assert row.outside == pytest.approx(0.1)
    assert parts.bench.remark(row) == 'outside of the steps 10.0%'


def test_tables_are_markdown(parts):
    slow = worker_with(parts, 'plain', [(1.0, 2)])
    fast = worker_with(parts, 'ours', [(0.5, 2)], note='trick')
    rows = [parts.rounds._row(each, slow, slow) for each in (slow, fast)]
    lines = list(parts.bench.table(parts.contenders.Group('Step'), rows))
    assert lines[0] == '### Step\n'
    assert lines[-1] == (
        '| ours | 250.00 | 4.00 | 2.00x | 2.00..2.00 | 2.00x | 300 (100) '
        '| trick: 2.00x (2.00x by CPU time) |'
    )
    assert len({line.count('|') for line in lines[1:]}) == 1


@pytest.mark.parametrize('quick', [True, False])
def test_contenders_have_configurations(parts, quick, tmp_path):
    scale = parts.bench.SMALL if quick else parts.bench.ON_CPU
    groups = [
        parts.contenders.step_group(scale),
        *parts.contenders.method_groups(scale, [], quick=quick),
        parts.contenders.data_group(scale, tmp_path),
        *parts.contenders.loop_groups(scale, tmp_path),
    ]
    assert len({group.title for group in groups}) == len(groups)
    for group in groups:
        assert len({each.name for each in group.contenders}) == len(group.contenders) > 1
        for contender in group.contenders:
            config = load_config(contender.method, overrides=contender.overrides)
            assert config.data.crop_size == scale.size
    only = parts.contenders.method_groups(scale, ['unit'], quick=quick)
    assert [group.title for group in only] == ['unit / unit']


ECHO = """
import json, sys
for line in sys.stdin:
    count = int(line)
    if count > 100: sys.exit(3)
    print(json.dumps({'seconds': 0.01 * count, 'cpu_seconds': 0.01 * count, 'iterations': count,
                      'peak_mib': 2.0, 'start_mib': 1.0}), flush=True)
"""


def test_contenders_take_turns_of_the_wanted_length(parts, monkeypatch, tmp_path):
    (tmp_path / 'echo.py').write_text(ECHO)
    monkeypatch.setattr(parts.rounds, 'WORKER', tmp_path / 'echo.py')
    group = parts.contenders.step_group(parts.bench.SMALL)
    machine = parts.rounds.Machine('cpu', 1)
    rows = parts.rounds.measure(group, machine, rounds=2, seconds=0.2)
    assert [row.name for row in rows] == [each.name for each in group.contenders]
    assert all(row.step_ms == pytest.approx(10) for row in rows)
    # One that dies ends the benchmark, and leaves no process.
    with pytest.raises(RuntimeError, match="'plain, fp32' ended with 3"):
        parts.rounds.measure(group, machine, rounds=1, seconds=50)


def test_benchmark_train_understands_its_command_line(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    monkeypatch.syspath_prepend(str(FOLDER))
    benchmark = import_module('benchmark')
    seen = []

    def run(arguments):
        seen.append(arguments)
        return {'tables': {}}

    monkeypatch.setattr(import_module('bench_train'), 'run', run)
    path = tmp_path / 'result.json'
    monkeypatch.setattr(sys, 'path', list(sys.path))
    arguments = ['train', '--quick', '--parts', 'step', 'loop', '--size', '64', '48']
    assert benchmark.main([*arguments, '--json', str(path)]) == 0
    assert json.loads(path.read_text()) == {'tables': {}}
    assert seen[0].parts == ['step', 'loop']
    scale = import_module('bench_train').choose_scale(seen[0])
    assert (scale.size, scale.filters) == ((64, 48), 16)
