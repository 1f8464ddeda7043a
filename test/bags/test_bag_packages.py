"""Where the packages for bags are missing, all but bags works, and a bag says what to install."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
WITHOUT = """
import sys
for name in ('rosbags', 'lz4', 'backports', 'compression.zstd', 'onnx', 'onnxruntime', 'torch'):
    sys.modules[name] = None
from sim2real_ros.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, '-c', WITHOUT, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize('verb', ['extract-frames', 'resize-images'])
def test_folders_need_no_package_for_bags(tmp_path, verb):
    (tmp_path / 'in').mkdir()
    cv2.imwrite(str(tmp_path / 'in/a.png'), np.zeros((6, 8, 3), np.uint8))
    done = run(verb, tmp_path / 'in', '-o', tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'out/manifest.jsonl').is_file()


def test_videos_need_no_package_for_bags(tmp_path):
    video = tmp_path / 'a.avi'
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    done = run('extract-frames', video, '-o', tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    assert '1 images' in done.stdout


def test_grabcut_needs_no_package_for_models(tmp_path):
    for folder in ('images', 'labels'):
        (tmp_path / 'in' / folder).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / 'in/images/a.png'), np.zeros((24, 32, 3), np.uint8))
    (tmp_path / 'in/labels/a.txt').write_text('0 0.5 0.5 0.5 0.5\n')
    (tmp_path / 'in/classes.txt').write_text('thing\n')
    done = run('boxes-to-masks', tmp_path / 'in', '-o', tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    given = ('--segmenter', 'sam', '--encoder', 'a.onnx', '--decoder', 'b.onnx')
    done = run('boxes-to-masks', tmp_path / 'in', '-o', tmp_path / 'sam', *given)
    assert (done.returncode, done.stdout) == (1, '')
    assert 'pip install onnxruntime' in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_bag_says_what_to_install(tmp_path):
    (tmp_path / 'drive.mcap').write_bytes(b'\x89MCAP0\r\n')
    done = run('extract-frames', tmp_path / 'drive.mcap', '-o', tmp_path / 'out')
    assert (done.returncode, done.stdout) == (1, '')
    assert "pip install 'sim2real_ros[bags]'" in done.stderr
    assert 'Traceback' not in done.stderr
