"""The inference benchmark: rounds and rows from known turns, and a tiny run from end to end."""

import json
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / 'tools/benchmarks'
IDENTITY = FOLDER.parents[1] / 'models/identity.onnx'


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ('contenders', 'rounds', 'rows', 'worker')
    modules = {name: import_module(f'inference_{name}') for name in names}
    return SimpleNamespace(floors=import_module('floors'), **modules)


@pytest.fixture
def contender(parts):
    def make(model='net', backend='onnxruntime', threads=1):
        runtime = parts.contenders.Runtime(backend, 'cpu', 'float32')
        return parts.contenders.Contender(model, IDENTITY, (64, 48), runtime, threads)

    return make


def outcome(parts, contender, rounds_ms):
    made = parts.rounds.Outcome(contender, {'runtime': 'ort 1', 'import_ms': 5.0, 'load_ms': 7.0})
    for number, frames_ms in rounds_ms.items():
        made.add(number, {'frames_ms': frames_ms, 'cpu_ms': 2.0, 'peak_mib': 100.0 + number})
    return made


def test_ratios_are_taken_within_rounds(parts, contender):
    # The second round was disturbed and slowed both; in the fourth only the reference ran.
    reference = outcome(parts, contender('ref'), {0: [40.0], 1: [400.0], 2: [60.0], 3: [1.0]})
    fast = outcome(parts, contender(), {0: [9, 10, 11], 1: [50.0], 2: [20.0]})
    row = parts.rows.row_of(fast, reference, parts.floors.Floor(2.0, 1.0, 5.0))
    assert (row.ratio, row.ratio_range) == (4.0, (3.0, 8.0))
    assert (row.frames, row.median_ms, row.fps, row.peak_mib) == (5, 11.0, 1000 / 11, 102.0)
    assert row.low_ms == pytest.approx(np.percentile([9, 10, 11, 20, 50], 10))
    assert (row.floor_ms, row.floor_limit, row.over_floor) == (2.0, 'compute', 5.5)
    assert row.start_ms == {'import_ms': 5.0, 'load_ms': 7.0}


def test_table_shows_what_was_not_measured_and_why(parts, contender):
    good = parts.rows.row_of(outcome(parts, contender(), {0: [2.0]}), None, None)
    failed = parts.rounds.Outcome(contender('other'), reason='no such | back end')
    rows = [good, parts.rows.row_of(failed, None, None)]
    lines = parts.rows.inference_table(rows).split('\n')
    assert lines[0] == '### 64x48'
    assert '| net | onnxruntime float32 | 1 | 2 (2..2) | 500 |  |  |  | 100 | 12 |' in lines
    assert lines[-1] == '* other, onnxruntime float32: no such | back end'
    assert len({line.count('|') for line in lines if line.startswith('|')}) == 1


def test_fused_is_tried_where_it_may_fit(parts):
    paths = dict.fromkeys(('resnet-9', 'bilateral_grid', 'my_model'), IDENTITY)
    ways = parts.contenders.runtimes(['fused'], gpu=False)
    found = list(parts.contenders.contenders(paths, (64, 48), ways, [1, 2]))
    assert [(each.model, each.threads) for each in found] == [
        ('bilateral_grid', 1), ('bilateral_grid', 2), ('my_model', 1), ('my_model', 2),
    ]  # fmt: skip
    assert not any(each.provider == 'cuda' for each in parts.contenders.runtimes([], gpu=False))
    assert any(each.provider == 'cuda' for each in parts.contenders.runtimes([], gpu=True))


ECHO = """
import json, sys
spec = json.loads(sys.argv[1])
if spec['threads'] == 3: sys.exit(5)
if spec['threads'] == 4: print('no json', flush=True)
if spec['threads'] == 5: print(json.dumps({'failed': 'not here'}), flush=True); sys.exit()
print(json.dumps({'runtime': 'echo'}), flush=True)
for line in sys.stdin:
    if spec['threads'] == 6: sys.exit(7)
    with open(sys.argv[0] + '.log', 'a') as log: log.write(str(spec['threads']))
    answer = {'frames_ms': [float(line)], 'cpu_ms': 1.0, 'peak_mib': 2.0}
    print(json.dumps(answer), flush=True)
"""


@pytest.fixture
def echo(parts, monkeypatch, tmp_path):
    path = tmp_path / 'echo.py'
    path.write_text(ECHO)
    monkeypatch.setattr(parts.rounds, 'WORKER', path)
    return Path(f'{path}.log')


def test_contenders_take_turns_and_references_in_every_group(parts, contender, echo):
    others = [contender(threads=number) for number in (1, 2)]
    anchors, found = parts.rounds.measure(
        [contender(threads=0)], others, rounds=2, seconds=0.5, together=1
    )
    assert echo.read_text() == '01' + '10' + '02' + '20'
    assert anchors[0].rounds_ms == {n: [0.5] for n in range(4)}
    assert [each.rounds_ms for each in found] == [{0: [0.5], 1: [0.5]}, {2: [0.5], 3: [0.5]}]


@pytest.mark.parametrize(
    ('threads', 'reason'),
    [(3, 'ended with 5'), (4, 'answer of no meaning'), (5, 'not here'), (6, 'ended with 7')],
)
def test_failing_contender_stops_nobody(parts, contender, echo, threads, reason):
    others = [contender(threads=each) for each in (threads, 1)]
    _, found = parts.rounds.measure([], others, rounds=2, seconds=0.5, together=2)
    assert reason in found[0].reason
    assert (found[0].rounds_ms, found[1].reason) == ({}, '')
    assert len(found[1].rounds_ms) == 2
    assert parts.rows.row_of(found[0], None, None).reason == found[0].reason


def test_worker_says_what_it_cannot_do(parts, monkeypatch, capsys, contender):
    spec = contender(backend='no_such').spec()
    monkeypatch.setattr(sys, 'argv', ['worker', json.dumps(spec)])
    parts.worker.main()
    assert 'no_such' in json.loads(capsys.readouterr().out)['failed']


def test_turn_lasts_its_time_and_a_frame_at_least(parts):
    numbers = []
    assert len(parts.worker.turn(numbers.append, 0.0)) == 1
    times_ms = parts.worker.turn(numbers.append, 0.01)
    assert sum(times_ms) >= 9.9
    assert numbers[1:] == list(range(len(times_ms)))


@pytest.mark.parametrize('size', [(64, 48), (37, 21)])
def test_pictures_have_the_size_and_differ(parts, size):
    frames = parts.worker.pictures(size)
    assert {(each.shape, str(each.dtype)) for each in frames} == {((size[1], size[0], 3), 'uint8')}
    assert len({each.tobytes() for each in frames}) == len(frames)


def test_quick_run_from_end_to_end(monkeypatch, tmp_path):
    pytest.importorskip('torch')
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    monkeypatch.setattr(sys, 'path', list(sys.path))
    page, result = tmp_path / 'page.md', tmp_path / 'result.json'
    page.write_text('<!-- benchmark inference -->\n<!-- end of benchmark inference -->\n')
    arguments = ['inference', '--quick', '--backends', 'onnxruntime', '--threads', '1']
    arguments += ['--rounds', '1', '--seconds', '0.01']
    arguments += ['--only', 'tiny-resnet', '--model', str(IDENTITY)]
    main = import_module('benchmark').main
    assert main([*arguments, '--table', str(page), '--json', str(result)]) == 0
    found = json.loads(result.read_text())
    rows = {row['model']: row for row in found['rows']}
    assert list(rows) == ['tiny-resnet', 'identity']
    for row in rows.values():
        assert (row['reason'], row['frames'] >= 1, row['ratio'] > 0) == ('', True, True)
        assert row['median_ms'] >= row['low_ms'] > 0
        assert row['peak_mib'] > 20
        assert set(row['start_ms']) == {'import_ms', 'load_ms', 'first_ms'}
    assert rows['tiny-resnet']['ratio'] == 1
    assert rows['tiny-resnet']['floor_limit'] == 'compute'
    assert rows['identity']['floor_limit'] == 'memory'
    assert found['peaks'][0]['flops_per_s']['float32'] > 0
    assert '| tiny-resnet | onnxruntime float32 | 1 |' in page.read_text()
