"""Whole bags through the node: what comes out is exact, in order, and has its camera_info."""

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


def pixels_of(message):
    pixels = np.asarray(message.data).reshape(message.height, message.width, 3)
    return pixels[..., ::-1] if message.encoding == 'bgr8' else pixels


def stamps_of(messages):
    return {(m.header.stamp.sec, m.header.stamp.nanosec) for m in messages}


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
        [sys.executable, '-m', 'sim2real_ros.ros.bags.player', str(bag), '--rate', '3',
         '--wait-for-subscribers', '1', '--wait-topics', '/' + recorded.strip('/')],
        tmp_path / 'player.log',
    )  # fmt: skip
    assert player.wait(120) == 0, player.text()

    # A machine that is busy elsewhere may drop frames between, but never the last one.
    def last_has_come():
        messages = client.received[OUT]
        return messages and np.array_equal(pixels_of(messages[-1]), expected[-1])

    client.wait(last_has_come, 'the last frame', program)
    remaining = iter(expected)
    for message in client.received[OUT]:
        pixels = pixels_of(message)
        assert any(np.array_equal(pixels, image) for image in remaining), 'no frame of the bag'


def test_bundled_drive_passes_whole(start_proxy, client, tmp_path):
    play_through_proxy(start_proxy, client, tmp_path, *BUNDLED)
    stamps = stamps_of(client.received[OUT])

    def last_info_has_come():
        return max(stamps) in stamps_of(client.received[INFO_OUT])

    client.wait(last_info_has_come, 'camera_info of the last image')
    assert stamps_of(client.received[INFO_OUT]) <= stamps


@pytest.mark.skipif(not DATA.is_dir(), reason='no shared data: set SIM2REAL_DATA')
@pytest.mark.parametrize('case', SHARED, ids=lambda case: case[0].name)
def test_shared_bags_pass_whole(start_proxy, client, tmp_path, case):
    play_through_proxy(start_proxy, client, tmp_path, *case)
