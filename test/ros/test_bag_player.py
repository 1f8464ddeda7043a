"""The player and the recorder as processes, over real DDS."""

import json
import os
import signal
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')

from bag_files import PERIOD_NS, START_NS, write_ros1, write_rosbag2
from bag_processes import PLAYER, RECORDER, RELAY, REPOSITORY, running, wait_until
from rosbags.interfaces import QosReliability
from rosbags.rosbag2 import Reader

from sim2real_ros.bags import open_bag
from sim2real_ros.ros.bags.offered_qos import OfferedQos
from sim2real_ros.ros.bags.player import main
from sim2real_ros.ros.bags.source import CdrSource

pytestmark = pytest.mark.dds

CAMERA = ['/camera/image_raw', '/camera/camera_info']
DATA = Path(os.environ.get('SIM2REAL_DATA', REPOSITORY.parent / 'shared' / 'data')) / 'bags'
BAGS = [
    'sim_drive_db3',
    'sim_drive_mcap',
    'sim_raw_bgr8_mcap',
    'real_yanberbot_ros1.bag',
    'fiducials_aruco_images_d99eed.bag',
    'fiducials_aruco_marker_138121.bag',
    'fiducials_fiducial_board_611_949163.bag',
    'duckietown_aido_test.bag',
]


def recorded(path):
    with Reader(path) as reader:
        found = {connection.topic: [] for connection in reader.connections}
        for connection, _, raw in reader.messages():
            found[connection.topic].append(bytes(raw))
    return found


def json_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def assert_same(found, expected):
    """Compare messages; RTPS fills unfragmented ones up to a multiple of four bytes."""
    assert sorted(found) == sorted(expected)
    for name, messages in expected.items():
        assert len(found[name]) == len(messages)
        for got, want in zip(found[name], messages, strict=True):
            assert got[: len(want)] == want
            assert got[len(want) :] in (b'', bytes(-len(want) % 4))


def original(path):
    with open_bag(path) as reader:
        source = CdrSource(reader)
        found = {topic.name: [] for topic in source.topics}
        for message in source.messages(list(found)):
            found[message.topic].append(message.cdr)
    return found


def play_and_record(tmp_path, bag, topics, count, *player_words, recorder_words=(), status=0):
    """Return what the recorder wrote of a bag, and the two programs."""
    out = tmp_path / 'out'
    recorder_command = [RECORDER, out, '--topics', *topics, '--wait-timeout', '50']
    recorder_command += ['--max-messages', count, *recorder_words]
    player_command = [PLAYER, bag, '--wait-for-subscribers', '1', *player_words]
    with (
        running(tmp_path, *recorder_command) as recorder,
        running(tmp_path, *player_command) as player,
    ):
        assert player.wait() == status, player.text()
        assert recorder.wait() == 0, recorder.text()
    return recorded(out), player, recorder


@pytest.mark.parametrize('kind', ['mcap', 'sqlite3', 'ros1'])
def test_player_sends_and_recorder_keeps_every_byte(tmp_path, kind):
    bag = tmp_path / ('camera.bag' if kind == 'ros1' else 'camera')
    expected = (
        write_ros1(bag, prefix='camera/') if kind == 'ros1' else write_rosbag2(bag, storage=kind)
    )
    found, player, recorder = play_and_record(tmp_path, bag, CAMERA, 10)
    assert_same(found, expected)
    assert 'Played 10 messages' in player.text()
    assert 'Recorded 10 messages' in recorder.text()


@pytest.mark.parametrize('kind', ['mcap', 'ros1'])
def test_player_plays_a_truncated_bag_as_far_as_it_goes(tmp_path, kind):
    bag = tmp_path / ('x.bag' if kind == 'ros1' else 'x.mcap')
    if kind == 'ros1':
        whole = write_ros1(bag, count=40)
    else:
        whole = write_rosbag2(tmp_path / 'x', count=40)
        bag = tmp_path / 'x' / 'x.mcap'
    os.truncate(bag, bag.stat().st_size // 2)
    left = original(bag)
    count = sum(map(len, left.values()))
    assert 20 < count < 60
    found, player, _ = play_and_record(tmp_path, bag, CAMERA, count, '--rate', '5', status=3)
    assert_same(found, left)
    assert_same(found, {name: whole[name][: len(left[name])] for name in CAMERA})
    assert f'{bag.name}: it breaks off at byte' in player.text()
    assert player.text().count('breaks off') == 1
    assert f'Played {count} messages' in player.text()


def test_player_sends_large_frames_as_best_effort_without_loss(tmp_path):
    expected = write_rosbag2(
        tmp_path / 'bag',
        count=10,
        size=(512, 384),
        qos=(OfferedQos(reliable=False).to_recorded(),),
    )
    found, _, recorder = play_and_record(tmp_path, tmp_path / 'bag', CAMERA, 20)
    assert_same(found, expected)
    assert 'lost' not in recorder.text()
    with Reader(tmp_path / 'out') as reader:
        offered = [connection.ext.offered_qos_profiles[0] for connection in reader.connections]
    assert {profile.reliability for profile in offered} == {QosReliability.BEST_EFFORT}


def test_logs_pair_every_send_with_its_receive(tmp_path):
    write_rosbag2(tmp_path / 'bag', count=4)
    sends, receives = tmp_path / 'sends.jsonl', tmp_path / 'receives.jsonl'
    play_and_record(
        tmp_path,
        tmp_path / 'bag',
        CAMERA[:1],
        4,
        *['--topics', CAMERA[0], '--log-sends', sends],
        recorder_words=['--log-receives', receives],
    )
    sent, received = (
        [json.loads(x) for x in p.read_text().splitlines()] for p in (sends, receives)
    )
    stamps = [START_NS + index * PERIOD_NS for index in range(4)]
    assert [line['stamp_ns'] for line in sent] == stamps
    assert [line['stamp_ns'] for line in received] == stamps
    for send, receive in zip(sent, received, strict=True):
        assert send['topic'] == receive['topic'] == CAMERA[0]
        assert send['send_ns'] < receive['receive_ns']
    # The schedule is absolute: no message leaves before its time.
    assert all(
        line['send_ns'] - sent[0]['send_ns'] >= index * PERIOD_NS - PERIOD_NS // 2
        for index, line in enumerate(sent)
    )


def test_player_obeys_remaps_and_topic_choice(tmp_path):
    expected = write_rosbag2(tmp_path / 'bag', count=3)
    found, player, _ = play_and_record(
        tmp_path,
        tmp_path / 'bag',
        ['/front/image'],
        3,
        *['--topics', 'camera/image_raw', '--rate', '2'],
        *['--ros-args', '-r', '/camera/image_raw:=/front/image'],
    )
    assert_same(found, {'/front/image': expected[CAMERA[0]]})
    assert 'camera_info' not in player.text()


def test_player_loops_until_it_is_interrupted(tmp_path):
    expected = write_rosbag2(tmp_path / 'bag', count=2)
    out = tmp_path / 'out'
    with (
        running(tmp_path, RECORDER, out, '--topics', CAMERA[0], '--max-messages', 6) as recorder,
        running(
            tmp_path, PLAYER, tmp_path / 'bag', '--loop', '--rate', 5,
            *['--wait-topics', CAMERA[0], '--wait-for-subscribers', 1],
        ) as player,
    ):  # fmt: skip
        assert recorder.wait() == 0, recorder.text()
        player.interrupt()
        assert player.wait() == 0, player.text()
    assert_same(recorded(out), {CAMERA[0]: expected[CAMERA[0]] * 3})
    assert '(interrupted)' in player.text()


def test_player_publishes_the_time_of_the_bag(tmp_path):
    write_rosbag2(tmp_path / 'bag', count=5)
    out = tmp_path / 'out'
    clock = '/clock:rosgraph_msgs/msg/Clock'
    with (
        running(tmp_path, RECORDER, out, '--topics', clock, '--max-messages', 10) as recorder,
        running(tmp_path, PLAYER, tmp_path / 'bag', '--clock', 100, '--loop') as player,
    ):
        assert recorder.wait() == 0, recorder.text()
        player.interrupt(signal.SIGTERM)
        assert player.wait() == 0, player.text()
    stamps = [
        int.from_bytes(raw[4:8], 'little') * 10**9 + int.from_bytes(raw[8:12], 'little')
        for raw in recorded(out)['/clock']
    ]
    assert all(START_NS <= stamp <= START_NS + 4 * PERIOD_NS for stamp in stamps)


def test_player_works_with_a_relay_between(tmp_path):
    expected = write_rosbag2(tmp_path / 'bag', count=5)
    out = tmp_path / 'out'
    remaps = ['--ros-args', '-r', 'image_raw:=/camera/image_raw']
    with (
        running(tmp_path, RELAY, *remaps, name='relay'),
        running(tmp_path, RECORDER, out, '--topics', 'image_out', '--max-messages', 5) as recorder,
        running(
            tmp_path, PLAYER, tmp_path / 'bag',
            *['--wait-topics', CAMERA[0], '--wait-for-subscribers', 1],
        ) as player,
    ):  # fmt: skip
        assert player.wait() == 0, player.text()
        assert recorder.wait() == 0, recorder.text()
    assert_same(recorded(out), {'/image_out': expected[CAMERA[0]]})


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_recorder_closes_the_bag_on_a_signal(tmp_path, number):
    write_rosbag2(tmp_path / 'bag', count=5)
    out, log = tmp_path / 'out', tmp_path / 'sends.jsonl'
    with (
        running(tmp_path, RECORDER, out, '--all') as recorder,
        running(
            tmp_path, PLAYER, tmp_path / 'bag', '--wait-for-subscribers', 1, '--log-sends', log
        ) as player,
    ):
        assert player.wait() == 0, player.text()
        recorder.interrupt(number)
        assert recorder.wait() == 0, recorder.text()
    assert set(CAMERA) <= set(recorded(out))
    assert '(interrupted)' in recorder.text()


def test_recorder_stops_after_silence(tmp_path):
    expected = write_rosbag2(tmp_path / 'bag', count=3)
    found, _, recorder = play_and_record(
        tmp_path, tmp_path / 'bag', CAMERA, 999, recorder_words=['--idle-timeout', '1']
    )
    assert_same(found, expected)
    assert '1 s of silence' in recorder.text()


def test_killed_recorder_leaves_the_partial_bag(tmp_path):
    write_rosbag2(tmp_path / 'bag', count=5)
    out, log = tmp_path / 'out', tmp_path / 'receives.jsonl'
    with (
        running(tmp_path, RECORDER, out, '--topics', *CAMERA) as recorder,
        running(tmp_path, PLAYER, tmp_path / 'bag', '--wait-for-subscribers', 1) as player,
    ):
        assert player.wait() == 0, player.text()
        recorder.interrupt(signal.SIGKILL)
        recorder.wait()
    assert not log.exists()
    assert not out.exists()
    assert (tmp_path / 'out.partial').is_dir()


def test_recorder_without_messages_says_so_and_fails(tmp_path):
    words = ['--topics', '/nothing', '--wait-timeout', '0.2']
    with running(tmp_path, RECORDER, tmp_path / 'out', *words) as recorder:
        assert recorder.wait() == 1
    assert 'No message was received (0.2 s without any message)' in recorder.text()
    assert not (tmp_path / 'out').exists()


def test_player_gives_up_waiting_for_subscribers(tmp_path):
    write_rosbag2(tmp_path / 'bag', count=1)
    words = ['--wait-for-subscribers', '1', '--wait-timeout', '0.2']
    with running(tmp_path, PLAYER, tmp_path / 'bag', *words) as player:
        assert player.wait() == 1
    assert 'Fewer than 1 subscribers on /camera/camera_info, /camera/image_raw' in player.text()


def test_player_can_be_interrupted_while_it_waits(tmp_path):
    write_rosbag2(tmp_path / 'bag', count=1)
    words = ['--wait-for-subscribers', '1', '--clock', '--ros-args', '--log-level', 'debug']
    with running(tmp_path, PLAYER, tmp_path / 'bag', *words) as player:
        wait_until(lambda: 'camera_info' in player.text(), 'the publishers stand')
        player.interrupt()
        assert player.wait() == 0
    assert 'Traceback' not in player.text()


@pytest.mark.parametrize(
    ('name', 'reason'), [('missing', 'it does not exist'), ('other.bag', 'it begins neither')]
)
def test_player_reports_a_bad_bag_in_one_line(tmp_path, name, reason, capfd):
    (tmp_path / 'other.bag').write_bytes(b'no bag at all')
    assert main([str(tmp_path / name)]) == 1
    error = capfd.readouterr().err
    assert f"{name}': {reason}" in error
    assert len(error.strip().splitlines()) == 1


def test_player_fails_where_no_topic_is_left(tmp_path):
    (tmp_path / 'x.bag').write_bytes(b'#ROSBAG V2.0\nand nothing')
    with running(tmp_path, PLAYER, tmp_path / 'x.bag') as player:
        assert player.wait() == 1
    problem, error = player.text().splitlines()
    assert 'x.bag: it breaks off at byte 13' in problem
    assert 'Nothing in' in error


def test_player_fails_where_no_message_is_left(tmp_path):
    write_rosbag2(tmp_path / 'x', count=2, storage='mcap')
    bag = tmp_path / 'x' / 'x.mcap'
    with open_bag(bag) as reader:
        spans = reader.storages[0].spans
    content = bytearray(bag.read_bytes())
    for span in spans:
        content[span.offset : span.offset + span.length] = bytes(span.length)
    bag.write_bytes(content)
    with running(tmp_path, PLAYER, bag) as player:
        assert player.wait() == 1
    assert 'x.mcap: the part at byte' in player.text()
    assert 'No message in' in player.text()


@pytest.mark.parametrize('name', BAGS)
def test_shared_bags_survive_playing_and_recording(tmp_path, name):
    bag = DATA / name
    if not bag.exists():
        pytest.skip(f'{bag} does not exist (set SIM2REAL_DATA)')
    expected = original(bag)
    count = sum(map(len, expected.values()))
    found, _, _ = play_and_record(tmp_path, bag, list(expected), count, '--rate', '20')
    assert_same(found, expected)
