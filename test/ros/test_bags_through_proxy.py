"""Whole bags through the node: every frame comes out once, exactly, with its camera_info."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from bag_processes import REPOSITORY, Program
from sensor_msgs.msg import CameraInfo

from sim2real_ros.data.sources import open_source

DATA = Path(os.environ.get('SIM2REAL_DATA', REPOSITORY.parent / 'shared' / 'data'))
OUT, INFO_OUT = '/realistic/image_raw', '/realistic/camera_info'

# path, image topic without /compressed, transport, frames
BUNDLED = (REPOSITORY / 'tools/demo/drive', '/sim/camera/image_raw', 'compressed', 150)
SHARED = [
    (DATA / 'bags/sim_drive_db3', '/sim/camera/image_raw', 'compressed', 120),
    (DATA / 'bags/sim_drive_mcap', '/sim/camera/image_raw', 'compressed', 120),
    (DATA / 'bags/sim_raw_bgr8_mcap', None, 'raw', 20),
    (DATA / 'bags/real_yanberbot_ros1.bag', None, 'compressed', 60),
    (DATA / 'bags/duckietown_aido_test.bag', '/gym/observations', 'compressed', 1),
]


def play_through_proxy(start_proxy, client, tmp_path, bag, topic, transport, frames):
    source = open_source(bag)
    recorded = source.info().topic
    expected = [frame.image for frame in source]
    assert len(expected) == frames
    name = topic or '/' + recorded.strip('/').removesuffix('/compressed')
    remaps = ['-r', f'image_raw:={name}']
    if not recorded.endswith('/compressed') and transport == 'compressed':
        remaps = ['-r', f'image_raw/compressed:=/{recorded.strip("/")}']
    program = start_proxy(*remaps, image_transport=transport, model='identity', trial_run=False)
    client.listen(OUT, qos=frames)
    client.listen(INFO_OUT, CameraInfo, qos=frames)
    player = Program(
        [sys.executable, '-m', 'sim2real_ros.ros.bag_player', str(bag), '--rate', '3',
         '--wait-for-subscribers', '1', '--wait-topics', '/' + recorded.strip('/')],
        tmp_path / 'player.log',
    )  # fmt: skip
    assert player.wait(120) == 0, player.text()
    client.wait(lambda: len(client.received[OUT]) == frames, f'{frames} frames', program, 20)
    for message, image in zip(client.received[OUT], expected, strict=True):
        pixels = np.asarray(message.data).reshape(message.height, message.width, 3)
        pixels = pixels[..., ::-1] if message.encoding == 'bgr8' else pixels
        np.testing.assert_array_equal(pixels, image)


def test_bundled_drive_passes_whole(start_proxy, client, tmp_path):
    play_through_proxy(start_proxy, client, tmp_path, *BUNDLED)
    client.wait(lambda: len(client.received[INFO_OUT]) == 150, '150 camera_infos')
    stamps = {(m.header.stamp.sec, m.header.stamp.nanosec) for m in client.received[OUT]}
    infos = {(m.header.stamp.sec, m.header.stamp.nanosec) for m in client.received[INFO_OUT]}
    assert stamps == infos


@pytest.mark.skipif(not DATA.is_dir(), reason='no shared data: set SIM2REAL_DATA')
@pytest.mark.parametrize('case', SHARED, ids=lambda case: case[0].name)
def test_shared_bags_pass_whole(start_proxy, client, tmp_path, case):
    play_through_proxy(start_proxy, client, tmp_path, *case)
