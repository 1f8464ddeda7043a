"""Which images belong to one camera's drive, and in which order."""

import pytest

from sim2real_ros.files import ManifestRecord
from sim2real_ros.translation.folder_content import FolderImage
from sim2real_ros.translation.folder_drives import drives_of_images


def named(*names):
    return [FolderImage(name, name) for name in names]


def recorded(name, **values):
    return FolderImage(name, name, ManifestRecord(name, '', 0, **values))


def names_of(drives):
    return [[image.name for image in drive] for drive in drives]


@pytest.mark.parametrize(
    ('names', 'drives'),
    [
        (['10.png', '2.png', '1.png'], [['1.png', '2.png', '10.png']]),
        (
            ['b_1.png', 'a_2.png', 'b_0.png', 'a_1.png'],
            [['a_1.png', 'a_2.png'], ['b_0.png', 'b_1.png']],
        ),
        (
            ['x/1.png', 'y/1.png', 'x/2.png', 'y/2.png'],
            [['x/1.png', 'x/2.png'], ['y/1.png', 'y/2.png']],
        ),
        (
            ['1_left.png', '1_right.png', '2_left.png', '2_right.png'],
            [['1_left.png', '2_left.png'], ['1_right.png', '2_right.png']],
        ),
        (
            ['1612345678_900000000.png', '1612345679_100000000.png'],
            [['1612345678_900000000.png', '1612345679_100000000.png']],
        ),
    ],
)
def test_names_tell_drives_where_nothing_else_does(names, drives):
    assert names_of(drives_of_images(named(*names))) == drives
    assert names_of(drives_of_images(named(*reversed(names)))) == drives


def test_manifest_counts_more_than_names():
    images = [
        recorded('a.png', stamp_ns=30, topic='/left', source='drive.bag'),
        recorded('b.png', stamp_ns=10, topic='/left', source='drive.bag'),
        recorded('c.png', stamp_ns=20, topic='/right', source='drive.bag'),
        recorded('d.png', stamp_ns=20, topic='/left', source='drive.bag'),
        recorded('e.png', stamp_ns=15, topic='/left', source='other.bag'),
        recorded('f.png', index=1, sequence='video'),
        recorded('g.png', index=0, sequence='video'),
    ]
    assert sorted(names_of(drives_of_images(images))) == [
        ['b.png', 'd.png', 'a.png'],
        ['c.png'],
        ['e.png'],
        ['g.png', 'f.png'],
    ]


def test_results_side_by_side_are_drives_of_their_own():
    images = [
        recorded(f'{model}/{number}.png', stamp_ns=number, source='in.bag')
        for number in range(3)
        for model in 'pq'
    ]
    assert names_of(drives_of_images(images)) == [
        [f'{model}/{number}.png' for number in range(3)] for model in 'pq'
    ]


def test_every_image_is_in_one_drive():
    images = named('a/x.png', 'a/7.png', 'thing.png', 'b/c/1.png', '0.png', 'f00ba4.png')
    images += [recorded('m.png'), recorded('n.png', stamp_ns=4)]
    found = [name for drive in names_of(drives_of_images(images)) for name in drive]
    assert sorted(found) == sorted(image.name for image in images)
    assert drives_of_images([]) == []
