from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
import yaml
from dataset_folders import tree, write_extracted, write_plain
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.data.dataset import DatasetOptions, Gap, make_dataset
from sim2real_ros.data.dataset.real_share import real_count, stratified_choice
from sim2real_ros.errors import DataError

BOX = ' .5 .5 .1 .1\n'


@pytest.mark.parametrize(
    ('share', 'real', 'synthetic', 'share_of', 'expected'),
    [
        (0, 500, 1000, 'real', 0),
        (0.01, 500, 1000, 'real', 5),
        (0.01, 599, 1000, 'real', 5),
        (0.01, 50, 1000, 'real', 1),
        (0.29, 100, 1000, 'real', 29),
        (1, 123, 1000, 'real', 123),
        (0.01, 500, 990, 'mix', 10),
        (0.01, 500, 989, 'mix', 9),
        (0.5, 500, 300, 'mix', 300),
        (0.001, 500, 10, 'mix', 1),
    ],
)
def test_count_is_rounded_down_to_one_at_least(share, real, synthetic, share_of, expected):
    assert real_count(share, real, synthetic, share_of) == expected


@pytest.mark.parametrize(
    ('share', 'real', 'share_of', 'message'),
    [
        (-0.1, 10, 'real', 'expected 0 to 1'),
        (1.1, 10, 'real', 'expected 0 to 1'),
        (float('nan'), 10, 'real', 'expected 0 to 1'),
        (float('inf'), 10, 'mix', 'expected 0 to 1'),
        (1, 10, 'mix', 'below 1 of a mixed set'),
        (0.01, 0, 'real', 'none with labels'),
        (0.5, 10, 'mix', r'only 10 have labels: at most 0\.0909'),
    ],
)
def test_share_that_cannot_be_reached_is_refused(share, real, share_of, message):
    with pytest.raises(DataError, match=message):
        real_count(share, real, 100, share_of)


@given(st.integers(0, 1000), st.integers(1, 3000))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_count_is_the_exact_floor(thousandths, real):
    exact = Fraction(thousandths, 1000) * real
    expected = max(1, exact.numerator // exact.denominator) if thousandths else 0
    assert real_count(thousandths / 1000, real, 7) == expected


def choose(items, count, seed=0):
    return stratified_choice(
        items, count, tags=lambda i: i[1], name=lambda i: str(i[0]), seed=seed
    )


def items_of(sizes):
    """Make (number, tags) with one tag for each: sizes by tag."""
    tags = [tag for tag, size in enumerate(sizes) for _ in range(size)]
    return [(number, (tag,)) for number, tag in enumerate(tags)]


def webster(sizes, count):
    """Give seat after seat to the largest size / (2 seats + 1): the method as in textbooks."""
    seats = [0] * len(sizes)
    for _ in range(count):
        open_ones = [tag for tag in range(len(sizes)) if seats[tag] < sizes[tag]]
        best = max(open_ones, key=lambda tag: Fraction(sizes[tag], 2 * seats[tag] + 1))
        seats[best] += 1
    return sorted(Fraction(seat, size) for seat, size in zip(seats, sizes, strict=True))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.data())
@settings(max_examples=150, derandomize=True, deadline=None)
def test_one_tag_each_is_the_method_of_webster(sizes, data):
    items = items_of(sizes)
    count = data.draw(st.integers(0, len(items)))
    taken = Counter(tags[0] for _, tags in choose(items, count))
    assert sum(taken.values()) == count
    found = sorted(Fraction(taken[tag], size) for tag, size in enumerate(sizes))
    if len(set(sizes)) == len(sizes):
        assert found == webster(sizes, count) or _is_tie(sizes, count)


def _is_tie(sizes, count):
    """Tell whether two tags have the same right to the last seats."""
    rights = sorted(
        (Fraction(size, 2 * seat + 1) for size in sizes for seat in range(size)), reverse=True
    )
    return 0 < count < len(rights) and rights[count - 1] == rights[count]


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 4))), min_size=1, max_size=60),
       st.integers(0, 5))  # fmt: skip
@settings(max_examples=100, derandomize=True, deadline=None)
def test_choice_is_exact_nested_and_free_of_the_order_of_listing(drawn, seed):
    items = [
        (number, (f'drive {drive}', *(f'class {each}' for each in sorted(classes))))
        for number, (drive, classes) in enumerate(drawn)
    ]
    everything = choose(items, len(items), seed)
    assert sorted(everything) == items
    for count in (0, 1, len(items) // 3, len(items) // 2):
        chosen = choose(items[::-1], count, seed)
        assert chosen == everything[:count]


def test_every_drive_and_class_gets_its_share():
    items = [
        (n, (f'drive {n % 4}', *(['class rare'] if n % 10 == 0 else ['class common'])))
        for n in range(400)
    ]
    chosen = choose(items, 40)
    counts = Counter(tag for _, tags in chosen for tag in tags)
    assert counts == {
        **{f'drive {n}': 10 for n in range(4)},
        'class rare': 4,
        'class common': 36,
    }


def test_seeds_choose_differently():
    items = items_of([50, 50])
    assert len({tuple(sorted(choose(items, 5, seed))) for seed in range(4)}) == 4


@pytest.fixture
def labelled(tmp_path):
    """Write 40 synthetic and 300 real labelled images of 3 drives, and 5 without labels."""
    sim = write_extracted(tmp_path / 'sim', 'sim.bag', 40, labels=[f'0{BOX}'])
    for number in range(3):
        folder = tmp_path / 'real' / f'drive{number}'
        labels = [f'0{BOX}', f'0{BOX}1{BOX}', '']
        write_extracted(folder, f'r{number}.bag', 100, first=2000 + 100 * number, labels=labels)
        (folder / 'classes.txt').write_text('car\nperson\n')
    write_plain(tmp_path / 'real' / 'bare', [f'b_{n}.png' for n in range(5)], first=7000)
    return sim, tmp_path / 'real'


def detector(labelled, out, **options):
    chosen = DatasetOptions(layout='detector', gap=Gap(images=2), **options)
    return make_dataset([labelled[0]], [labelled[1]], out, chosen)


def test_detector_set_has_an_exact_share_of_real_images(tmp_path, labelled):
    report = detector(labelled, tmp_path / 'out', real_fraction=0.05)
    share = report.statistics['real_share']
    pool = share['real_labelled_for_training']
    records = report.manifest.records
    real = [r for r in records if r.subset == 'train' and r.domain == 'real']
    assert share['real_used'] == len(real) == pool * 5 // 100
    assert share['synthetic'] == 40 == sum(r.domain == 'sim' for r in records)
    assert share['share_of_mix'] == pytest.approx(len(real) / (len(real) + 40), abs=1e-6)
    held_out = {r.domain for r in records if r.subset in ('val', 'test')}
    assert held_out == {'real'}
    assert max(Counter(r.sequence for r in real).values()) <= len(real) / 3 + 1
    assert report.statistics['left_out']['without labels'] == {'real': 5}
    assert report.statistics['left_out']['real images beyond the share']['real'] == pool - len(
        real
    )


def test_detector_folders_are_what_trainers_expect(tmp_path, labelled):
    out = tmp_path / 'out'
    report = detector(labelled, out)
    described = yaml.safe_load((out / 'data.yaml').read_text())
    assert described == {
        'train': 'images/train',
        'val': 'images/val',
        'test': 'images/test',
        'names': {0: 'car', 1: 'person'},
    }
    files = tree(out)
    images = [name for name in files if name.startswith('images/')]
    assert sorted(images) == sorted(record.file for record in report.manifest.records)
    for name in images:
        assert name.replace('images/', 'labels/', 1).replace('.png', '.txt') in files
    assert len(files) == 2 * len(images) + 5


def test_larger_shares_only_add_images(tmp_path, labelled):
    chosen = []
    for number, share in enumerate((0, 0.05, 0.3)):
        report = detector(labelled, tmp_path / f'out{number}', real_fraction=share)
        chosen.append(
            {
                r.sha256
                for r in report.manifest.records
                if (r.domain, r.subset) == ('real', 'train')
            }
        )
    assert chosen[0] == set()
    assert all(small < large for small, large in pairwise(chosen))


def test_share_of_the_mixed_set(tmp_path, labelled):
    report = detector(labelled, tmp_path / 'out', real_fraction=0.2, real_fraction_of='mix')
    assert report.statistics['real_share']['real_used'] == 10
    assert report.statistics['real_share']['share_of_mix'] == 0.2


def test_detector_needs_labels(tmp_path, labelled):
    bare = write_plain(tmp_path / 'unlabelled', ['x_1.png'])
    options = DatasetOptions(layout='detector')
    with pytest.raises(DataError, match=r'None of the 1 sim images has a label file'):
        make_dataset([bare], [labelled[1]], tmp_path / 'out', options)
    with pytest.raises(DataError, match='tested on real images'):
        make_dataset([labelled[0]], [], tmp_path / 'out', options)


def test_without_validation_the_test_set_takes_its_place(tmp_path, labelled):
    detector(labelled, tmp_path / 'out', val_fraction=0.0)
    described = yaml.safe_load((tmp_path / 'out/data.yaml').read_text())
    assert (described['val'], described['test']) == ('images/test', 'images/test')
