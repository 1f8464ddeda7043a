"""Interrupted, repeated or changed: what a second run of boxes-to-masks does."""

import csv
import io
import subprocess
import sys

import mask_scenes as scenes
import pytest

from sim2real_ros.cli import main
from sim2real_ros.errors import DataError
from sim2real_ros.segmentation.boxes_to_masks import boxes_to_masks
from sim2real_ros.segmentation.mask_options import MaskOptions

SIZES = ((320, 240), (200, 260), (150, 100))
EXACT = MaskOptions(epsilon_px=0.0, previews=0)


@pytest.mark.parametrize('jobs', [1, 3])
def test_the_same_command_gives_the_same_bytes(tmp_path, jobs):
    scenes.write_set(tmp_path / 'in', SIZES)
    options = MaskOptions(masks=True, previews=2)
    boxes_to_masks(tmp_path / 'in', tmp_path / 'a', options, jobs=2)
    boxes_to_masks(tmp_path / 'in', tmp_path / 'b', options, jobs=jobs)
    assert scenes.tree(tmp_path / 'a') == scenes.tree(tmp_path / 'b')


KILLED = """
import os, signal, sys
from sim2real_ros.cli import main
from sim2real_ros.files import OutputJob
method, left = sys.argv[1], int(sys.argv[2])
original = getattr(OutputJob, method)
def dying(self, *arguments, **more):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *arguments, **more)
setattr(OutputJob, method, dying)
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.parametrize(
    ('method', 'moment'),
    [('commit', 1), ('save', 8), ('commit', 4), ('save_extra', 4), ('finish', 1)],
)
def test_killed_at_any_moment_and_started_again_it_ends_alike(tmp_path, method, moment):
    scenes.write_set(tmp_path / 'in', ((100, 80),) * 6)
    with (tmp_path / 'in/labels/002.txt').open('a') as file:
        file.write('1 2.5 0.5 0.1 0.1\n')  # one omission and, below, one fall-back
        file.write(scenes.yolo_line(2, (3, 3, 6, 6), (100, 80)))
    arguments = ['boxes-to-masks', tmp_path / 'in', '--masks', '--previews', 3, '--jobs', 2, '-o']
    arguments = [str(part) for part in arguments]
    assert main([*arguments, str(tmp_path / 'expected')]) == 3
    command = [sys.executable, '-c', KILLED, method, str(moment), *arguments]
    ended = subprocess.run([*command, str(tmp_path / 'out')], capture_output=True, check=False)
    assert ended.returncode == -9, ended.stderr.decode()
    assert not (tmp_path / 'out/manifest.jsonl').exists()
    assert main([*arguments, str(tmp_path / 'out')]) == 3
    assert scenes.tree(tmp_path / 'out') == scenes.tree(tmp_path / 'expected')
    assert list(csv.reader(io.StringIO((tmp_path / 'out/fallbacks.csv').read_text())))[1:]


def test_other_options_do_not_continue_an_earlier_result(tmp_path):
    scenes.write_set(tmp_path / 'in', ((100, 80),))
    boxes_to_masks(tmp_path / 'in', tmp_path / 'out', EXACT)
    with pytest.raises(DataError, match='other options'):
        boxes_to_masks(tmp_path / 'in', tmp_path / 'out')
    boxes_to_masks(tmp_path / 'in', tmp_path / 'out', force=True)
