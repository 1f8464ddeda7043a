import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytest.importorskip('numba')

LIMIT_KIB = 4 * 2**20
"""Of address space: what a trial run may use on a machine with 8 GiB or less."""


@pytest.fixture(scope='session', autouse=True)
def first_trial_run(request):
    """Try a fused model under the limits of a small machine.

    It comes before all else, since this is the process that compiles for the others.
    """
    if find_spec('torch') is None:
        return None
    from sim2real_ros.runtime import trial_run

    path = str(request.getfixturevalue('bilateral_models')['bilateral_grid_detail'])
    work = (trial_run.__name__, '_translate_once', json.dumps(['fused', None]), '120')
    child = [sys.executable, '-m', 'sim2real_ros.runtime.trial_process', path, *work]
    # The child's own limits are those of this machine, which may be a large one.
    limited = ['bash', '-c', f'ulimit -v {LIMIT_KIB} && exec "$0" "$@"', *child]
    return subprocess.run(
        limited, capture_output=True, text=True, check=False, env=trial_run._environment()
    )
