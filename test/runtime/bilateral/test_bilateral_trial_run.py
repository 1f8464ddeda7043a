"""The trial run of a bilateral grid: compiling must fit into the child's limits."""

import os
from pathlib import Path

import pytest

from sim2real_ros.runtime.trial_run import trial_run


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
