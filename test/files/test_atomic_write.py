import errno
import itertools
import os

import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.files import atomic_path, atomic_write, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_its_folder(tmp_path):
    write_atomically(tmp_path / 'a/b/c.txt', b'hello')
    assert (tmp_path / 'a/b/c.txt').read_bytes() == b'hello'
    assert names(tmp_path / 'a/b') == ['c.txt']


def test_new_files_have_the_permissions_of_any_other(tmp_path):
    write_atomically(tmp_path / 'ours', b'')
    (tmp_path / 'plain').touch()
    assert (tmp_path / 'ours').stat().st_mode == (tmp_path / 'plain').stat().st_mode


def test_an_exception_leaves_the_old_file(tmp_path):
    path = tmp_path / 'x.png'
    path.write_bytes(b'old')

    def interrupted_write():
        with atomic_path(path) as temporary:
            temporary.write_bytes(b'half')
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_write()
    assert path.read_bytes() == b'old'
    assert names(tmp_path) == ['x.png']


def test_the_temporary_file_has_the_suffix(tmp_path):
    with atomic_path(tmp_path / 'x.mp4') as temporary:
        assert temporary.suffix == '.mp4'
        assert temporary.parent == tmp_path


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path, monkeypatch):
    def refuse(_file, _content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic_write, '_write_all', refuse)
    with pytest.raises(DataError, match=r'No space left.*run the same command again'):
        write_atomically(tmp_path / 'x', b'1')
    assert names(tmp_path) == []


def test_a_disk_that_takes_a_part_at_a_time_gets_all():
    class Slow:
        taken = b''

        def write(self, content):
            self.taken += bytes(content[:3])
            return min(3, len(content))

    slow = Slow()
    atomic_write._write_all(slow, b'12345678')
    assert slow.taken == b'12345678'


def test_a_name_that_a_killed_process_left_is_not_used_again(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_write, '_NUMBERS', itertools.count())
    left = tmp_path / f'.partial-{os.getpid()}-0.png'
    left.write_bytes(b'left')
    write_atomically(tmp_path / 'x.png', b'1')
    assert left.read_bytes() == b'left'
    assert (tmp_path / 'x.png').read_bytes() == b'1'


def test_a_file_in_the_way_of_a_folder_is_explained(tmp_path):
    (tmp_path / 'a').write_bytes(b'')
    with pytest.raises(DataError, match='Cannot write'):
        write_atomically(tmp_path / 'a/b', b'1')
