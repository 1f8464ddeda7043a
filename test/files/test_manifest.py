import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real_ros.errors import DataError
from sim2real_ros.files import Manifest, ManifestRecord, Omission, read_manifest
from sim2real_ros.files.manifest import json_line, read_json_lines

FULL = ManifestRecord(
    file='images/ä b.png',
    sha256='0' * 64,
    bytes=12,
    size=(512, 384),
    source='drives/monday.bag',
    source_name='x.png',
    topic='/camera/image_raw',
    index=0,
    stamp_ns=0,
    recorded_ns=1,
    frame_id='camera',
    encoding='bgr8',
    original_size=(640, 480),
    placement='crop',
    camera_info='camera_info/a.yaml',
    perceptual_hash='f' * 16,
    labels=('labels/ä b.txt', 'masks/ä b.png'),
    domain='sim',
    subset='train',
    sequence='monday',
    parent_sha256='1' * 64,
    model='identity',
    model_sha256='2' * 64,
)
HEADER = {'manifest': 'sim2real_ros', 'verb': 'x', 'version': 1}
RECORD = {'file': 'a.png', 'sha256': '', 'bytes': 1}


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    manifest = Manifest(
        'extract-frames',
        'f' * 64,
        {'size': [512, 384]},
        ({'path': 'a.bag', 'bytes': 3, 'files': 1},),
        {'classes.txt': '3' * 64},
        (Omission('message 3', 'is damaged'),),
        (FULL, ManifestRecord('b.png', '', 0)),
    )
    path = manifest.write(tmp_path)
    assert read_manifest(path) == read_manifest(tmp_path) == manifest


def test_as_many_other_files_as_images_fit_into_the_header(tmp_path):
    files = {f'masks/{number:08}.png': '0' * 64 for number in range(20_000)}
    Manifest('translate', files=files).write(tmp_path)
    assert read_manifest(tmp_path).files == files


def test_zero_is_kept_apart_from_unknown():
    line = FULL.to_json()
    assert (line['index'], line['stamp_ns']) == (0, 0)
    assert list(ManifestRecord('b.png', 'x', 0).to_json()) == ['file', 'sha256', 'bytes']


def test_the_full_record_uses_every_field():
    assert list(FULL.to_json()) == [field.name for field in dataclasses.fields(ManifestRecord)]


def write_lines(tmp_path, *lines):
    (tmp_path / 'manifest.jsonl').write_text(''.join(map(json_line, lines)))
    return tmp_path


@pytest.mark.parametrize(
    ('record', 'reason'),
    [
        ({**RECORD, 'file': '../x.png'}, 'would leave'),
        ({**RECORD, 'file': '/x.png'}, 'relative'),
        ({**RECORD, 'labels': ['../../x']}, 'would leave'),
        ({**RECORD, 'camera_info': '/etc/x'}, 'relative'),
        ({**RECORD, 'topix': '/x'}, "Did you mean 'topic'"),
        ({**RECORD, 'bytes': '1'}, 'expected int'),
        ({'file': 'a.png'}, "'sha256' is missing"),
        ({**RECORD, 'size': [1]}, 'expected 2 values'),
    ],
)
def test_a_bad_record_is_refused_with_its_line(tmp_path, record, reason):
    folder = write_lines(tmp_path, HEADER, RECORD, record)
    with pytest.raises(DataError, match=reason) as caught:
        read_manifest(folder)
    assert 'line 3' in str(caught.value) or 'file of the manifest' in str(caught.value)


@pytest.mark.parametrize(
    ('header', 'reason'),
    [
        ({'verb': 'x'}, 'no manifest of sim2real_ros'),
        ({**HEADER, 'version': 2}, 'version 2, expected 1'),
        ({**HEADER, 'colour': 'red'}, 'colour'),
        ({**HEADER, 'files': {'../x': ''}}, 'would leave'),
        ({**HEADER, 'omissions': [{'were': 'x'}]}, 'were'),
        ({**HEADER, 'omissions': 3}, 'not iterable'),
        ({**HEADER, 'sources': ['x']}, '"sources" must be a list of objects'),
        ({**HEADER, 'sources': 'x'}, '"sources" must be a list of objects'),
        ({**HEADER, 'files': {'x': 1}}, '"files" must be an object'),
    ],
)
def test_a_bad_header_is_refused(tmp_path, header, reason):
    with pytest.raises(DataError, match=reason):
        read_manifest(write_lines(tmp_path, header))


def test_no_manifest_is_explained(tmp_path):
    with pytest.raises(DataError, match='Cannot read'):
        read_manifest(tmp_path)


@pytest.mark.parametrize('text', ['{"a": 1}\n{"b"', '{"a": 1}\n[]\n', '{"a": 1}\n\n', '[' * 9999])
def test_damaged_lines_are_refused(tmp_path, text):
    file = tmp_path / 'x.jsonl'
    file.write_text(text)
    with pytest.raises(DataError, match='is damaged'):
        read_json_lines(file)


def test_a_torn_end_is_tolerated_where_asked(tmp_path):
    file = tmp_path / 'x.jsonl'
    file.write_text('{"a": 1}\n{"b": 2')
    assert read_json_lines(file, tolerate_torn_end=True) == [{'a': 1}]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from([*HEADER, 'omissions', 'files', 'sources', 'options', 'records'])


@given(
    st.dictionaries(FIELDS, VALUES),
    st.lists(st.dictionaries(st.sampled_from(list(FULL.to_json())), VALUES)),
)
def test_any_json_is_read_or_refused(tmp_path_factory, header, records):
    folder = tmp_path_factory.mktemp('any')
    lines = [{**HEADER, **header}, *({**RECORD, **record} for record in records)]
    (folder / 'manifest.jsonl').write_text('\n'.join(json.dumps(line) for line in lines))
    try:
        manifest = read_manifest(folder)
    except DataError:
        return
    assert len(manifest.records) == len(records)
