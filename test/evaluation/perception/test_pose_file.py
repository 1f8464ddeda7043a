"""Files of true poses, from whoever wrote them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.frame import LanePose
from sim2real_ros.evaluation.perception import pose_file
from sim2real_ros.evaluation.perception.pose_file import load_poses, pose_of_frame

ENTRIES = [
    {'stamp_ns': 1_700_000_000_000_000_001, 'd_m': 0.012, 'phi_rad': -0.05},
    {'name': 'drive/000120.png', 'd_m': -1, 'phi_rad': 0},
]
POSES = {1_700_000_000_000_000_001: LanePose(0.012, -0.05), 'drive/000120.png': LanePose(-1, 0)}


def test_lists_and_lines_are_read(tmp_path):
    as_list, as_lines = tmp_path / 'a.json', tmp_path / 'b.jsonl'
    as_list.write_text(json.dumps(ENTRIES, indent=1))
    as_lines.write_text('\n' + '\r\n\n'.join(map(json.dumps, ENTRIES)) + '\n')
    assert load_poses(as_list) == POSES
    assert load_poses(as_lines) == POSES


def test_a_frame_is_found_by_name_or_stamp():
    assert pose_of_frame(POSES, 'other', 1_700_000_000_000_000_001) == LanePose(0.012, -0.05)
    assert pose_of_frame(POSES, 'drive/000120.png', 5) == LanePose(-1, 0)
    assert pose_of_frame(POSES, 'other', 0) is None


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"name": "a", "d_m": 0, "phi_rad": 0, "yaw": 1}', 'line 1: expected an object with d_m'),
        ('{"name": "a", "stamp_ns": 1, "d_m": 0, "phi_rad": 0}', 'either name or stamp_ns'),
        ('{"d_m": 0, "phi_rad": 0}', 'either name or stamp_ns'),
        ('\n[1]', 'entry 1: expected an object'),
        ('7', 'line 1: expected an object'),
        ('{"name": "a", "d_m": NaN, "phi_rad": 0}', 'd_m must be a number from -1000 to 1000'),
        ('{"name": "a", "d_m": 1e9, "phi_rad": 0}', 'd_m must be a number'),
        ('{"name": "a", "d_m": true, "phi_rad": 0}', 'd_m must be a number'),
        ('{"name": "a", "d_m": 0, "phi_rad": "0"}', 'phi_rad must be a number'),
        ('{"name": "a", "d_m": 0, "phi_rad": 90}', 'phi_rad must be a number from -3.14159'),
        ('{"name": "", "d_m": 0, "phi_rad": 0}', 'name must be text'),
        ('{"name": 5, "d_m": 0, "phi_rad": 0}', 'name must be text'),
        ('{"stamp_ns": 0, "d_m": 0, "phi_rad": 0}', 'stamp_ns must be a whole number from 1'),
        ('{"stamp_ns": 1.0, "d_m": 0, "phi_rad": 0}', 'stamp_ns must be a whole number'),
        ('{"stamp_ns": true, "d_m": 0, "phi_rad": 0}', 'stamp_ns must be a whole number'),
        ('{"name": "a", "name": "b", "d_m": 0, "phi_rad": 0}', 'a key appears twice'),
        ('{"name": "a", "d_m": 0, "phi_rad": 0}\n' * 2, "line 2: 'a' appears twice"),
        ('{"name": "a", "d_m": 0', 'line 1 is no JSON'),
        ('[' * 100_000, 'is no JSON'),
        ('{"stamp_ns": ' + '9' * 5000 + ', "d_m": 0, "phi_rad": 0}', 'is no JSON|whole number'),
        ('{"name": "a", "d_m": ' + '9' * 400 + ', "phi_rad": 0}', 'd_m must be a number'),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, text, message):
    path = tmp_path / 'poses.json'
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load_poses(path)
    assert len(str(caught.value)) < 500 + len(str(path))


def test_files_that_cannot_be_read_are_told(tmp_path, monkeypatch):
    with pytest.raises(DataError, match='Cannot read poses'):
        load_poses(tmp_path / 'none.json')
    path = tmp_path / 'poses.json'
    path.write_bytes(b'\xff\xfe')
    with pytest.raises(DataError, match='no UTF-8'):
        load_poses(path)
    path.write_text(json.dumps(ENTRIES))
    monkeypatch.setattr(pose_file, 'MAX_POSE_FILE_BYTES', 20)
    with pytest.raises(DataError, match='larger than 20 bytes'):
        load_poses(path)


@pytest.fixture(scope='module')
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp('poses') / 'poses.json'


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(['name', 'stamp_ns', 'd_m', 'phi_rad', 'x']), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None, derandomize=True)
@given(content=json_values.map(lambda each: json.dumps(each).encode()) | st.binary(max_size=60))
def test_anything_else_is_a_data_error(scratch, content):
    scratch.write_bytes(content)
    try:
        poses = load_poses(scratch)
    except DataError:
        return
    for pose in poses.values():
        assert abs(pose.d_m) <= 1000
        assert abs(pose.phi_rad) <= 3.15


@settings(deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
        | st.integers(1, 2**63 - 1),
        st.tuples(st.floats(-1000, 1000), st.floats(-3.14, 3.14)),
        max_size=5,
    ),
    st.booleans(),
)
def test_what_was_written_is_read(scratch, poses, in_lines):
    entries = [
        {'name' if isinstance(key, str) else 'stamp_ns': key, 'd_m': d, 'phi_rad': phi}
        for key, (d, phi) in poses.items()
    ]
    text = '\n'.join(map(json.dumps, entries)) if in_lines else json.dumps(entries)
    scratch.write_text(text, 'utf-8')
    assert load_poses(scratch) == {key: LanePose(*each) for key, each in poses.items()}
