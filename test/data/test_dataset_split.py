from argparse import ArgumentTypeError
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.cli.options import image_gap
from sim2real_ros.data.dataset.drive_order import drive_of_name, drives_of_names, natural_order
from sim2real_ros.data.dataset.splitting import Gap, group_by_drive, split_drives
from sim2real_ros.errors import DataError


@dataclass(frozen=True)
class Image:
    sequence: str
    order: tuple
    stamp_ns: int | None = None


def drive(name, count, *, stamps=False):
    return [Image(name, (n,), n * 100_000_000 if stamps else None) for n in range(count)]


@pytest.mark.parametrize(
    ('name', 'sequence', 'order'),
    [
        ('drives/left_0012_rgb.png', 'drives/left_', (12,)),
        ('B_BR_Duckbar_frame00028.jpg', 'B_BR_Duckbar_frame', (28,)),
        ('4way_16_0003.jpg', '4way_16_', (3,)),
        ('1612345678.25.png', '', (1612345678, 250_000_000)),
        ('cam/1612345678_5.png', 'cam/', (1612345678, 5)),
        ('20210304_102030.png', '', (20210304, 102030)),
        ('run_2021-03-04_10-20-30.png', 'run_', (2021, 3, 4, 10, 20, 30)),
        ('20210304_102030_0007.png', '20210304_102030_', (7,)),
        ('7.png', '', (7,)),
    ],
)
def test_drive_is_read_from_the_number_in_a_name(name, sequence, order):
    assert drive_of_name(name) == (sequence, (*order, name))


def test_names_without_numbers_are_one_drive_in_natural_order():
    names = ['a/x.png', 'a/y2.png', 'a/y10.png', 'b/n_1.png', 'b/n_2.png']
    found = drives_of_names(names)
    assert [sequence for sequence, _ in found] == ['a/', 'a/', 'a/', 'b/n_', 'b/n_']
    assert natural_order('y2') < natural_order('y10')


def test_checksums_as_names_are_one_drive():
    names = [f'{number * 7919:x}q{number}w{number * 31:x}x.png' for number in range(20)]
    assert {sequence for sequence, _ in drives_of_names(names)} == {''}


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=20, unique=True))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_any_names_are_ordered(texts):
    names = [text.replace('/', '-') for text in texts]
    drives = drives_of_names(names)
    images = [Image(sequence, order) for sequence, order in drives]
    assert sum(map(len, group_by_drive(images).values())) == len(names)


def test_whole_drives_are_held_out_where_they_fit():
    images = [image for number in range(20) for image in drive(f'd{number:02}', 30)]
    split = split_drives(images, 0.1)
    held = {image.sequence for image in split.held}
    assert len(split.held) == 60
    assert len(held) == 2
    assert held.isdisjoint(image.sequence for image in split.kept)
    assert split.left_out == ()
    assert split.how == '2 of 20 drives held out as a whole'


def test_one_long_drive_gives_a_block_with_a_gap():
    images = drive('only', 200)
    split = split_drives(images, 0.1, gap=Gap(images=7), seed=3)
    held = [image.order[0] for image in split.held]
    kept = [image.order[0] for image in split.kept]
    assert held == list(range(held[0], held[0] + 20))
    assert min(abs(a - b) for a in held for b in kept) == 8
    assert len(split.left_out) + len(held) + len(kept) == 200


def test_gap_of_seconds_follows_the_stamps():
    split = split_drives(drive('only', 300, stamps=True), 0.1, gap=Gap(seconds=1.5), seed=1)
    held = [image.stamp_ns for image in split.held]
    nearest = min(abs(a.stamp_ns - b) for a in split.kept for b in held)
    assert nearest == 1_600_000_000


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=8),
    st.sampled_from([0.05, 0.1, 0.3, 0.5]),
    st.integers(0, 5),
    st.integers(0, 3),
)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_neighbours_never_straddle_a_split(lengths, fraction, gap, seed):
    images = [image for n, length in enumerate(lengths) for image in drive(f'd{n}', length)]
    try:
        split = split_drives(images, fraction, gap=Gap(images=gap), seed=seed)
    except DataError as error:
        assert 'smaller gap' in str(error)  # noqa: PT017
        return
    assert split == split_drives(images[::-1], fraction, gap=Gap(images=gap), seed=seed)
    everything = [*split.kept, *split.held, *split.left_out]
    assert sorted(everything, key=repr) == sorted(images, key=repr)
    assert split.held
    kept = {(image.sequence, image.order[0]) for image in split.kept}
    for image in split.held:
        near = range(image.order[0] - gap, image.order[0] + gap + 1)
        assert kept.isdisjoint((image.sequence, place) for place in near)


def test_blocks_share_the_wanted_number_exactly():
    images = [image for n, size in enumerate((101, 57, 230)) for image in drive(f'd{n}', size)]
    split = split_drives(images, 0.1, mode='blocks', gap=Gap(images=0))
    assert len(split.held) == round(0.1 * 388)
    assert len({image.sequence for image in split.held}) == 3


def test_another_seed_gives_another_split():
    images = [image for number in range(20) for image in drive(f'd{number}', 10)]
    assert len({split_drives(images, 0.1, seed=seed).held for seed in range(5)}) > 1


def test_nothing_held_out_when_not_asked_for():
    assert split_drives(drive('a', 5), 0).kept == tuple(drive('a', 5))


def test_one_drive_cannot_be_held_out_as_a_whole():
    with pytest.raises(DataError, match=r'one drive only.*--split blocks'):
        split_drives(drive('a', 50), 0.1, mode='drives')


def test_gap_that_leaves_nothing_is_refused():
    with pytest.raises(DataError, match=r'Nothing is left for training.*--gap'):
        split_drives(drive('a', 10), 0.5, gap=Gap(images=100))


def test_seconds_need_stamps():
    with pytest.raises(DataError, match=r'without a stamp.*number of images'):
        split_drives(drive('a', 50), 0.1, gap=Gap(seconds=1))


@pytest.mark.parametrize(
    ('text', 'distance'), [('0', 1), ('7', 8), ('0s', 1), ('0.25s', 3), ('1s', 11)]
)
def test_gap_of_the_command_line(text, distance):
    split = split_drives(drive('a', 300, stamps=True), 0.1, gap=image_gap(text))
    held = [image.order[0] for image in split.held]
    assert min(abs(a.order[0] - b) for a in split.kept for b in held) == distance


@pytest.mark.parametrize('text', ['', '-1', '1.5', 's', '1e3s', 'nans', '1 s'])
def test_gap_that_is_none(text):
    with pytest.raises(ArgumentTypeError, match='is no gap; expected images'):
        image_gap(text)
