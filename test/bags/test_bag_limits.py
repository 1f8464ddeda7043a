"""Sizes that a bag claims are not believed, and memory does not grow with its length."""

import bz2
import struct
import tracemalloc

import lz4.frame
import pytest
from bag_variants import data_file, messages, write_mcap, write_ros1, write_rosbag2
from mcap.writer import CompressionType
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from sim2real_ros.bags import open_bag, rewrite_bag
from sim2real_ros.bags.compression import compress, decompress, zstd_blocks
from sim2real_ros.bags.damage import DamageError, Problems
from sim2real_ros.bags.packages import zstd_module
from sim2real_ros.errors import DataError

PACK = {'lz4': lz4.frame.compress, 'zstd': zstd_module().compress, 'bz2': bz2.compress}


@pytest.mark.parametrize('name', PACK)
def test_stream_beyond_the_limit_is_refused_before_it_is_in_memory(name):
    bomb = PACK[name](bytes(200 << 20))
    tracemalloc.start()
    with pytest.raises(DamageError, match='grows beyond 1000000 bytes'):
        decompress(name, bomb, 1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
    assert decompress(name, PACK[name](bytes(1_000_000)), 1_000_000) == (bytes(1_000_000), True)


@pytest.mark.parametrize('name', PACK)
def test_streams_of_several_frames_and_cut_off_ones(name):
    one, two = bytes(range(256)) * 9, b'other'
    assert decompress(name, PACK[name](one) + PACK[name](two)) == (one + two, True)
    assert decompress(name, compress(name, one)) == (one, True)
    cut = PACK[name](one)[:-1]
    assert decompress(name, cut)[1] is False
    assert decompress(name, b'') == (b'', False)
    with pytest.raises(DamageError, match='cannot be decompressed'):
        decompress(name, b'no stream of any kind')


def test_unknown_compression_is_damage():
    with pytest.raises(DamageError, match="unknown compression 'snappy'"):
        decompress('snappy', b'x')
    with pytest.raises(DamageError, match='10 bytes where at most 9'):
        decompress('none', bytes(10), 9)


def test_zstd_files_are_read_in_blocks(tmp_path):
    path = tmp_path / 'a.zstd'
    path.write_bytes(zstd_module().compress(bytes(50 << 20)) + zstd_module().compress(b'end'))
    blocks = list(zstd_blocks(path))
    assert max(map(len, blocks)) <= 1 << 20
    assert sum(map(len, blocks)) == (50 << 20) + 3
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DamageError, match='breaks off'):
        list(zstd_blocks(path))


def test_file_that_grows_beyond_belief_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr('sim2real_ros.bags.open_storage.MIN_LIMIT_BYTES', 1 << 20)
    (tmp_path / 'a.mcap.zstd').write_bytes(zstd_module().compress(bytes(100 << 20)))
    with (
        pytest.raises(DataError, match='more than 500 times its size'),
        open_bag(tmp_path / 'a.mcap.zstd'),
    ):
        pass


def test_no_room_for_the_decompressed_file_is_a_data_error(tmp_path, monkeypatch):
    path = write_rosbag2(tmp_path / 'bag', mode=CompressionMode.FILE)

    def full(_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('sim2real_ros.bags.open_storage.zstd_blocks', full)
    with pytest.raises(DataError, match=r'No space left on device\. Set TMPDIR'), open_bag(path):
        pass


@pytest.mark.parametrize('claim', [1 << 40, (1 << 64) - 1, 5])
def test_claimed_size_of_an_mcap_chunk_is_checked(claim, tmp_path):
    path = write_mcap(tmp_path / 'a.mcap', compression=CompressionType.ZSTD, extras=False)
    content = bytearray(path.read_bytes())
    at = content.index(b'\4\0\0\0zstd')
    content[at - 12 : at - 4] = struct.pack('<Q', claim)
    path.write_bytes(content)
    with open_bag(path) as reader:
        assert 30 < len(list(reader.messages())) < 45
        (problem,) = reader.problems
    assert 'is left out' in problem


@pytest.mark.parametrize('offset', [1, 9])
def test_claimed_lengths_of_mcap_records_are_checked(offset, tmp_path):
    path = write_mcap(tmp_path / 'a.mcap', use_chunking=False, extras=False)
    content = bytearray(path.read_bytes())
    record = content.index(messages()[30][2]) - 31
    assert content[record] == 5
    content[record + offset : record + offset + 8] = b'\xff' * 8
    path.write_bytes(content)
    with open_bag(path) as reader:
        found = [m.raw for m in reader.messages()]
        assert reader.problems
    assert found[:30] == [raw for *_, raw in messages()[:30]]


def test_claimed_lengths_of_ros1_records_are_checked(tmp_path):
    path = write_ros1(tmp_path / 'a.bag')
    original = path.read_bytes()
    for mark, before in ((b'compression=', 8), (b'count=', 4), (b'conn=', 4), (b'size=', 4)):
        content = bytearray(original)
        at = content.index(mark, 5000) - before
        content[at : at + 4] = b'\xff\xff\xff\xff'
        path.write_bytes(content)
        with open_bag(path) as reader:
            assert 20 < len(list(reader.messages())) <= 45


def test_list_of_problems_has_an_end():
    sentences = []
    problems = Problems(sentences, 'a.mcap')
    for number in range(10_000):
        problems.add(f'part {number % 5000} is damaged')
    assert len(sentences) == 41
    assert sentences[-1] == 'a.mcap: there is more damage than is listed here.'


WRITERS = {
    'mcap': lambda path, content: write_mcap(path, content, chunk_size=50_000),
    'ros1': lambda path, content: write_ros1(path, content, None, 50_000),
    'db3': lambda path, content: data_file(write_rosbag2(path, content, StoragePlugin.SQLITE3)),
}


@pytest.mark.parametrize('kind', WRITERS)
def test_memory_does_not_grow_with_the_length_of_the_bag(kind, tmp_path):
    content = [(i % 3, time, raw * 50) for i, time, raw in messages(1200)]
    path = WRITERS[kind](tmp_path / 'bag', content)
    assert path.stat().st_size > 6_000_000
    tracemalloc.start()
    with open_bag(path) as reader:
        count = sum(1 for _ in reader.messages())
    rewrite_bag(path, tmp_path / 'new', lambda stream: stream)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1200
    assert peak < 2_000_000


def test_spans_that_all_overlap_do_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr('sim2real_ros.bags.records.WINDOW_BYTES', 200_000)
    content = [(i % 3, time, raw * 20) for i, time, raw in messages(1000)]
    content = content[::2] + content[1::2]
    path = write_mcap(tmp_path / 'a.mcap', content, chunk_size=20_000)
    tracemalloc.start()
    with open_bag(path) as reader:
        times = [m.recorded_ns for m in reader.messages()]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sorted(times) == [time for _, time, _ in messages(1000)]
    assert peak < 1_500_000
