"""A DDS client that knows nothing of ROS or of this project sees the frames."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from bag_processes import ros_environment


@pytest.mark.skipif(
    importlib.util.find_spec('cyclonedds') is None, reason='cyclonedds is not installed'
)
def test_cyclone_dds_client_sends_and_receives_exact_frames(start_proxy):
    program = start_proxy(model='identity', trial_run=False)
    client = Path(__file__).with_name('cyclone_camera.py')
    finished = subprocess.run(
        [sys.executable, str(client), '/image_raw', '/realistic/image_raw'],
        env=ros_environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == {'frames': 5, 'equal': 5}, program.text()
