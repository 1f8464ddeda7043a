"""A signal is handled however OpenVINO's models have come and gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim2real_ros.resources import model_path

pytest.importorskip('openvino')

ROOT = Path(__file__).resolve().parents[3]

# A handler runs on the thread's own signal stack; where that is gone, the process is, too.
COME_AND_GO = """
import os, signal, sys, threading
from sim2real_ros.runtime.backends import create_backend
from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.model_file import open_model

def opened():
    return create_backend('openvino', open_model(sys.argv[1]), BackendOptions(threads=1))

def leave():
    models.clear()

handled = []
signal.signal(signal.SIGINT, lambda *_: handled.append(True))
if sys.argv[2] == 'in the order of their coming':
    first, second = opened(), opened()
    del first
    del second
elif sys.argv[2] == 'swapped again and again':
    model = opened()
    for _ in range(3):
        model = opened()
    del model
else:
    models = [opened()]
    other = threading.Thread(target=leave)
    other.start()
    other.join()
os.kill(os.getpid(), signal.SIGINT)
print('handled', len(handled))
"""


@pytest.mark.parametrize(
    'order', ['in the order of their coming', 'swapped again and again', 'in another thread']
)
def test_a_signal_is_handled_after_models_have_gone(order):
    paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
    done = subprocess.run(
        [sys.executable, '-c', COME_AND_GO, str(model_path('identity')), order],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, 'handled 1\n'), done.stderr
