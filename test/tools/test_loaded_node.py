"""A node that fails must end neither the wait for it in vain nor the benchmark."""

import io
from argparse import Namespace
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def parts(import_benchmarks):
    return import_benchmarks(
        'bench_processes', 'bench_node', 'loaded_node', 'node_command', 'not_measured'
    )


@pytest.fixture
def waited(parts, monkeypatch):
    """Steps of a clock that stands still but for the waiting."""
    steps = []
    clock = SimpleNamespace(monotonic=lambda: sum(steps), sleep=steps.append)
    monkeypatch.setattr(parts.loaded_node, 'time', clock)
    return steps


def wait(parts, answers, *, returncode=None, limit_s=5.0):
    """Wait for a node that gives one answer after the other, then the last for ever."""
    statuses = [parts.bench_processes.Status(*answer) for answer in answers]
    name = parts.loaded_node.MODEL_STATUS

    def newest():
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        return {name: status, 'other: model': parts.bench_processes.Status(2, 'not ours', {})}

    process = SimpleNamespace(poll=lambda: returncode)
    with Path('/dev/null').open('rb') as log:
        parts.loaded_node.wait_until_loaded(
            process, SimpleNamespace(newest=newest), log, limit_s=limit_s
        )


STARTING = (0, 'no model loaded yet', {})


def test_a_node_is_waited_for_until_it_tells_of_its_model(parts, waited):
    wait(parts, [STARTING, STARTING, (1, 'runs on cpu', {'backend': 'openvino'})])
    assert len(waited) == 2


def test_a_refused_model_is_told_at_once_in_the_words_of_the_node(parts, waited):
    with pytest.raises(parts.bench_processes.NotMeasuredError, match='cannot be run in parts'):
        wait(parts, [STARTING, (2, 'it cannot be run in parts', {})])
    assert len(waited) == 1


def test_silence_is_not_waited_for_longer_than_the_limit(parts, waited):
    with pytest.raises(parts.bench_processes.NotMeasuredError, match='no model for 5 s'):
        wait(parts, [STARTING])
    assert 5.0 < sum(waited) < 5.5


def test_a_node_that_ends_is_told_with_the_last_line_of_its_log(parts, monkeypatch):
    @contextmanager
    def nobody():
        yield SimpleNamespace(newest=dict)

    monkeypatch.setattr(parts.loaded_node, 'diagnostics', nobody)
    code = 'import sys; sys.exit("[INFO] Hello\\n[FATAL] Cannot start: no such parameter\\n\\n")'
    match = r'exit status 1: \[FATAL\] Cannot start: no such parameter$'
    with (
        pytest.raises(parts.bench_processes.NotMeasuredError, match=match),
        parts.loaded_node.loaded_node('-c', code),
    ):
        pytest.fail('there is no node')


def test_reading_a_log_does_not_move_the_place_of_its_writer(parts, tmp_path):
    with (tmp_path / 'log').open('w+b') as log:
        assert parts.loaded_node.last_line(log) == 'it has logged nothing'
        log.write(b'first\n' + b'x' * 5000 + b'\nlast \n')
        log.flush()
        assert parts.loaded_node.last_line(log) == 'last'
        log.write(b'more')
        log.flush()
        assert parts.loaded_node.last_line(log) == 'more'


@pytest.mark.dds
def test_the_node_itself_says_that_a_back_end_refuses_its_model(parts):
    pytest.importorskip('rclpy')
    pytest.importorskip('numba')
    command = parts.node_command.proxy('identity', 1, settings=['backend:=fused'])
    with (
        pytest.raises(
            parts.bench_processes.NotMeasuredError, match=r'loaded no model: .*in parts'
        ),
        parts.loaded_node.loaded_node(*command),
    ):
        pytest.fail('identity is no bilateral grid')


def test_other_models_are_measured_after_one_that_fails(parts, monkeypatch, capsys):
    def latency_run(model, *_):
        if model[0] == 'identity':
            raise parts.bench_processes.NotMeasuredError('The node loaded no model: no grid')
        return {'model': model[0], 'p50': 1.0}

    def sweep(model, threads, **_):
        yield row
        raise parts.bench_processes.NotMeasuredError('Only 0 of 9 frames reached the sink.')

    node = parts.bench_node
    row = import_module('node_rates').RateRow('net', 1, 1, 9, 9, {}, 1, 1, 1, 1, {})
    monkeypatch.setattr(node, 'latency_run', latency_run)
    monkeypatch.setattr(node, 'sweep', sweep)
    arguments = Namespace(threads=[1, 2], cameras=1, rates=[9.0], set=['backend:=fused'])
    missing = parts.not_measured.MissingRows()
    plan = node.Plan(arguments, (64, 48), {'identity': 'identity', 'net': 'n'}, 2, missing)
    assert node.latency_part(plan) == [{'model': 'net', 'p50': 1.0}]
    assert 'latency: identity, threads 2: not measured. The node loaded' in capsys.readouterr().err
    # What came before the failure stays.
    assert len(node.rates_part(plan)) == 4
    assert len(missing.rows) == 1 + 4
    result = {'size': (64, 48), 'cores': 2, 'machine': {}, 'missing': missing.as_dicts()}
    monkeypatch.setattr(node, 'machine_line', lambda _: '')
    table = node.node_tables(result)
    assert '### Not measured' in table
    assert '| latency | identity | 2 | The node loaded no model: no grid |' in table


def test_a_mistake_of_the_benchmark_is_not_taken_for_one_of_the_model(parts):
    missing = parts.not_measured.MissingRows()
    with pytest.raises(KeyError), missing.noting('rates', 'net', 1):
        raise KeyError('p50')
    assert missing.rows == []


def test_the_bare_loop_finds_a_shipped_model_by_its_name_as_the_node_does(parts):
    pytest.importorskip('onnxruntime')
    loop = parts.bench_node.BareLoop('identity', 1, (64, 48), {'backend': 'onnxruntime'})
    turns = io.StringIO('ab')
    assert loop.rate_hz(lambda: bool(turns.read(1))) > 0
