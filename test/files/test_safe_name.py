import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real_ros.errors import DataError
from sim2real_ros.files import NameTable, path_inside, safe_name, safe_relative_path
from sim2real_ros.files.safe_name import MAX_NAME_BYTES

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        ('/camera/image_raw', 'camera_image_raw'),
        ('gym/observations', 'gym_observations'),
        ('../../etc/passwd', 'etc_passwd'),
        ('/', 'unnamed'),
        ('..', 'unnamed'),
        ('a\0b', 'a_b'),
        ('a b\tc\nd', 'a_b_c_d'),
        ('C:\\x', 'C_x'),
        ('con', '_con'),
        ('LPT1.txt', '_LPT1.txt'),
        ('straße/画像', 'straße_画像'),
        (unicodedata.normalize('NFD', 'é'), 'é'),
        ('--force', '--force'),
    ],
)
def test_safe_name_of_known_texts(text, name):
    assert safe_name(text) == name


@given(ANY_TEXT)
def test_safe_name_is_always_one_plain_part(text):
    name = safe_name(text)
    assert name
    assert name not in ('.', '..')
    assert not set(name) & set('/\\\0\n\r\t :*?"<>|\'$`;&')
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert safe_name(name) == name


def test_long_names_differ_although_they_are_cut():
    first, second = safe_name('x' * 500), safe_name('x' * 501)
    assert len(first) == MAX_NAME_BYTES
    assert first != second


def test_name_table_gives_every_text_its_own_name():
    table = NameTable()
    names = [table.name_of(text) for text in ('/a/b', 'a_b', '/A/B', '/a/b', 'a-b')]
    assert names == ['a_b', 'a_b-2', 'A_B-3', 'a_b', 'a-b']


@given(st.lists(st.text(alphabet='aA_/-2', max_size=6), unique=True))
def test_name_table_never_gives_a_name_twice(texts):
    table = NameTable()
    names = [table.name_of(text).casefold() for text in texts]
    assert len(set(names)) == len(texts)


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('/etc/passwd', 'relative'),
        ('', 'relative'),
        ('C:/x', 'relative'),
        ('../x', 'would leave'),
        ('a/../../x', 'would leave'),
        ('a/..', 'would leave'),
        ('a\0b', 'NUL'),
        ('a\\b', 'NUL, backslash'),
        ('a/\udc80', 'undecodable'),
        ('x' * 256, 'longer than 255'),
    ],
)
def test_paths_that_leave_their_folder_are_refused(text, reason):
    with pytest.raises(DataError, match=reason):
        safe_relative_path(text)


def test_plain_relative_paths_pass():
    assert safe_relative_path('images/tr ain/ä..b.png') == PurePosixPath('images/tr ain/ä..b.png')


@given(ANY_TEXT)
def test_an_accepted_path_stays_inside(text):
    try:
        path = safe_relative_path(text)
    except DataError:
        return
    assert not path.is_absolute()
    assert '..' not in path.parts


def test_a_symbolic_link_does_not_lead_outside(tmp_path):
    inside, outside = tmp_path / 'in', tmp_path / 'out'
    inside.mkdir()
    outside.mkdir()
    (inside / 'link').symlink_to(outside)
    with pytest.raises(DataError, match='symbolic link'):
        path_inside(inside, 'link/x.png')
    (inside / 'own').symlink_to(inside)
    assert path_inside(inside, 'own/x.png') == inside / 'own/x.png'
