"""The launch files executed for real: nodes run, frames flow through them into a bag."""

import sys

import pytest
from launchers import REPOSITORY

sys.path.insert(0, str(REPOSITORY / 'test' / 'ros'))

pytest.importorskip('rosbags')

from bag_files import IMAGE, INFO, write_rosbag2
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
IDENTITY = REPOSITORY / 'models' / 'identity.onnx'


@pytest.fixture
def params_file(tmp_path):
    path = tmp_path / 'own.yaml'
    path.write_text('/**:\n  ros__parameters:\n    strength: 0.25\n    jpeg_quality: 77\n')
    return path


def test_perception_proxy_takes_arguments_and_parameter_file(launcher, probe, params_file):
    arguments = {
        'namespace': 'sim/camera',
        'name': 'eye',
        'model': IDENTITY,
        'params_file': params_file,
        'output_namespace': 'real',
        'threads': 1,
        'use_sim_time': 'false',
    }
    with launcher.started('perception_proxy.launch.py', **arguments):
        probe.wait_for_topics('/sim/camera/real/image_raw', '/sim/camera/real/camera_info')
        names = ['model', 'strength', 'jpeg_quality', 'threads', 'output_namespace']
        assert probe.parameters('/sim/camera/eye', names) == {
            'model': str(IDENTITY),
            'strength': 0.25,
            'jpeg_quality': 77,
            'threads': 1,
            'output_namespace': 'real',
        }


def test_arguments_win_over_the_parameter_file(launcher, probe, params_file):
    arguments = {'model': IDENTITY, 'params_file': params_file, 'strength': 0.75}
    with launcher.started('perception_proxy.launch.py', **arguments):
        assert probe.parameters('/perception_proxy', ['strength']) == {'strength': 0.75}


def test_multi_camera_serves_every_camera_with_one_node(launcher, probe, params_file):
    arguments = {'model': IDENTITY, 'params_file': params_file, 'cameras': '[left, right]'}
    with launcher.started('multi_camera.launch.py', **arguments):
        probe.wait_for_topics('/realistic/left/image_raw', '/realistic/right/image_raw')
        found = probe.parameters('/perception_proxy', ['cameras'])
        assert list(found['cameras']) == ['left', 'right']


@pytest.mark.parametrize(
    ('environ', 'transport'),
    [({}, 'config/fastdds.xml'), ({'FASTDDS_BUILTIN_TRANSPORTS': 'DEFAULT'}, '=DEFAULT')],
)
def test_the_transport_of_the_user_wins(launcher, probe, params_file, environ, transport):
    arguments = {'model': IDENTITY, 'params_file': params_file}
    with launcher.started('perception_proxy.launch.py', environ, **arguments) as process:
        probe.wait_for_topics('/realistic/image_raw')
    output = (process.stdout.read() if not process.stdout.closed else '') + launcher.node_output()
    line = next(line for line in output.splitlines() if 'Transport:' in line)
    assert line.rstrip().endswith(transport)


@pytest.mark.parametrize(
    ('name', 'arguments', 'word'),
    [
        ('perception_proxy.launch.py', {'backend': 'magic'}, 'magic'),
        ('multi_camera.launch.py', {'image_transport': 'magic'}, 'magic'),
        ('bag_replay.launch.py', {'bag': 'a', 'output': 'b'}, 'image_topic'),
    ],
)
def test_wrong_or_missing_arguments_are_refused(launcher, name, arguments, word):
    code, output = launcher.run(name, **arguments)
    assert code != 0
    assert word in output


def test_bag_replay_brings_every_frame_through_the_node(launcher, tmp_path):
    expected = write_rosbag2(tmp_path / 'drive', count=12, size=(64, 48))
    code, output = launcher.run(
        'bag_replay.launch.py',
        bag=tmp_path / 'drive',
        output=tmp_path / 'replayed',
        image_topic='/camera/image_raw',
        model=IDENTITY,
        idle_timeout=2.0,
    )
    assert (tmp_path / 'replayed').is_dir(), output
    assert code == 0, output
    found = {'/realistic/image_raw': [], '/realistic/camera_info': []}
    with AnyReader([tmp_path / 'replayed']) as reader:
        for connection, _, raw in reader.messages():
            found[connection.topic].append(bytes(raw))
    for name, msgtype in (('image_raw', IMAGE), ('camera_info', INFO)):
        sent = [STORE.deserialize_cdr(raw, msgtype) for raw in expected[f'/camera/{name}']]
        got = [STORE.deserialize_cdr(raw, msgtype) for raw in found[f'/realistic/{name}']]
        assert [message.header for message in got] == [message.header for message in sent]
        if msgtype == IMAGE:
            assert all((a.data == b.data).all() for a, b in zip(got, sent, strict=True))


def test_bag_replay_ends_when_the_bag_is_bad(launcher, tmp_path):
    code, output = launcher.run(
        'bag_replay.launch.py',
        bag=tmp_path / 'missing',
        output=tmp_path / 'replayed',
        image_topic='/camera/image_raw',
        model=IDENTITY,
        wait_timeout=3.0,
    )
    assert 'does not exist' in output
    assert 'No message was received' in output
    assert not (tmp_path / 'replayed').exists()
    assert code is not None
