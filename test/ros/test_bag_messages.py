import json
import struct

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('rosbags')

from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.ros.bags.message_log import MessageLog
from sim2real_ros.ros.bags.messages import (
    header_stamp_ns,
    message_class,
    starts_with_header,
    topic_name_problem,
)
from sim2real_ros.ros.bags.player import select_topics
from sim2real_ros.ros.bags.source import BagTopic
from sim2real_ros.ros.bags.subscriptions import parse_topic

IMAGE = 'sensor_msgs/msg/Image'


def stamped(seconds, nanoseconds, order='<'):
    mark = b'\0\1\0\0' if order == '<' else b'\0\0\0\0'
    return mark + struct.pack(f'{order}iI', seconds, nanoseconds)


def test_message_class_imports_by_name():
    from sensor_msgs.msg import Image

    assert message_class(IMAGE) is Image


@pytest.mark.parametrize(
    'name',
    ['Image', 'sensor_msgs/Image', 'sensor_msgs/msg/image', 'a.b/msg/C', '/msg/Image', ''],
)
def test_message_class_refuses_names_that_are_none(name):
    with pytest.raises(DataError, match='is no message type'):
        message_class(name)


def test_message_class_refuses_packages_without_messages(tmp_path, monkeypatch):
    (tmp_path / 'trap.py').write_text('raise RuntimeError("imported")')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match="'trap' is not installed"):
        message_class('trap/msg/Trap')


def test_message_class_refuses_unknown_messages():
    with pytest.raises(DataError, match="has no message 'Nothing'"):
        message_class('sensor_msgs/msg/Nothing')


def test_starts_with_header_knows_stamped_messages():
    assert starts_with_header(message_class(IMAGE))
    assert not starts_with_header(message_class('builtin_interfaces/msg/Time'))


@pytest.mark.parametrize('order', ['<', '>'])
def test_header_stamp_reads_either_byte_order(order):
    assert header_stamp_ns(stamped(5, 7, order)) == 5_000_000_007
    assert header_stamp_ns(stamped(-1, 0, order)) == -1_000_000_000


def test_header_stamp_of_too_short_messages_is_none():
    assert header_stamp_ns(stamped(5, 7)[:-1]) is None


def test_log_writes_json_lines(tmp_path):
    path = tmp_path / 'log.jsonl'
    with MessageLog(path, 'send_ns') as log:
        log.write('/a', IMAGE, stamped(1, 2), 33)
        log.write('/b', 'builtin_interfaces/msg/Time', stamped(1, 2), 44)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [
        {'topic': '/a', 'stamp_ns': 1_000_000_002, 'send_ns': 33},
        {'topic': '/b', 'stamp_ns': None, 'send_ns': 44},
    ]


def test_log_without_path_writes_nothing():
    with MessageLog(None, 'send_ns') as log:
        log.write('/a', 'no/such/type', b'', 1)


def test_log_refuses_a_path_it_cannot_write(tmp_path):
    with pytest.raises(DataError, match='Cannot write the log'):
        MessageLog(tmp_path / 'missing' / 'log.jsonl', 'send_ns')


def test_select_topics_takes_names_without_slash():
    topics = [BagTopic('/a', IMAGE), BagTopic('/b', IMAGE)]
    assert select_topics(topics, ['b']) == topics[1:]
    assert select_topics(topics, None) == topics


def test_select_topics_refuses_unknown_names():
    with pytest.raises(ConfigError, match=r"\['/c'\] is not in the bag; it has \['/a'\]"):
        select_topics([BagTopic('/a', IMAGE)], ['c'])


def test_topic_name_problem_knows_the_names_of_ros2():
    assert topic_name_problem('/camera/image_raw') == ''
    assert 'does not accept' in topic_name_problem('/camera-1/image')


@pytest.mark.parametrize(
    ('word', 'topic'),
    [('/a/b', ('/a/b', '')), (f'a:{IMAGE}', ('a', IMAGE)), ('~/a', ('~/a', ''))],
)
def test_parse_topic_splits_name_and_type(word, topic):
    assert parse_topic(word) == topic


@pytest.mark.parametrize('word', ['', ':', '/a:Image', f':{IMAGE}'])
def test_parse_topic_refuses_what_is_none(word):
    with pytest.raises(ConfigError, match='is no topic; expected NAME or NAME:package/msg/Type'):
        parse_topic(word)
