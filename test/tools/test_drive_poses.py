"""The true poses of the demo drive."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real_ros.evaluation.perception.pose_file import load_poses

DEMO = Path(__file__).resolve().parents[2] / 'tools' / 'demo'
PROGRAM = DEMO / 'drive_poses.py'


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Build the scene of the drive; no renderer is needed for it."""
    monkeypatch.syspath_prepend(str(DEMO))
    return import_module('drive_scene').build_scene(1)


def test_the_program_writes_the_bundled_file_again(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), '--output', str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'poses.json').read_bytes() == (DEMO / 'poses.json').read_bytes()
    again = subprocess.run(
        [sys.executable, str(PROGRAM), '--output', str(tmp_path)], capture_output=True, text=True
    )
    assert again.returncode == 1
    assert '--force' in again.stderr


def test_there_is_a_pose_for_each_frame_of_the_drive() -> None:
    poses = load_poses(DEMO / 'poses.json')
    assert list(poses) == [1_700_000_000_000_000_000 + 100_000_000 * i for i in range(150)]
    assert max(abs(pose.d_m) for pose in poses.values()) < 0.03
    assert max(abs(pose.phi_rad) for pose in poses.values()) < 0.6


def test_poses_are_those_of_the_nearest_point_of_the_road(scene: Any) -> None:
    """Look for the nearest point in a dense sample instead of asking the clock."""
    along = np.linspace(0, scene.track.length_m, 200_000)
    centre = scene.track.at(along, 0.0)
    entries = json.loads((DEMO / 'poses.json').read_text())
    for number in range(0, 150, 7):
        eye, view = scene.camera(number / 10)
        distance = np.hypot(*(centre - eye[:2]).T)
        nearest = int(distance.argmin())
        tangent = centre[(nearest + 20) % 200_000] - centre[nearest - 20]
        tangent /= np.hypot(*tangent)
        # The camera is to the right of the line; the inner edges of the paint are 0.0125 and
        # 0.211 m from the line.
        assert entries[number]['d_m'] == pytest.approx(
            (0.0125 + 0.211) / 2 - distance[nearest], abs=2e-3
        )
        turn = np.arctan2(tangent[0] * view[1] - tangent[1] * view[0], tangent @ view[:2])
        assert entries[number]['phi_rad'] == pytest.approx(turn, abs=0.03)
