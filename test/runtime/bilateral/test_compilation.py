"""Compiling must not fail for want of a folder; small functions stand for the kernel."""

import importlib.util
import logging
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba import types

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.bilateral import compilation

SIGNATURE = (types.Array(types.float32, 1, 'C'),)


@pytest.fixture
def doubling(tmp_path):
    """A function in a file of its own, since numba's cache belongs to a file."""
    path = tmp_path / 'source' / 'doubling_source.py'
    path.parent.mkdir()
    path.write_text(
        'def double(values):\n    for i in range(values.size):\n        values[i] *= 2\n'
    )
    spec = importlib.util.spec_from_file_location('doubling_source', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.double


def doubled(function):
    values = np.ones(3, np.float32)
    function(values)
    return (values == 2).all()


def test_the_first_time_it_is_written_and_the_second_time_read(doubling, tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, 'CACHE_DIR', str(tmp_path / 'cache'))
    assert doubled(compilation._compiled(doubling, SIGNATURE))
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*.nb?')}
    assert len(files) == 2
    assert doubled(compilation._compiled(doubling, SIGNATURE))
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*.nb?')} == files


def test_a_damaged_cache_is_not_needed(doubling, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(numba.config, 'CACHE_DIR', str(tmp_path / 'cache'))
    compilation._compiled(doubling, SIGNATURE)
    for path in tmp_path.rglob('*.nbc'):
        path.write_bytes(b'damaged')
    with caplog.at_level(logging.INFO):
        assert doubled(compilation._compiled(doubling, SIGNATURE))
    assert 'cannot be kept on the disk' in caplog.text


def test_a_place_that_cannot_be_written_to_is_not_needed(doubling, tmp_path, monkeypatch, caplog):
    (tmp_path / 'file').write_text('')
    # All three places that numba tries: files stand where folders would have to be made.
    monkeypatch.setattr(numba.config, 'CACHE_DIR', str(tmp_path / 'file' / 'cache'))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file' / 'cache'))
    (tmp_path / 'source' / '__pycache__').write_text('')
    with caplog.at_level(logging.INFO):
        assert doubled(compilation._compiled(doubling, SIGNATURE))
    assert 'cannot be kept on the disk' in caplog.text
    assert not list(tmp_path.rglob('*.nb?'))


def test_what_numba_cannot_compile_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, 'CACHE_DIR', str(tmp_path))

    def strange(values):
        return values.no_such_method()

    with pytest.raises(BackendError, match='numba cannot compile the slicing kernel: '):
        compilation._compiled(strange, SIGNATURE)


def test_the_kernel_is_compiled_once_for_all():
    assert compilation.compiled_kernel() is compilation.compiled_kernel()


def test_telling_whether_a_model_is_bilateral_imports_neither_numba_nor_onnx():
    code = (
        'import sys; import sim2real_ros.runtime.bilateral.structure; '
        'sys.exit(bool({"numba", "onnx", "onnxruntime"} & set(sys.modules)))'
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
