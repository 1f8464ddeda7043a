import numpy as np
import pytest
from conv_models import fill

from sim2real_ros.data import open_source
from sim2real_ros.errors import DataError
from sim2real_ros.quantisation.frame_sets import read_frame_sets, some_of


def numbered(count, shape=(8, 12, 3)):
    return [np.full(shape, number, np.uint8) for number in range(count)]


def read(folder, calibration, held_out, size_of=lambda size: size):
    return read_frame_sets(open_source(folder), calibration, held_out, size_of)


def numbers(images):
    return [int(image[0, 0, 0]) for image in images]


@pytest.mark.parametrize(
    ('there', 'wanted', 'given'),
    [(4, (16, 8), (3, 1)), (24, (16, 8), (16, 8)), (100, (16, 8), (16, 8)), (9, (1, 8), (1, 8)),
     (5, (99, 1), (4, 1)), (6, (2, 2), (2, 2))],
)  # fmt: skip
def test_no_frame_is_in_both_and_all_are_spread(tmp_path, there, wanted, given):
    sets = read(fill(tmp_path / 'f', numbered(there)), *wanted)
    calibration, held_out = numbers(sets.calibration), numbers(sets.held_out)
    assert (len(calibration), len(held_out)) == given
    assert not set(calibration) & set(held_out)
    assert max(calibration + held_out) >= there * 0.7
    assert [calibration, held_out] == [sorted(calibration), sorted(held_out)]


def test_all_frames_get_the_size_of_the_first(tmp_path):
    images = [*numbered(3), np.zeros((20, 20, 3), np.uint8)]
    sets = read(fill(tmp_path / 'f', images), 3, 1, lambda size: (size[0] * 2, size[1]))
    assert {image.shape for image in (*sets.calibration, *sets.held_out)} == {(8, 24, 3)}


def test_unreadable_files_are_told(tmp_path):
    folder = fill(tmp_path / 'f', numbered(5))
    (folder / '001.png').write_bytes(b'no image')
    sets = read(folder, 4, 1)
    assert len(sets.calibration) + len(sets.held_out) == 4
    assert [each.where for each in sets.skipped] == ['001.png']


def test_too_few_frames_are_refused(tmp_path):
    with pytest.raises(DataError, match='3 readable frames are too few'):
        read(fill(tmp_path / 'f', numbered(3)), 16, 8)


def test_some_are_evenly_spread():
    images = numbered(20)
    assert numbers(some_of(images, 4)) == [2, 7, 12, 17]
    assert numbers(some_of(images, 30)) == list(range(20))
