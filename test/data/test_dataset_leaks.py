"""Nothing that is held out may be seen in training, by any way around."""

from dataclasses import replace
from itertools import combinations

import pytest
from dataset_folders import write_extracted, write_picture, write_plain, write_translated

from sim2real_ros.data.dataset import DatasetOptions, Gap, make_dataset
from sim2real_ros.errors import DataError
from sim2real_ros.files import Manifest, read_manifest

BOX = ' .5 .5 .1 .1\n'


def checksums(report):
    found = {}
    for record in report.manifest.records:
        found.setdefault(record.subset, set()).add(record.sha256)
    return found


def test_copies_in_another_drive_are_in_one_subset_alone(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 's.bag', 10, first=500, labels=[f'0{BOX}'])
    for name in ('one', 'two', 'three'):
        write_extracted(tmp_path / 'real' / name, f'{name}.bag', 60, labels=[f'0{BOX}'])
    options = DatasetOptions(
        layout='detector', real_fraction=1.0, split='blocks', gap=Gap(images=1), val_fraction=0.2
    )
    found = checksums(make_dataset([sim], [tmp_path / 'real'], tmp_path / 'out', options))
    assert set(found) == {'train', 'val', 'test'}
    for one, other in combinations(found.values(), 2):
        assert one.isdisjoint(other)


def test_pairs_with_a_partner_that_is_held_out_leave_the_training_set(tmp_path):
    names = [f'a_{number:02}.png' for number in range(30)]
    sim = write_plain(tmp_path / 'sim', names)
    real = tmp_path / 'real'
    for number, name in enumerate(names):
        # Three frames each look the same in reality, ten frames apart.
        write_picture(real / name, 900 + number % 10)
    options = DatasetOptions(layout='paired-folders', gap=Gap(images=1))
    report = make_dataset([sim], [real], tmp_path / 'out', options)
    found = checksums(report)
    assert found['train'].isdisjoint(found['test'])
    assert report.statistics['left_out']['copies of held out images'] == {'pairs': 6}


def test_order_of_a_drive_is_that_of_the_stamps_in_the_manifest(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 's.bag', 40)
    manifest = read_manifest(sim)
    # Two cameras of one bag are listed one after the other.
    records = tuple(
        replace(record, sequence='s', topic='/left' if number < 20 else '/right',
                stamp_ns=10**18 + number % 20 * 10**8)
        for number, record in enumerate(manifest.records)
    )  # fmt: skip
    Manifest('extract-frames', records=records).write(sim)
    report = make_dataset([sim], [], tmp_path / 'out', DatasetOptions(gap=Gap(images=2)))
    stamps = {'train': set(), 'test': set()}
    for record in report.manifest.records:
        stamps[record.subset].add(record.stamp_ns)
    assert stamps['test']
    assert stamps['test'].isdisjoint(stamps['train'])


def test_images_that_change_while_they_are_copied_are_refused(tmp_path):
    sim = write_plain(tmp_path / 'sim', [f'a_{number}.png' for number in range(6)])

    def change(what, done, total):
        if what == 'checked sim' and done == total:
            write_picture(sim / 'a_3.png', 99)

    with pytest.raises(DataError, match=r"a_3.png' has changed while"):
        make_dataset([sim], [], tmp_path / 'out', DatasetOptions(test_fraction=0), progress=change)


def test_several_results_of_one_frame_go_to_one_side(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 's.bag', 60)
    results = [
        write_translated(tmp_path / name, sim, name, first=first)
        for name, first in (('a', 1000), ('b', 2000))
    ]
    report = make_dataset(results, [], tmp_path / 'out', DatasetOptions(gap=Gap(images=4)))
    moments = {'train': set(), 'test': set()}
    for record in report.manifest.records:
        moments[record.subset].add(record.index)
    assert moments['test']
    assert min(abs(a - b) for a in moments['test'] for b in moments['train']) == 5
