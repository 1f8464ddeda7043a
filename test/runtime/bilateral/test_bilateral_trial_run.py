"""The trial run of a bilateral grid: compiling must fit into the child's limits."""

import contextlib
import os
import resource
import signal
from pathlib import Path

import graph_cases
import pytest
from onnx import helper

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.runtime import trial_process
from sim2real_ros.runtime import trial_run as module
from sim2real_ros.runtime.bilateral import compilation
from sim2real_ros.runtime.bilateral.structure import METADATA_KEY
from sim2real_ros.runtime.trial_run import trial_run

FAR_OFF_S = 100_000


@pytest.fixture
def limits():
    """Give this process limits that end nothing, as a trial's child has them."""
    usual = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (FAR_OFF_S, usual[1]))
    # The clock may be that of this test run.
    usual_s, _ = signal.setitimer(signal.ITIMER_REAL, FAR_OFF_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, usual_s)
    resource.setrlimit(resource.RLIMIT_CPU, usual)


def limits_in_force():
    """Return the seconds left on the clock, and those of the CPU."""
    seconds, _ = signal.getitimer(signal.ITIMER_REAL)
    return seconds, resource.getrlimit(resource.RLIMIT_CPU)[0]


def kept_files():
    """Return when the kernel's files on the disk were written."""
    files = Path(os.environ['NUMBA_CACHE_DIR']).rglob('kernel.*.nb?')
    return {path: path.stat().st_mtime_ns for path in files}


def test_the_child_keeps_its_limits_and_what_it_compiled(bilateral_models, first_trial_run):
    if first_trial_run is None:
        pytest.skip('no torch to export a model with')
    assert first_trial_run.returncode == 0, first_trial_run.stdout + first_trial_run.stderr
    kept = kept_files()
    functions = sorted((path.name.split('-')[0], path.suffix) for path in kept)
    assert functions == [
        (f'kernel.{function}', suffix)
        for function in ('copy_rows', 'slice_rows')
        for suffix in ('.nbc', '.nbi')
    ]
    # The next ones read it.
    for name, size in (('bilateral_grid_detail', None), ('bilateral_grid', (64, 48))):
        assert trial_run(bilateral_models[name], size=size) is None
    assert kept_files() == kept


def test_the_clock_stands_still_for_what_does_not_count(limits, monkeypatch):
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    times = iter((5.0, 47.5))
    monkeypatch.setattr(trial_process.time, 'process_time', lambda: next(times))
    stopped = trial_process.not_counted()
    with stopped:
        assert limits_in_force() == (0, hard)
    left_s, cpu_s = limits_in_force()
    assert 0 < left_s <= FAR_OFF_S
    assert cpu_s == FAR_OFF_S + 43


def test_the_clock_goes_on_after_a_failure(limits):
    with contextlib.suppress(KeyError), trial_process.not_counted():
        raise KeyError
    assert limits_in_force()[0] > 0


def test_without_limits_there_is_nothing_to_stop(limits):
    none = resource.getrlimit(resource.RLIMIT_CPU)[1]
    signal.setitimer(signal.ITIMER_REAL, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (none, none))
    with trial_process.not_counted():
        pass
    assert limits_in_force() == (0, none)


@pytest.mark.parametrize(
    ('backend', 'is_grid', 'compiled'),
    [('auto', True, 1), ('fused', True, 1), ('onnxruntime', True, 0), ('auto', False, 0)],
)
def test_compiling_does_not_count(limits, tmp_path, monkeypatch, backend, is_grid, compiled):
    proto, seen = graph_cases.identity(), []
    if is_grid:
        helper.set_model_props(proto, {METADATA_KEY: '{}'})
    path = graph_cases.save(proto, tmp_path / 'm.onnx')

    def slow():
        seen.append(limits_in_force()[0])
        raise BackendError('numba cannot compile it')

    def stop(*_):
        raise ModelError(f'{limits_in_force()[0] > 0}')

    monkeypatch.setattr(compilation, 'compiled_kernel', slow)
    monkeypatch.setattr(module, 'create_backend', stop)
    # What comes after it counts again.
    with pytest.raises(ModelError, match='True'):
        module._translate_once(str(path), backend, None)
    assert seen == [0] * compiled


def test_the_limit_holds_where_the_parent_ignores_the_alarm(tmp_path):
    path = graph_cases.save(graph_cases.repeated_for_ever(), tmp_path / 'loop.onnx')
    usual_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    usual = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        with pytest.raises(ModelError, match=r'gave no image within 1 s in a trial run'):
            trial_run(path, backend='onnxruntime', timeout_s=1)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.signal(signal.SIGALRM, usual)
        signal.setitimer(signal.ITIMER_REAL, usual_s)
