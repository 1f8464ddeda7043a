from pathlib import Path

import pytest
from architecture_rules import (
    EXCEPTIONS,
    PACKAGE,
    ROOMS,
    import_violations,
    python_files,
    room_of_file,
    size_violations,
)

ROOT = Path(__file__).resolve().parents[1]
CODE = python_files(ROOT, PACKAGE, 'tools', 'launch')


def test_every_room_is_looked_at():
    assert {room_of_file(path) for path in CODE} == set(ROOMS)


def test_every_import_is_allowed():
    assert [line for path in CODE for line in import_violations(ROOT, path)] == []


def test_nothing_has_outgrown_its_file():
    files = [*CODE, *python_files(ROOT, 'test'), Path('setup.py')]
    assert [line for path in files for line in size_violations(ROOT, path)] == []


def test_exceptions_are_still_needed():
    for name in EXCEPTIONS:
        assert (ROOT / name).is_file(), f'remove {name} from EXCEPTIONS'


def plant(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Path(name)


PLANTED = [
    ('sim2real_ros/card.py', 'import onnx'),
    ('sim2real_ros/image/raw.py', 'import rosbags.image'),
    ('sim2real_ros/image/raw.py', 'from sim2real_ros.runtime import blend'),
    ('sim2real_ros/config.py', 'from sim2real_ros import runtime'),
    ('sim2real_ros/config.py', 'from .runtime import blend'),
    ('sim2real_ros/runtime/blend.py', 'import torch'),
    ('sim2real_ros/runtime/blend.py', 'from sensor_msgs.msg import Image'),
    ('sim2real_ros/runtime/blend.py', 'import onnxruntime as ort'),
    ('sim2real_ros/runtime/backends/__init__.py', 'import openvino'),
    ('sim2real_ros/runtime/backends/openvino_backend.py', 'import onnxruntime'),
    ('sim2real_ros/runtime/blend.py', 'def f():\n    import rclpy'),
    ('sim2real_ros/runtime/blend.py', 'if 0:\n    try:\n        import torch\n    except E: 0'),
    ('sim2real_ros/runtime/blend.py', "import importlib\nimportlib.import_module('torch')"),
    ('sim2real_ros/runtime/blend.py', "__import__('torch')"),
    ('sim2real_ros/runtime/blend.py', 'import numpy, torch'),
    ('sim2real_ros/data/frame.py', 'from sim2real_ros.runtime.translator import Translator'),
    ('sim2real_ros/data/frame.py', 'import sim2real_ros.ros.camera'),
    ('sim2real_ros/baselines/identity.py', 'import onnxruntime'),
    ('sim2real_ros/baselines/identity.py', 'from sim2real_ros.cli import main'),
    ('sim2real_ros/ros/camera.py', 'import torch'),
    ('sim2real_ros/ros/camera.py', 'from sim2real_ros.baselines import identity'),
    ('sim2real_ros/ros/camera.py', 'import cv_bridge_of_somebody'),
    ('sim2real_ros/cli/inspect.py', 'from sim2real_ros.ros import camera'),
    ('sim2real_ros/cellar/wine.py', 'import os, numpy'),
    ('tools/demo.py', 'from sim2real_ros.ros import camera'),
    ('tools/demo.py', 'from sim2real_ros.ros import process_environment'),
    ('tools/demo.py', 'import rclpy'),
    ('tools/demo.py', 'import absent_sibling'),
    ('tools/benchmarks/bench_node.py', 'from sim2real_ros.ros import camera'),
    ('tools/benchmarks/bench_node.py', 'import torch'),
    ('launch/proxy.launch.py', 'import sim2real_ros'),
    ('launch/proxy.launch.py', 'import numpy'),
]


@pytest.mark.parametrize(('name', 'text'), PLANTED)
def test_a_planted_import_is_found(tmp_path, name, text):
    found = list(import_violations(tmp_path, plant(tmp_path, name, text)))
    assert found, f'{text!r} in {name} went unnoticed'
    assert found[0].startswith(f'{name}:')


ALLOWED = [
    ('sim2real_ros/card.py', 'import os, json\nfrom pathlib import Path\nimport numpy, yaml'),
    ('sim2real_ros/card.py', 'from sim2real_ros.errors import ModelError'),
    ('sim2real_ros/cli/inspect.py', 'from sim2real_ros import __version__'),
    ('sim2real_ros/runtime/backends/openvino_backend.py', 'import openvino as ov'),
    ('sim2real_ros/runtime/model_file.py', 'def f():\n    from google.protobuf import message'),
    ('sim2real_ros/ros/camera.py', 'import rclpy.node\nfrom sensor_msgs.msg import Image'),
    ('tools/demo.py', 'import demo_run'),
    ('tools/demo/demo_run.py', 'import demo_report'),
    ('tools/benchmarks/bench_camera.py', 'import rclpy\nfrom sensor_msgs.msg import Image'),
    ('tools/benchmarks/bench_node.py', 'from sim2real_ros.ros import process_environment'),
    ('tools/benchmarks/bench_node.py', 'from sim2real_ros.ros.process_environment import f'),
    ('launch/proxy.launch.py', 'import os\nfrom launch_ros.actions import Node'),
]


@pytest.mark.parametrize(('name', 'text'), ALLOWED)
def test_an_allowed_import_passes(tmp_path, name, text):
    plant(tmp_path, 'tools/demo/demo_run.py', '')
    plant(tmp_path, 'tools/demo/demo_report.py', '')
    assert list(import_violations(tmp_path, plant(tmp_path, name, text))) == []


def test_a_file_that_is_too_long_is_found(tmp_path):
    path = plant(tmp_path, 'tools/long.py', 'x = 1\n' * 401)
    assert list(size_violations(tmp_path, path)) == ['tools/long.py: 401 lines, at most 400']
    assert list(size_violations(tmp_path, plant(tmp_path, 'tools/a.py', 'x = 1\n' * 400))) == []


@pytest.mark.parametrize('start', ['def f():\n', 'async def f():\n'])
def test_a_function_that_is_too_long_is_found(tmp_path, start):
    path = plant(tmp_path, 'tools/a.py', start + '    x = 1\n' * 60)
    assert list(size_violations(tmp_path, path)) == ['tools/a.py:1: f has 61 lines, at most 60']
    path = plant(tmp_path, 'tools/a.py', start + '    x = 1\n' * 59)
    assert list(size_violations(tmp_path, path)) == []


def test_a_long_method_is_found(tmp_path):
    path = plant(tmp_path, 'tools/a.py', 'class C:\n    def f(self):\n' + '        x = 1\n' * 60)
    assert list(size_violations(tmp_path, path)) == ['tools/a.py:2: f has 61 lines, at most 60']


@pytest.mark.parametrize('name', ['tools/utils.py', 'tools/common/a.py', 'test/helpers.py'])
def test_a_name_without_meaning_is_found(tmp_path, name):
    (found,) = size_violations(tmp_path, plant(tmp_path, name, ''))
    assert 'says nothing about its content' in found
