import contextlib
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_files import picture, write_tree, write_zip

from sim2real_ros.errors import Sim2RealError
from sim2real_ros.labels import (
    FORMATS,
    ConvertOptions,
    LabelSource,
    check_labels,
    convert_labels,
    read_labels,
)
from sim2real_ros.labels import tree as tree_module

BOX = '0 .5 .5 .1 .1\n'
GOOD = {'images/a.png': picture(), 'labels/a.txt': BOX}


@pytest.mark.parametrize('name', ['../x.txt', '/x.txt', 'a/../../x.txt', 'c:/x.txt', 'a\\b.txt'])
def test_names_that_leave_a_zip_are_passed_over(tmp_path: Path, name: str) -> None:
    label_set = read_labels(write_zip(tmp_path / 'a.zip', {**GOOD, name: BOX}))
    assert len(label_set.images) == 1
    # zipfile itself turns backslashes into slashes on some systems.
    assert [each.kind for each in label_set.problems] in (['unreadable'], ['missing image'])


def test_links_in_a_zip_are_passed_over(tmp_path: Path) -> None:
    path = write_zip(tmp_path / 'a.zip', GOOD)
    link = zipfile.ZipInfo('labels/b.txt')
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr(link, '/etc/passwd')
    label_set = read_labels(path)
    assert ['symbolic link' in each.text for each in label_set.problems] == [True]


def test_a_zip_bomb_is_passed_over(tmp_path: Path) -> None:
    path = write_zip(tmp_path / 'a.zip', {**GOOD, 'labels/b.txt': bytes(2**25)})
    label_set = read_labels(path)
    assert ['would unpack' in each.text for each in label_set.problems] == [True]


def test_a_member_that_lies_about_its_size_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_module, 'MAX_FILE_BYTES', 1000)
    files = {'images/a.png': picture(8, 8), 'labels/a.txt': BOX * 500}
    path = write_zip(tmp_path / 'a.zip', files)
    content = path.read_bytes().replace((7000).to_bytes(4, 'little'), (70).to_bytes(4, 'little'))
    path.write_bytes(content)
    label_set = read_labels(path)
    assert not label_set.images
    assert {each.kind for each in label_set.problems} == {'unreadable'}


def test_names_that_are_refused_are_said_without_their_control_characters(tmp_path: Path) -> None:
    path = write_zip(tmp_path / 'a.zip', {'../a.txt': BOX})
    with pytest.raises(Sim2RealError, match=r"no label format.*Refused: '\.\./a\.txt'"):
        read_labels(path)
    files = {'images/\x1b[2Ja.png': picture(), 'labels/\x1b[2Ja.txt': 'x\n'}
    (problem,) = read_labels(write_tree(tmp_path / 'set', files)).problems
    assert str(problem).startswith('labels/?[2Ja.txt:1: unreadable')


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, 'MAX_FILES', 3)
    files = {f'labels/{n}.txt': BOX for n in range(5)}
    for path in (write_zip(tmp_path / 'a.zip', files), write_tree(tmp_path / 'a', files)):
        with pytest.raises(Sim2RealError, match='more than 3 files'):
            read_labels(path)


def test_encrypted_and_repeated_members_are_said(tmp_path: Path) -> None:
    path = write_zip(tmp_path / 'a.zip', {**GOOD, 'labels/b.txt': BOX})
    content = bytearray(path.read_bytes())
    # The flags of the last entry of the central directory.
    content[content.rindex(b'PK\x01\x02') + 8] |= 1
    path.write_bytes(content)
    assert 'encrypted' in read_labels(path).problems[0].text
    with (
        zipfile.ZipFile(write_zip(tmp_path / 'b.zip', GOOD), 'a') as archive,
        pytest.warns(UserWarning, match='Duplicate name'),
    ):
        archive.writestr('labels/a.txt', '')
    assert 'twice' in read_labels(tmp_path / 'b.zip').problems[0].text


@pytest.mark.parametrize('content', [b'', b'PK', b'no zip', b'PK\x05\x06' + bytes(18)])
def test_what_is_no_zip_of_labels_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'a.zip').write_bytes(content)
    with pytest.raises(Sim2RealError, match=r'no readable zip|no label format'):
        read_labels(tmp_path / 'a.zip')
    with pytest.raises(Sim2RealError, match='does not exist'):
        read_labels(tmp_path / 'b.zip')


def test_links_that_leave_a_folder_are_passed_over(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / 'set', GOOD)
    secret = tmp_path / 'secret.txt'
    secret.write_text(BOX)
    (folder / 'images/b.png').write_bytes(picture())
    (folder / 'labels/b.txt').symlink_to(secret)
    label_set = read_labels(folder)
    assert [len(labels.instances) for labels in label_set.images] == [1, 0]
    assert 'symbolic link' in label_set.problems[0].text


@pytest.mark.parametrize(
    'lines', ['../../../etc/passwd', '/etc/passwd', 'a\0b.png', '..', '.', 'x' * 5000]
)
@pytest.mark.parametrize('kind', ['ultralytics', 'yolo-1.1'])
def test_hostile_lists_of_images_lead_nowhere(tmp_path: Path, lines: str, kind: str) -> None:
    files = {'data.yaml': 'train: train.txt\nnames: [a]\n', 'train.txt': lines}
    if kind == 'yolo-1.1':
        files |= {'obj.data': 'train = train.txt\nnames = obj.names', 'obj.names': 'a'}
    label_set = read_labels(write_tree(tmp_path / 'set', files))
    assert not label_set.images
    assert {each.kind for each in label_set.problems} <= {'missing image', 'unreadable'}


NAMES = ['data.yaml', 'labels/a.txt', 'obj.data', 'obj.names', 'train.txt', 'classes.txt']
NAMES += ['annotations/instances_a.json', 'masks/a.png', 'masks.json', 'images/b.png', 'a.txt']


@pytest.mark.parametrize('name', FORMATS)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    files=st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [
                    BOX.encode(),
                    b'train: images\nnames: [a]',
                    b'train = train.txt\nnames = obj.names\n',
                    b'images/a.png\n',
                    b'{"images": [{}], "annotations": [[]], "categories": [3]}',
                ]
            ),
        ),
        max_size=5,
    )
)
def test_arbitrary_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, files: dict[str, bytes]
) -> None:
    folder = write_tree(tmp_path_factory.mktemp('set'), {'images/a.png': picture(), **files})
    try:
        label_set = read_labels(folder, name)
    except Sim2RealError:
        return
    check_labels(label_set)
    assert all(str(problem) for problem in label_set.problems)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(place=st.integers(0, 600), change=st.binary(min_size=1, max_size=8))
def test_damaged_zips_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: bytes
) -> None:
    path = write_zip(tmp_path_factory.mktemp('zip') / 'a.zip', GOOD)
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place : place + len(change)] = change
    path.write_bytes(content)
    with contextlib.suppress(Sim2RealError):
        convert_labels(LabelSource(path), path.parent / 'out.json', ConvertOptions('coco'))
