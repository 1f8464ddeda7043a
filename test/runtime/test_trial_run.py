import resource
import subprocess
import sys

import graph_cases
import pytest

from sim2real_ros.errors import ModelError
from sim2real_ros.runtime.backends import GENERAL_BACKENDS
from sim2real_ros.runtime.trial_run import trial_run


@pytest.fixture(params=GENERAL_BACKENDS)
def backend(request):
    pytest.importorskip(request.param)
    return request.param


def refusal(path, backend):
    try:
        trial_run(path, backend=backend)
    except ModelError as error:
        return str(error)
    return ''


def test_a_good_model_passes(tmp_path, backend):
    path = graph_cases.save(graph_cases.identity(), tmp_path / 'good.onnx')
    assert trial_run(path, backend=backend) is None


def test_the_size_reaches_the_model(tmp_path, backend):
    path = graph_cases.save(
        graph_cases.uint8_model(graph_cases.identity().graph.node, dims=(1, 6, 8, 3)),
        tmp_path / 'fixed.onnx',
    )
    trial_run(path, backend=backend, size=(8, 6))
    with pytest.raises(ModelError, match='runs at 8x6 only, not at 16x12'):
        trial_run(path, backend=backend, size=(16, 12))


def test_an_endless_loop_is_refused_in_time(tmp_path, backend):
    path = graph_cases.save(graph_cases.repeated_for_ever(), tmp_path / 'loop.onnx')
    with pytest.raises(ModelError, match=r'loop\.onnx.* gave no image within 3 s in a trial run'):
        trial_run(path, backend=backend, timeout_s=3)


def test_a_model_that_wants_all_memory_is_refused(tmp_path, backend):
    path = graph_cases.save(graph_cases.all_memory(), tmp_path / 'memory.onnx')
    with pytest.raises(ModelError, match=r'(?i)alloc|memory'):
        trial_run(path, backend=backend, timeout_s=60)


def test_a_model_that_crashes_its_process_is_refused(tmp_path, backend):
    path = graph_cases.save(graph_cases.crash(), tmp_path / 'crash.onnx')
    reason = refusal(path, backend)
    if not reason:
        pytest.skip(f'this version of {backend} survives INT_MIN modulo -1')
    assert 'crashed a trial run in a process of its own (signal SIG' in reason


def test_a_runtime_that_aborts_is_told_from_one_that_explains(tmp_path, monkeypatch):
    pytest.importorskip('onnxruntime')
    (tmp_path / 'onnxruntime.py').write_text('import os\nos.abort()\n')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    path = graph_cases.save(graph_cases.identity(), tmp_path / 'good.onnx')
    with pytest.raises(ModelError, match=r'good\.onnx.* crashed .* \(signal SIGABRT\); refused'):
        trial_run(path, backend='onnxruntime')


def test_an_unforeseen_exception_shows_its_last_line(tmp_path, monkeypatch):
    pytest.importorskip('onnxruntime')
    (tmp_path / 'onnxruntime.py').write_text('raise ValueError("wheel made for Mars")\n')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    path = graph_cases.save(graph_cases.identity(), tmp_path / 'good.onnx')
    with pytest.raises(ModelError, match=r'exit status 1: ValueError: wheel made for Mars'):
        trial_run(path, backend='onnxruntime')


def test_the_reason_of_the_model_file_comes_through(tmp_path):
    path = graph_cases.save(b'\x08', tmp_path / 'bad.onnx')
    with pytest.raises(ModelError, match='is damaged or no ONNX file'):
        trial_run(path)


def test_the_reason_of_the_backend_comes_through(tmp_path):
    path = graph_cases.save(graph_cases.identity(), tmp_path / 'good.onnx')
    with pytest.raises(ModelError, match="Unknown backend 'abacus'"):
        trial_run(path, backend='abacus')


def test_a_name_that_no_process_can_be_given_is_refused():
    with pytest.raises(ModelError, match=r'No trial run of .* could be started'):
        trial_run('a\0b.onnx')


@pytest.mark.skipif(sys.version_info < (3, 11), reason='Python 3.10 cannot hide the folder')
def test_files_of_the_working_directory_are_not_imported(tmp_path, monkeypatch):
    (tmp_path / 'json.py').write_text('raise RuntimeError("wrong json")\n')
    (tmp_path / 'sim2real_ros').mkdir()
    (tmp_path / 'sim2real_ros' / '__init__.py').touch()
    monkeypatch.chdir(tmp_path)
    trial_run(graph_cases.save(graph_cases.identity(), tmp_path / 'good.onnx'))


def test_the_child_limits_itself_before_it_does_anything(tmp_path):
    shell = f'ulimit -v > {tmp_path}/v; ulimit -c > {tmp_path}/c; ulimit -t > {tmp_path}/t'
    child = [sys.executable, '-m', 'sim2real_ros.runtime.trial_process']
    subprocess.run([*child, shell, 'os', 'system', '[]', '3'], check=True)
    kib, core, cpu_s = (int((tmp_path / name).read_text()) for name in 'vct')
    physical = resource.getpagesize() * int(subprocess.check_output(['getconf', '_PHYS_PAGES']))
    assert 0 < kib * 1024 <= max(4 * 2**30, physical // 2)
    assert (core, cpu_s) == (0, 7)
