import os
import shutil
from collections import deque
from pathlib import Path

import pytest
import yaml
from bag_variants import (
    ROS1_FILES,
    ROS2,
    ROSBAG2_FOLDERS,
    START,
    TOPICS,
    VARIANTS,
    data_file,
    expected,
    messages,
    write_mcap,
    write_ros1,
    write_rosbag2,
    write_variant,
)
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
from mcap.writer import Writer as McapWriter
from rosbags.highlevel import AnyReader
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import Reader as Reader2
from rosbags.rosbag2 import StoragePlugin

from sim2real_ros.bags import open_bag, rewrite_bag
from sim2real_ros.errors import DataError


def same(messages):
    return messages


def read_with_rosbags(path):
    """Return everything that rosbags knows of a bag, but where it lies."""
    with AnyReader([path], default_typestore=ROS2) as reader:
        found = [(c[:7], time, bytes(raw)) for c, time, raw in reader.messages()]
        span = (reader.start_time, reader.end_time, reader.message_count)
        return found, [c[:7] for c in reader.connections], span


def read_with_mcap(path):
    """Return everything that the mcap project's reader knows of a file, checksums checked."""
    with path.open('rb') as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        found = list(reader.iter_messages(log_time_order=False))
        rest = (list(reader.iter_metadata()), list(reader.iter_attachments()))
        header = reader.get_header()
    statistics = summary and summary.statistics
    chunks = [c.compression for c in summary.chunk_indexes] if summary else []
    # Whatever the source lacks at its end, the rewritten file has a whole summary.
    return found, rest, header, statistics, chunks


@pytest.mark.parametrize('variant', VARIANTS)
def test_identity_gives_the_same_bag(variant, tmp_path):
    content = messages()
    content[20:24] = reversed(content[20:24])
    source = write_variant(variant, tmp_path, content)
    target = tmp_path / 'out' / source.name
    assert rewrite_bag(source, target, same) == ()
    assert sorted(p.name for p in target.parent.iterdir()) == [source.name]
    with open_bag(source) as one, open_bag(target) as other:
        assert one.connections == other.connections
        assert list(one.messages()) == list(other.messages())
    if 'no-summary' not in variant and 'unchunked' not in variant:
        assert read_with_rosbags(target) == read_with_rosbags(source)
    if source.is_dir():
        text = (source / 'metadata.yaml').read_text()
        assert (target / 'metadata.yaml').read_text() == text
        assert data_file(target).name == data_file(source).name
    if 'mcap' in variant and not variant.endswith('-file'):
        one, other = read_with_mcap(data_file(source)), read_with_mcap(data_file(target))
        assert other[:3] == one[:3]
        assert 'no-summary' in variant or other[3:] == one[3:]
        with data_file(target).open('rb') as file:
            assert len(list(StreamReader(file, validate_crcs=True).records)) > 45


SHARED = Path(os.environ.get('SIM2REAL_DATA', Path(__file__).parents[3] / 'shared' / 'data'))
REAL = sorted((SHARED / 'bags').iterdir()) if (SHARED / 'bags').is_dir() else []


@pytest.mark.skipif(not REAL, reason='needs the shared test data (SIM2REAL_DATA)')
@pytest.mark.parametrize('source', REAL, ids=lambda path: path.name)
def test_identity_of_real_bags(source, tmp_path):
    target = tmp_path / source.name
    assert rewrite_bag(source, target, same) == ()
    assert read_with_rosbags(target) == read_with_rosbags(source)
    for file in target.glob('*.mcap'):
        assert read_with_mcap(file) == read_with_mcap(source / file.name)


@pytest.mark.parametrize('variant', ROSBAG2_FOLDERS)
def test_qos_custom_data_and_hashes_are_kept(variant, tmp_path):
    source = write_variant(variant, tmp_path)
    rewrite_bag(source, tmp_path / 'new', lambda stream: (m._replace(raw=m.raw) for m in stream))
    with Reader2(source) as one, Reader2(tmp_path / 'new') as other:
        assert one.storage.metadata == other.storage.metadata
        assert other.storage.metadata.custom == {'weather': 'rain'}
        assert [c[:7] for c in one.connections] == [c[:7] for c in other.connections]
        assert other.connections[0].ext.offered_qos_profiles[0].depth == 7
        assert other.connections[0].digest.startswith('RIHS01_')


def test_publish_times_and_sequence_numbers_are_kept(tmp_path):
    write_mcap(tmp_path / 'a.mcap')
    rewrite_bag(tmp_path / 'a.mcap', tmp_path / 'b.mcap', same)
    found = read_with_mcap(tmp_path / 'b.mcap')[0]
    assert [(m.sequence, m.publish_time) for _, _, m in found] == [
        (number + 5, time - 77) for number, (_, time, _) in enumerate(messages())
    ]


def test_connections_of_ros1_are_copied_byte_for_byte(tmp_path):
    """Two equal connections, as a publisher that comes again leaves, and fields of others."""
    source, target = tmp_path / 'a.bag', tmp_path / 'b.bag'
    write_ros1(source)
    content = source.read_bytes()
    content = content.replace(b'callerid=/node2', b'callerid=/node1').replace(
        b'latching=1', b'whatever=1'
    )
    content = content.replace(b'topic=no/slash', b'topic=//noslas')
    source.write_bytes(content)
    assert rewrite_bag(source, target, same) == ()
    for part in (b'callerid=/node1', b'whatever=1', b'topic=//noslas'):
        assert target.read_bytes().count(part) == content.count(part) > 1


@pytest.mark.parametrize('compression', ROS1_FILES.values())
def test_compression_of_ros1_is_kept(compression, tmp_path):
    source = write_ros1(tmp_path / 'a.bag', compression=compression)
    rewrite_bag(source, tmp_path / 'b.bag', same)
    name = compression.name.lower() if compression else 'none'
    content = (tmp_path / 'b.bag').read_bytes()
    assert content.count(f'compression={name}'.encode()) == source.read_bytes().count(
        b'compression='
    )


@pytest.mark.parametrize('variant', VARIANTS)
def test_changed_messages_are_written_and_others_left_alone(variant, tmp_path):
    source = write_variant(variant, tmp_path)
    target = tmp_path / f'new{source.suffix}'
    seen = []

    def change(stream):
        for message in stream:
            seen.append(message)
            is_image = message.connection.topic == '/camera/image'
            raw = b'\0\1\0\0' + message.raw[:3] * len(seen) if is_image else message.raw
            yield message._replace(raw=raw)

    assert rewrite_bag(source, target, change) == ()
    with open_bag(target) as reader:
        found = list(reader.messages())
        assert reader.problems == []
    assert [m.raw for m in seen] == [raw for _, _, raw in messages()]
    for number, (one, other) in enumerate(zip(seen, found, strict=True), start=1):
        assert (one.connection.topic, one.recorded_ns) == (
            other.connection.topic,
            other.recorded_ns,
        )
        is_image = one.connection.topic == '/camera/image'
        assert other.raw == (b'\0\1\0\0' + one.raw[:3] * number if is_image else one.raw)
    if 'no-summary' not in variant and 'unchunked' not in variant:
        assert len(read_with_rosbags(target)[0]) == 45


@pytest.mark.parametrize('variant', VARIANTS)
def test_change_may_read_ahead_and_leave_out(variant, tmp_path):
    source = write_variant(variant, tmp_path)
    target = tmp_path / f'new{source.suffix}'

    def change(stream):
        ahead = deque()
        for number, message in enumerate(stream):
            if number % 5:
                ahead.append(message)
            if len(ahead) > 9:
                yield ahead.popleft()
        yield from ahead

    assert rewrite_bag(source, target, change) == ()
    with open_bag(target) as reader:
        kept = [each for number, each in enumerate(expected()) if number % 5]
        assert [(m.connection.topic, m.recorded_ns, m.raw) for m in reader.messages()] == [
            (topic, time, raw) for topic, _, time, raw in kept
        ]
        assert sum(c.message_count for c in reader.connections) == 36
    if target.is_dir():
        with Reader2(target) as reader:
            assert reader.message_count == 36
            assert sum(c.msgcount for c in reader.connections) == 36


def shuffled(stream):
    yield from reversed(list(stream))


def renamed(stream):
    for message in stream:
        yield message._replace(recorded_ns=message.recorded_ns + 1)


def failing(stream):
    yield next(stream)
    raise DataError('the model failed')


@pytest.mark.parametrize('variant', ['mcap', 'db3-file', 'ros1-lz4'])
@pytest.mark.parametrize(
    ('change', 'reason'),
    [(shuffled, 'not at this place'), (renamed, 'not in the bag'), (failing, 'model failed')],
)
def test_nothing_is_left_when_the_change_goes_wrong(change, reason, variant, tmp_path):
    source = write_variant(variant, tmp_path)
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(DataError, match=reason):
        rewrite_bag(source, tmp_path / 'new', change)
    assert sorted(tmp_path.rglob('*')) == before


def test_split_bag_stays_split(tmp_path):
    source = write_split(tmp_path / 'drive')
    assert rewrite_bag(source, tmp_path / 'new', same) == ()
    assert sorted(p.name for p in (tmp_path / 'new').iterdir()) == sorted(
        p.name for p in source.iterdir()
    )
    assert read_with_rosbags(tmp_path / 'new') == read_with_rosbags(source)
    text = (source / 'metadata.yaml').read_text()
    assert (tmp_path / 'new' / 'metadata.yaml').read_text() == text


def write_split(path):
    """Write a bag of three files, as `ros2 bag record --max-bag-size` does."""
    path.mkdir()
    files = []
    content = messages()
    for number in range(3):
        part = write_rosbag2(path.parent / f'part_{number}', content[number * 15 :][:15])
        name = f'{path.name}_{number}.mcap'
        shutil.move(data_file(part), path / name)
        found = yaml.safe_load((part / 'metadata.yaml').read_text())
        files.append(found['rosbag2_bagfile_information']['files'][0] | {'path': name})
        shutil.rmtree(part)
    whole = found['rosbag2_bagfile_information']
    whole |= {
        'relative_file_paths': [each['path'] for each in files],
        'files': files,
        'message_count': 45,
        'starting_time': {'nanoseconds_since_epoch': START},
        'duration': {'nanoseconds': 44_000},
    }
    for topic in whole['topics_with_message_count']:
        topic['message_count'] = 15
    (path / 'metadata.yaml').write_text(yaml.safe_dump(found))
    return path


def test_damaged_bag_becomes_a_whole_one(tmp_path):
    for variant in ('mcap-zstd', 'ros1-bz2', 'db3', 'mcap-message'):
        source = write_variant(variant, tmp_path)
        file = data_file(source)
        file.write_bytes(file.read_bytes()[: int(file.stat().st_size * 0.6)])
        target = tmp_path / f'{variant}-new{source.suffix}'
        with open_bag(source) as reader:
            readable = [m.raw for m in reader.messages()]
            told = reader.problems
        problems = rewrite_bag(source, target, same)
        assert problems
        assert set(problems) <= set(told) or variant == 'db3'
        with open_bag(target) as reader:
            assert [m.raw for m in reader.messages()] == readable
            assert reader.problems == []
        assert len(read_with_rosbags(target)[0]) == len(readable)


def test_wrong_and_missing_metadata_are_replaced_by_true_ones(tmp_path):
    source = write_variant('db3', tmp_path)
    path = source / 'metadata.yaml'
    text = path.read_text()
    path.write_text(text.replace('message_count: 45', 'message_count: 999'))
    rewrite_bag(source, tmp_path / 'counted', same)
    new = (tmp_path / 'counted' / 'metadata.yaml').read_text()
    assert yaml.safe_load(new) == yaml.safe_load(text)
    path.unlink()
    assert rewrite_bag(source, tmp_path / 'made', same) == ()
    found, connections, span = read_with_rosbags(tmp_path / 'made')
    assert [(c[1], c[2]) for c in connections] == list(TOPICS)
    assert (len(found), span) == (45, (START, START + 44_001, 45))


def test_existing_target_needs_force(tmp_path):
    for variant in ('mcap', 'ros1-none'):
        source = write_variant(variant, tmp_path)
        target = tmp_path / f'old-{source.name}'
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        (data_file(target)).write_bytes(b'old')
        with pytest.raises(DataError, match='exists: choose another name'):
            rewrite_bag(source, target, same)
        assert data_file(target).read_bytes() == b'old'
        rewrite_bag(str(source), str(target), same, force=True)
        assert read_with_rosbags(target) == read_with_rosbags(source)
    assert not list(tmp_path.glob('.partial-*'))


@pytest.mark.parametrize('place', ['bag', 'bag/inside', '.', 'bag/../bag'])
def test_source_is_never_the_target(place, tmp_path):
    source = write_rosbag2(tmp_path / 'bag', storage=StoragePlugin.SQLITE3)
    with pytest.raises(DataError, match='choose another place'):
        rewrite_bag(source, tmp_path / place, same, force=True)
    assert len(read_with_rosbags(source)[0]) == 45


def test_place_that_cannot_be_written_is_a_data_error(tmp_path):
    source = write_ros1(tmp_path / 'a.bag')
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='Cannot write'):
        rewrite_bag(source, tmp_path / 'file' / 'b.bag', same)


def test_reconnecting_publisher_is_kept_apart(tmp_path):
    path = tmp_path / 'a.bag'
    with Writer1(path) as writer:
        for number in range(2):
            connection = writer.add_connection(*TOPICS[0], typestore=ROS2, callerid=f'/{number}')
            writer.write(connection, number, b'\0\0\0\0')
    path.write_bytes(path.read_bytes().replace(b'callerid=/1', b'callerid=/0'))
    rewrite_bag(path, tmp_path / 'b.bag', same)
    with open_bag(tmp_path / 'b.bag') as reader:
        assert [m.connection.id for m in reader.messages()] == [0, 1]


HOSTILE = [
    '../../x',
    '/etc/passwd',
    'nul\0l',
    '',
    '/',
    'ünï/côde',
    'a' * 5000,
    '\n--force',
    'C:\\x',
]


@pytest.mark.parametrize('version', [1, 2])
def test_hostile_topics_and_stamps_pass_as_they_are(version, tmp_path):
    source, target = tmp_path / 'a.bag', tmp_path / 'b.bag'
    limit = 2**32 * 10**9 - 1 if version == 1 else 2**64 - 1
    if version == 1:
        with Writer1(source) as writer:
            for number, topic in enumerate(HOSTILE):
                connection = writer.add_connection(topic, TOPICS[0][1], typestore=ROS2)
                writer.write(connection, limit * number // 8, b'')
    else:
        with source.open('wb') as file:
            writer = McapWriter(file)
            writer.start(profile='ros1')
            schema = writer.register_schema('std_msgs/String', 'ros1msg', b'string data')
            for number, topic in enumerate(HOSTILE):
                channel = writer.register_channel(topic, 'ros1', schema)
                writer.add_message(channel, limit * number // 8, b'\1\0\0\0a', 0)
            writer.finish()
    assert rewrite_bag(source, target, same) == ()
    assert sorted(tmp_path.iterdir()) == [source, target]
    for path in (source, target):
        with open_bag(path) as reader:
            found = list(reader.messages())
            assert [m.connection.topic for m in found] == HOSTILE
            assert [m.recorded_ns for m in found] == [limit * n // 8 for n in range(9)]
            assert {c.msgtype for c in reader.connections} == {TOPICS[0][1]}
            assert (reader.ros_version, reader.problems) == (1, [])
            if version == 2:
                assert reader.deserialize(found[0]).data == 'a'


def test_folder_that_was_being_replaced_comes_back(tmp_path):
    """A process killed between the two steps of replacing has left the old folder aside."""
    source, target = write_variant('mcap', tmp_path), tmp_path / 'target'
    aside = tmp_path / '.partial-target' / 'old'
    shutil.copytree(source, aside)
    with pytest.raises(DataError, match='the model failed'):
        rewrite_bag(source, target, failing)
    assert read_with_rosbags(target) == read_with_rosbags(source)
    assert not aside.exists()
