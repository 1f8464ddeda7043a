"""The node runs without torch; everything but the node runs without ROS.

Each case runs in a process of its own, in which the modules cannot be imported, whether they
are installed here or not.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

TRAINING = (
    *('torch', 'torchvision', 'lightning', 'lightning_fabric', 'pytorch_lightning'),
    *('safetensors', 'tensorboard', 'onnxscript', 'rich', 'efficientnet_lite_pytorch'),
)
ROS = (
    *('rclpy', 'rosidl_runtime_py', 'ament_index_python', 'launch', 'launch_ros', 'cv_bridge'),
    *('sensor_msgs', 'std_msgs', 'std_srvs', 'diagnostic_msgs', 'rcl_interfaces'),
    *('lifecycle_msgs', 'rosgraph_msgs', 'builtin_interfaces'),
)
INFERENCE = ('onnx', 'onnxruntime', 'openvino', 'rosbags')

PRELUDE = """
import importlib, pkgutil, sys

# Python takes None for a module that is known not to exist.
sys.modules.update(dict.fromkeys(HIDDEN))

def import_all(*rooms):
    import sim2real_ros
    names = [m.name for m in pkgutil.walk_packages(sim2real_ros.__path__, 'sim2real_ros.')
             if m.name.split('.')[1] in rooms and not m.name.endswith('__main__')]
    for name in names:
        importlib.import_module(name)
    assert names, rooms
    return names

def translate(path, backend='auto'):
    import numpy as np
    from sim2real_ros.runtime.translator import Translator
    rgb = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    assert np.array_equal(Translator.load(path, backend=backend).translate(rgb), rgb)
"""

CORE = "'card', 'config', 'errors', 'resources', 'image'"


def run(hidden, code, **environment):
    done = subprocess.run(
        [sys.executable, '-c', f'HIDDEN = {hidden!r}\n{PRELUDE}\n{code}'],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, 'PYTHONPATH': _python_path(), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _python_path():
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])])


@pytest.fixture
def model(tmp_path):
    identity = pytest.importorskip('sim2real_ros.baselines.identity')
    identity.write_identity(tmp_path / 'model.onnx')
    return str(tmp_path / 'model.onnx')


def test_hidden_modules_cannot_be_imported():
    for module in ('torch', 'torch.nn', 'rclpy', 'rclpy.node', 'sensor_msgs.msg', 'onnxruntime'):
        code = (
            'try:\n'
            f'    import {module}\n'
            'except ModuleNotFoundError as error:\n'
            "    print(error)\n"
        )  # fmt: skip
        assert module.partition('.')[0] in run((*TRAINING, *ROS, *INFERENCE), code)


@pytest.mark.skipif(find_spec('rclpy') is None, reason='rclpy is not installed')
def test_the_node_runs_without_torch(model):
    names = run(TRAINING, f"print(import_all('ros', 'runtime', {CORE}))\ntranslate({model!r})")
    assert 'sim2real_ros.ros.proxy_node' in names


def test_everything_but_the_node_runs_without_ros(model):
    rooms = f"{CORE}, 'runtime', 'data', 'baselines', 'evaluation', 'training', 'cli'"
    names = run(ROS, f'print(import_all({rooms}))\ntranslate({model!r})')
    for room in ('runtime.translator', 'data.bag_source', 'baselines.export', 'cli.inspect'):
        assert f'sim2real_ros.{room}' in names


def test_only_the_training_room_needs_torch():
    rooms = (
        *('files', 'labels', 'bags', 'data', 'runtime', 'segmentation', 'translation'),
        *('baselines', 'evaluation', 'quantisation'),
    )
    code = (
        f'print(import_all(*{rooms}))\n'
        'from sim2real_ros.cli import VERBS\n'
        'modules = [f"sim2real_ros.cli.{name}" for name, _ in VERBS.values()]\n'
        'print([importlib.import_module(name) for name in modules])'
    )
    names = run((*TRAINING, *ROS), code)
    for room in (
        *('translation.translate', 'evaluation.distribution.kernel_distance', 'cli.train'),
        *('quantisation.quantise', 'runtime.backends.fused_backend'),
    ):
        assert f'sim2real_ros.{room}' in names


def test_training_without_torch_says_how_to_get_it(tmp_path):
    code = (
        'from sim2real_ros.cli import main\n'
        f"sys.exit(main(['train', 'cut', '--data', {str(tmp_path)!r}, '-o', 'run']) != 1)"
    )
    done = subprocess.run(
        [sys.executable, '-c', f'HIDDEN = {TRAINING!r}\n{PRELUDE}\n{code}'],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': _python_path()},
    )
    assert done.returncode == 0, done.stderr
    assert "pip install 'sim2real_ros[train]'" in done.stderr


def test_the_trial_run_needs_neither(model):
    code = f'from sim2real_ros.runtime.trial_run import trial_run\ntrial_run({model!r})'
    run((*TRAINING, *ROS), code)


def test_the_command_runs_without_ros_and_torch(model):
    code = f"from sim2real_ros.cli import main\nsys.exit(main(['inspect', {model!r}]))"
    shown = run((*TRAINING, *ROS), code)
    assert 'sha256' in shown
    assert 'identity' in shown


def test_the_core_needs_numpy_opencv_and_yaml_only():
    run((*TRAINING, *ROS, *INFERENCE), f'import_all({CORE})')


@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_one_runtime_is_enough(model, backend):
    pytest.importorskip(backend)
    others = tuple({'onnxruntime', 'openvino'} - {backend})
    run((*TRAINING, *ROS, *others), f'translate({model!r})\ntranslate({model!r}, {backend!r})')


def test_a_bilateral_grid_runs_without_torch_and_numba(bilateral_models):
    code = (
        'from sim2real_ros.runtime.translator import Translator\n'
        f"loaded = Translator.load({str(bilateral_models['bilateral_grid'])!r}, provider='cpu')\n"
        'print(loaded.backend.name, loaded.backend.fallback or "without a reason")\n'
        'loaded.warm_up((64, 48))'
    )
    assert run(TRAINING, code).startswith('fused (onnxruntime ')
    plain = run((*TRAINING, 'numba', 'llvmlite'), code)
    assert plain.startswith('onnxruntime ')
    assert plain.endswith(' without a reason\n')


def test_a_missing_onnx_says_how_to_get_it(model):
    code = (
        'from sim2real_ros.cli import main\n'
        f"assert main(['inspect', {model!r}]) == 1\n"
        'from sim2real_ros.errors import ModelError\n'
        'try:\n'
        f'    translate({model!r})\n'
        'except ModelError as error:\n'
        '    print(error)\n'
    )
    assert 'package onnx is missing: pip install' in run(('onnx', 'onnxruntime'), code)
