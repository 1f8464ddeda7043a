"""Damaged bags: what was readable is kept, what was not is said, and nothing hangs or crashes."""

from collections import defaultdict

import pytest
from bag_variants import (
    MCAP_FILES,
    ROS1_FILES,
    VARIANTS,
    data_file,
    expected,
    messages,
    write_mcap,
    write_ros1,
    write_variant,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import CompressionType
from rosbags.rosbag1 import Writer as Writer1

from sim2real_ros.bags import open_bag, rewrite_bag
from sim2real_ros.errors import DataError

CHUNKED = [*MCAP_FILES, *ROS1_FILES]

few = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def salvage(path):
    """Return what can be read, as ``expected``, and the problems; None for a refused bag."""
    try:
        with open_bag(path) as reader:
            found = [
                (m.connection.topic, m.connection.msgtype, m.recorded_ns, m.raw)
                for m in reader.messages()
            ]
            return found, list(reader.problems)
    except DataError:
        return None


def by_topic(found):
    topics = defaultdict(list)
    for topic, *message in found:
        topics[topic].append(message)
    return topics


def is_subsequence(some, everything):
    rest = iter(everything)
    return all(each in rest for each in some)


@pytest.fixture(scope='module')
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp('originals')
    return {name: write_variant(name, folder) for name in VARIANTS}


@pytest.mark.parametrize('variant', VARIANTS)
@few
@given(share=st.floats(0, 1))
def test_cut_off_bag_gives_a_prefix_and_says_what_is_lost(variant, share, originals, tmp_path):
    file = data_file(originals[variant])
    content = file.read_bytes()
    path = tmp_path / file.name
    path.write_bytes(content[: int(share * len(content))])
    result = salvage(path)
    if result is None:
        # A small file that is compressed as a whole is one block, which is there or not.
        assert share < 0.7 or variant.endswith('-file'), 'most of the file is there'
        return
    found, problems = result
    for topic, original in by_topic(expected()).items():
        some = by_topic(found)[topic]
        if 'db3' in variant:
            assert is_subsequence(some, original)
        else:
            assert some == original[: len(some)]
    assert len(found) == 45 or problems


@pytest.mark.parametrize(
    'variant', ['mcap-plain', 'mcap-unchunked', 'mcap-unchunked-no-summary', 'ros1-none']
)
def test_every_byte_of_a_cut_off_file_counts(variant, originals, tmp_path):
    """Cut at every 97th byte: with each message that is wholly there, one more is read."""
    content = data_file(originals[variant]).read_bytes()
    path = tmp_path / 'cut'
    counts = []
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        found, _ = salvage(path) or ([], [])
        whole = [raw for _, _, raw in messages() if raw in content[:length]]
        assert [each[3] for each in found] == whole
        counts.append(len(found))
    assert counts == sorted(counts)
    assert counts[-1] == 45


@pytest.mark.parametrize('compression', [CompressionType.LZ4, CompressionType.ZSTD])
def test_compressed_chunk_that_is_cut_off_gives_its_beginning(compression, tmp_path):
    content = messages(6000)
    path = write_mcap(tmp_path / 'a.mcap', content, compression, chunk_size=1 << 22)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found, problems = salvage(path)
    assert 1000 < len(found) < 6000
    assert found == expected(content)[: len(found)]
    assert 'breaks off' in problems[0]


@pytest.mark.parametrize('variant', VARIANTS)
@few
@given(place=st.floats(0, 1), bits=st.integers(1, 255), length=st.sampled_from([1, 1, 4, 200]))
def test_altered_bytes_give_an_error_or_a_result(
    variant, place, bits, length, originals, tmp_path
):
    file = data_file(originals[variant])
    content = bytearray(file.read_bytes())
    begin = int(place * (len(content) - 1))
    for index in range(begin, min(begin + length, len(content))):
        content[index] ^= bits
    path = tmp_path / file.name
    path.write_bytes(content)
    found, _ = salvage(path) or ([], [])
    assert len(found) <= 45


@pytest.mark.parametrize('variant', ['mcap-lz4', 'mcap-zstd', 'mcap-plain'])
@few
@given(place=st.floats(0.15, 0.7))
def test_altered_chunk_is_left_out_and_the_others_are_read(variant, place, originals, tmp_path):
    file = data_file(originals[variant])
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 0x55
    path = tmp_path / file.name
    path.write_bytes(content)
    found, problems = salvage(path)
    assert set(found) <= set(expected())
    assert len(found) >= 25
    assert len(found) == 45 or problems


@pytest.mark.parametrize('variant', CHUNKED)
@few
@given(begin=st.floats(0, 1), length=st.integers(1, 5000))
def test_zeroed_sectors_cost_what_was_in_them(variant, begin, length, originals, tmp_path):
    """A power failure leaves zeros where the disk had promised data."""
    file = data_file(originals[variant])
    content = bytearray(file.read_bytes())
    start = int(begin * len(content))
    end = min(start + length, len(content))
    content[start:end] = bytes(end - start)
    path = tmp_path / file.name
    path.write_bytes(content)
    found, problems = salvage(path) or ([], ['refused'])
    assert len(found) == 45 or problems or MCAP_FILES.get(variant, {}).get('use_chunking') is False


@pytest.mark.parametrize('variant', ['mcap-zstd', 'mcap-lz4', 'mcap-plain'])
def test_a_chunk_whose_head_was_zeroed_is_missed(variant, originals, tmp_path):
    content = bytearray(data_file(originals[variant]).read_bytes())
    # Record 6: kind, length; then start, end, size, checksum, compression, length of the data.
    begin = next(i for i in range(8, len(content)) if content[i] == 6 and content[i + 1] > 0)
    while int.from_bytes(content[begin + 1 : begin + 9], 'little') > len(content):
        begin = content.index(6, begin + 1)
    content[begin + 9 + 16 : begin + 9 + 16 + 28] = bytes(28)
    path = tmp_path / 'zeroed.mcap'
    path.write_bytes(content)
    found, problems = salvage(path)
    assert len(found) < 45
    assert problems


@few
@given(content=st.binary(max_size=400), variant=st.sampled_from(VARIANTS))
def test_garbage_behind_a_right_beginning(content, variant, originals, tmp_path):
    file = data_file(originals[variant])
    path = tmp_path / 'garbage'
    path.write_bytes(file.read_bytes()[: len(content) // 2 + 16] + content)
    found, _ = salvage(path) or ([], [])
    assert len(found) <= 2


def test_ros1_recorder_killed_while_it_wrote_a_chunk(tmp_path):
    """The recorder writes sizes of zero and comes back for them: they stay zero."""
    for compression in (None, Writer1.CompressionFormat.LZ4):
        path = write_ros1(tmp_path / 'whole.bag', compression=compression, chunk_bytes=1 << 20)
        content = bytearray(path.read_bytes())
        at = content.index(b'compression=')
        begin = content.index(b'op=\5') - 8
        head = int.from_bytes(content[begin : begin + 4], 'little')
        size = content.index(b'size=', at) + 5
        content[size : size + 4] = bytes(4)
        data = begin + 4 + head
        length = int.from_bytes(content[data : data + 4], 'little')
        content[data : data + 4] = bytes(4)
        index = content.index(b'index_pos=') + 10
        content[index : index + 8] = bytes(8)
        active = tmp_path / 'killed.bag.active'
        active.write_bytes(content[: data + 4 + length - 300])
        found, problems = salvage(active)
        assert found == expected()[: len(found)]
        assert problems
        assert len(found) >= 40 if compression is None else True
        path.unlink()


def test_ros1_bag_without_index_says_that_it_was_not_closed(tmp_path):
    content = write_ros1(tmp_path / 'a.bag').read_bytes()
    at = content.index(b'index_pos=') + 10
    position = int.from_bytes(content[at : at + 8], 'little')
    cut = content[:at] + bytes(8) + content[at + 8 : position]
    (tmp_path / 'a.bag').write_bytes(cut)
    found, problems = salvage(tmp_path / 'a.bag')
    assert found == expected()
    assert problems == [
        'a.bag: it has no index at its end: the recorder was killed or the copy cut off.'
    ]


@pytest.mark.parametrize('write', [write_mcap, write_ros1])
def test_damage_in_the_middle_is_skipped_with_the_help_of_the_index(write, tmp_path):
    path = write(tmp_path / 'a.bag')
    content = bytearray(path.read_bytes())
    # From within one chunk over the beginning of the next, so that its place is unknown.
    if write is write_mcap:
        with path.open('rb') as file:
            begin = make_reader(file).get_summary().chunk_indexes[4].chunk_start_offset
    else:
        begin = content.index(b'compression=', content.index(messages()[20][2]))
    content[begin - 30 : begin + 100] = b'\xff' * 130
    path.write_bytes(content)
    found, problems = salvage(path)
    assert 30 < len(found) < 45
    assert is_subsequence(found, expected())
    assert any('are damaged' in each for each in problems)


@pytest.mark.parametrize('variant', VARIANTS)
@few
@given(place=st.floats(0, 1), length=st.sampled_from([1, 8, 100]), cut=st.floats(0.3, 1))
def test_damaged_bag_can_be_rewritten_or_is_refused(
    variant, place, length, cut, originals, tmp_path
):
    file = data_file(originals[variant])
    content = bytearray(file.read_bytes())
    begin = int(place * len(content))
    content[begin : begin + length] = b'\xa5' * length
    path = tmp_path / file.name
    path.write_bytes(content[: int(cut * len(content))])
    target = tmp_path / 'target'
    try:
        rewrite_bag(path, target, lambda stream: stream, force=True)
    except DataError:
        return
    found, problems = salvage(target)
    assert problems == []
    assert by_topic(found) == by_topic((salvage(path) or ([],))[0]) or 'db3' in variant
