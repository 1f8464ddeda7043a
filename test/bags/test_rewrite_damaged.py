"""What is left of a damaged bag is a bag that every reader takes."""

import pytest
from mcap.reader import NonSeekingReader, make_reader
from mcap.writer import CompressionType, Writer

from sim2real_ros.bags import open_bag, rewrite_bag
from sim2real_ros.errors import DataError


def write_chunks(path, compression):
    """Write ten messages of two channels, each message in a chunk of its own."""
    with path.open('wb') as file:
        writer = Writer(file, chunk_size=200, compression=compression)
        writer.start('ros2', 'test')
        schema = writer.register_schema('std_msgs/msg/String', 'ros2msg', b'string data')
        channels = [writer.register_channel(f'/{name}', 'cdr', schema) for name in 'ab']
        for number in range(10):
            text = bytes([65 + number]) * 299 + b'\0'
            raw = b'\0\1\0\0' + len(text).to_bytes(4, 'little') + text
            writer.add_message(channels[number % 2], number, raw, number, number)
        writer.finish()
    return path


@pytest.mark.parametrize('reader', [make_reader, NonSeekingReader])
def test_connections_of_a_lost_chunk_are_described_again(tmp_path, reader):
    source = write_chunks(tmp_path / 'in.mcap', CompressionType.NONE)
    content = bytearray(source.read_bytes())
    content[content.index(b'A' * 50)] ^= 1
    source.write_bytes(content)
    (problem,) = rewrite_bag(source, tmp_path / 'out.mcap', lambda messages: messages)
    assert 'does not match its checksum' in problem
    with (tmp_path / 'out.mcap').open('rb') as file:
        found = [(c.topic, s.name, m.data[8]) for s, c, m in reader(file).iter_messages()]
    assert found == [(f'/{"ab"[n % 2]}', 'std_msgs/msg/String', 65 + n) for n in range(1, 10)]
    with open_bag(tmp_path / 'out.mcap') as bag:
        assert len(list(bag.messages())) == 9
        assert bag.problems == []


def test_target_that_appears_meanwhile_is_left_alone(tmp_path):
    source, target = write_chunks(tmp_path / 'in.mcap', CompressionType.LZ4), tmp_path / 'out.mcap'

    def change(messages):
        for message in messages:
            target.write_text('somebody else')
            yield message

    with pytest.raises(DataError, match='exists: choose another name'):
        rewrite_bag(source, target, change)
    assert target.read_text() == 'somebody else'
