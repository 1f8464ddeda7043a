import os

import pytest
import yaml
from bag_variants import data_file, expected, messages, write_rosbag2
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from sim2real_ros.bags import accepts_bag, open_bag
from sim2real_ros.errors import DataError

ROOT = 'rosbag2_bagfile_information'


def raws(path):
    with open_bag(path) as reader:
        return [m.raw for m in reader.messages()], reader.problems


def write_parts(folder, numbers, storage=StoragePlugin.MCAP, mode=None):
    """Write one file per number, with the messages in the order of the numbers."""
    folder.mkdir()
    content = messages(len(numbers) * 3)
    for place, number in enumerate(sorted(numbers)):
        part = write_rosbag2(folder.parent / 'part', content[place * 3 :][:3], storage, mode)
        file = data_file(part)
        file.rename(folder / file.name.replace('part', f'drive_{number}', 1))
        (part / 'metadata.yaml').rename(folder.parent / 'metadata.yaml')
        part.rmdir()
    return folder, [raw for _, _, raw in content]


def list_files(folder, names, **others):
    text = yaml.safe_load((folder.parent / 'metadata.yaml').read_text())
    text[ROOT] |= {'relative_file_paths': names, **others}
    (folder / 'metadata.yaml').write_text(yaml.safe_dump(text))


@pytest.mark.parametrize('storage', StoragePlugin)
@pytest.mark.parametrize('mode', [None, CompressionMode.FILE, CompressionMode.MESSAGE])
def test_split_files_are_read_in_natural_order_without_metadata(storage, mode, tmp_path):
    folder, content = write_parts(tmp_path / 'drive', [2, 9, 10], storage, mode)
    assert accepts_bag(folder)
    assert raws(folder) == (content, [])
    with open_bag(folder) as reader:
        assert len(reader.connections) == 3
        assert [c.message_count for c in reader.connections] == [3, 3, 3]


@pytest.mark.parametrize('version', range(1, 10))
def test_every_version_of_the_metadata_is_read(version, tmp_path):
    path = write_rosbag2(tmp_path / 'bag', version=9)
    found = yaml.safe_load((path / 'metadata.yaml').read_text())
    found[ROOT]['version'] = version
    if version < 4:
        found[ROOT]['relative_file_paths'] = [f'bag/{data_file(path).name}']
    if version < 9:
        for topic in found[ROOT]['topics_with_message_count']:
            topic['topic_metadata']['offered_qos_profiles'] = ''
    (path / 'metadata.yaml').write_text(yaml.safe_dump(found))
    assert raws(path) == ([raw for *_, raw in expected()], [])


def test_counts_and_times_of_the_metadata_are_not_trusted(tmp_path):
    path = write_rosbag2(tmp_path / 'bag')
    text = (path / 'metadata.yaml').read_text()
    text = text.replace('message_count: 15', 'message_count: -1').replace('nanoseconds: ', 'x: 7')
    (path / 'metadata.yaml').write_text(text)
    with open_bag(path) as reader:
        assert [c.message_count for c in reader.connections] == [15, 15, 15]
        assert (reader.start_ns, reader.end_ns) == (expected()[0][2], expected()[-1][2])


def test_missing_file_is_said_and_the_others_are_read(tmp_path):
    folder, content = write_parts(tmp_path / 'drive', range(3))
    list_files(folder, [f'drive_{number}.mcap' for number in range(3)])
    (folder / 'drive_1.mcap').unlink()
    found, problems = raws(folder)
    assert found == content[:3] + content[6:]
    assert problems == ["The file 'drive_1.mcap', which metadata.yaml lists, is missing."]


def test_file_that_is_not_listed_yet_is_read(tmp_path):
    """A recorder that was killed has listed only the files that it had finished."""
    folder, content = write_parts(tmp_path / 'drive', range(3))
    list_files(folder, ['drive_0.mcap', 'drive_1.mcap'])
    found, problems = raws(folder)
    assert found == content
    assert problems == ["metadata.yaml does not list 'drive_2.mcap'; it is read all the same."]


def test_empty_file_among_others_is_left_out(tmp_path):
    folder, content = write_parts(tmp_path / 'drive', range(3))
    (folder / 'drive_2.mcap').write_bytes(b'')
    found, problems = raws(folder)
    assert found == content[:6]
    assert problems == ['drive_2.mcap: it is empty (0 bytes); the whole file is left out.']


def test_file_that_was_being_compressed_is_read_uncompressed(tmp_path):
    folder, content = write_parts(tmp_path / 'drive', range(2))
    (folder / 'drive_1.mcap.zstd').write_bytes(b'\x28\xb5\x2f\xfd half')
    assert raws(folder) == (content, [])
    list_files(folder, ['drive_0.mcap.zstd', 'drive_1.mcap'])
    assert raws(folder) == (content, [])


@pytest.mark.parametrize(
    'name', ['../../x.mcap', '/etc/passwd', 'a/../../x.mcap', 'x\0.mcap', 'C:\\x.mcap', '']
)
def test_path_that_leaves_the_folder_is_refused(name, tmp_path):
    (tmp_path / 'deep').mkdir()
    path = write_rosbag2(tmp_path / 'deep' / 'bag')
    data_file(path).rename(tmp_path / 'x.mcap')
    found = yaml.safe_load((path / 'metadata.yaml').read_text())
    found[ROOT]['relative_file_paths'] = [name]
    (path / 'metadata.yaml').write_text(yaml.safe_dump(found))
    with pytest.raises(DataError, match=r'path in metadata\.yaml .* is refused'), open_bag(path):
        pass


BROKEN = [
    '',
    '{',
    'a: b',
    'rosbag2_bagfile_information: 3',
    'rosbag2_bagfile_information: {relative_file_paths: 4}',
    'rosbag2_bagfile_information: {relative_file_paths: [1, {}]}',
    '[' * 5000,
    '!!python/object/apply:os.system [touch hacked]',
    'a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nrosbag2_bagfile_information: [*c, *c]',
    '\udcff',
]


@pytest.mark.parametrize('text', BROKEN)
def test_broken_metadata_is_said_and_the_files_are_read(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_rosbag2(tmp_path / 'bag')
    (path / 'metadata.yaml').write_bytes(text.encode('utf-8', 'surrogateescape'))
    found, problems = raws(path)
    assert found == [raw for *_, raw in expected()]
    assert len(problems) == 1
    assert 'metadata.yaml' in problems[0]
    assert not (tmp_path / 'hacked').exists()


def test_folder_of_several_bags_must_be_chosen_from(tmp_path):
    folder, _ = write_parts(tmp_path / 'drive', [0])
    (folder / 'other_0.mcap').write_bytes((folder / 'drive_0.mcap').read_bytes())
    with pytest.raises(DataError, match=r'several bags \(drive, other\)'), open_bag(folder):
        pass


def test_folder_without_a_bag_is_none(tmp_path):
    assert not accepts_bag(tmp_path)
    with pytest.raises(DataError, match=r'has no \.mcap or \.db3 file'), open_bag(tmp_path):
        pass
    (tmp_path / 'a.db3').write_bytes(b'')
    assert accepts_bag(tmp_path)
    with pytest.raises(DataError, match='empty'), open_bag(tmp_path):
        pass
    (tmp_path / 'image.png').write_bytes(b'')
    assert not accepts_bag(tmp_path), 'a folder of images with a bag in it is one of images'


def test_nothing_beside_the_bag_is_touched(tmp_path):
    path = write_rosbag2(tmp_path / 'bag', storage=StoragePlugin.SQLITE3)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in path.iterdir()}
    for each in path.iterdir():
        each.chmod(0o444)
    raws(path)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in path.iterdir()} == before


def test_pipe_with_the_name_of_a_bag_is_no_file(tmp_path):
    os.mkfifo(tmp_path / 'a.mcap')
    with pytest.raises(DataError, match='is no file'), open_bag(tmp_path / 'a.mcap'):
        pass
    with pytest.raises(DataError, match=r'has no \.mcap or \.db3 file'), open_bag(tmp_path):
        pass
