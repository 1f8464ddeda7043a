from dataclasses import replace

import cv2
import numpy as np
import pytest
from dataset_folders import (
    SIZE,
    picture,
    tree,
    write_extracted,
    write_plain,
    write_translated,
)

from sim2real_ros.cli import INCOMPLETE, main
from sim2real_ros.data.dataset import DatasetOptions, Gap, make_dataset
from sim2real_ros.data.dataset.frame_identity import contradict
from sim2real_ros.data.dataset.listing import ListedImage
from sim2real_ros.errors import DataError
from sim2real_ros.files import ManifestRecord, read_manifest

ALIGNED = DatasetOptions(layout='aligned', gap=Gap(images=1))


def read_rgb(path):
    return cv2.imread(str(path))[:, :, ::-1]


def test_aligned_pairs_lie_side_by_side(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 20, labels=['0 .5 .5 .1 .1\n'])
    real = write_translated(tmp_path / 'real', sim, 'cyclegan')
    out = tmp_path / 'out'
    report = make_dataset([sim], [real], out, ALIGNED)
    files = [name for name in tree(out) if name.startswith(('train/', 'test/'))]
    assert len(files) == report.statistics['images']['sim']['train'] + 2
    for name in files:
        number = int(name[-10:-4])
        both = read_rgb(out / name)
        # pytorch-CycleGAN cuts at half the width: the left half is A.
        width = both.shape[1] // 2
        assert np.array_equal(both[:, :width], picture(number))
        assert np.array_equal(both[:, width:], picture(number + 1000))
    assert {record.size for record in report.manifest.records} == {(2 * SIZE[0], SIZE[1])}
    assert {record.labels for record in report.manifest.records} == {()}
    assert any('20 by checksums in the manifest' in each for each in report.statistics['notes'])


def test_pairs_in_two_folders_have_equal_names(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 20, labels=['0 .5 .5 .1 .1\n'])
    real = write_translated(tmp_path / 'real', sim, 'cyclegan')
    out = tmp_path / 'out'
    make_dataset([sim], [real], out, DatasetOptions(layout='paired-folders', gap=Gap(images=1)))
    for subset in ('train', 'test'):
        a, b = (sorted(p.name for p in (out / subset / letter).iterdir()) for letter in 'AB')
        assert a == b
        for name in a:
            label = f'{name[:-4]}.txt'
            assert (out / 'labels' / subset / 'A' / label).is_file()
            assert (out / 'labels' / subset / 'B' / label).is_file()
            assert np.array_equal(
                read_rgb(out / subset / 'B' / name), picture(int(name[:6]) + 1000)
            )


def test_equal_frames_of_a_standing_camera_keep_their_own_partners(tmp_path):
    sim = write_plain(tmp_path / 'sim', [f'a_{n}.png' for n in range(6)])
    for number in (2, 3):
        (sim / f'a_{number}.png').write_bytes((sim / 'a_1.png').read_bytes())
    real = write_plain(tmp_path / 'real', [f'a_{n}.png' for n in range(6)], first=100)
    options = DatasetOptions(layout='aligned', test_fraction=0)
    make_dataset([sim], [real], tmp_path / 'out', options)
    for number, left in ((1, 1), (2, 1), (3, 1), (4, 4)):
        both = read_rgb(tmp_path / 'out/train' / f'a_{number}.png')
        assert np.array_equal(both, np.hstack([picture(left), picture(100 + number)]))


def test_missing_partners_are_reported(tmp_path, capsys):
    sim = write_plain(tmp_path / 'sim', [f'a_{n}.png' for n in range(8)])
    real = write_plain(tmp_path / 'real', [f'a_{n}.jpg' for n in range(2, 10)], first=100)
    arguments = ['make-dataset', '--sim', sim, '--real', real, '--layout', 'aligned']
    arguments += ['--test-fraction', 0, '-o', tmp_path / 'out']
    assert main(list(map(str, arguments))) == INCOMPLETE
    shown = capsys.readouterr()
    for name in ('sim/a_0.png', 'sim/a_1.png', 'real/a_8.jpg', 'real/a_9.jpg'):
        assert name in shown.err
    assert '6 by equal paths' in shown.out


def test_several_partners_are_refused(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 4)
    real = [write_translated(tmp_path / name, sim, name, first=at) for name, at in
            (('one', 100), ('two', 200))]  # fmt: skip
    with pytest.raises(DataError, match='results of one model only'):
        make_dataset([sim], real, tmp_path / 'out', ALIGNED)


def test_pairs_of_two_sizes_are_refused(tmp_path):
    sim = write_plain(tmp_path / 'sim', ['a_1.png', 'a_2.png'])
    write_plain(tmp_path / 'real', ['a_1.png', 'a_2.png'], first=9, size=(16, 16))
    with pytest.raises(DataError, match=r'has 32x24 pixels.*16x16.*resize-images'):
        make_dataset(
            [sim], [tmp_path / 'real'], tmp_path / 'out', replace(ALIGNED, test_fraction=0)
        )


def test_strangers_are_no_pairs(tmp_path):
    sim = write_plain(tmp_path / 'sim', ['a_1.png'])
    real = write_plain(tmp_path / 'real', ['b_2.png'], first=5)
    with pytest.raises(DataError, match='No pair among 1 simulated and 1 real'):
        make_dataset([sim], [real], tmp_path / 'out', ALIGNED)


@pytest.mark.parametrize('layout', ['aligned', 'paired-folders'])
def test_equal_names_of_two_drives_are_no_pairs(tmp_path, layout):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 8)
    real = write_extracted(tmp_path / 'real', 'b.bag', 8, first=50, start_ns=2 * 10**18)
    with pytest.raises(DataError, match=r'8 names are equal.*different moments.*unpaired'):
        make_dataset([sim], [real], tmp_path / 'out', DatasetOptions(layout=layout))


def test_one_moment_in_a_bag_of_another_name_is_a_pair(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 8)
    # Only the first four have the stamps of the simulated ones.
    real = write_extracted(tmp_path / 'real', 'a_real.bag', 8, first=50)
    manifest = read_manifest(real)
    records = [
        replace(record, stamp_ns=record.stamp_ns + (record.index >= 4))
        for record in manifest.records
    ]
    replace(manifest, records=tuple(records)).write(real)
    options = replace(ALIGNED, test_fraction=0)
    report = make_dataset([sim], [real], tmp_path / 'out', options)
    assert any('4 by equal paths' in each for each in report.statistics['notes'])
    reasons = [each.reason for each in report.omissions]
    assert sum('same name, but another stamp' in each for each in reasons) == 4
    assert len(reasons) == 8


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        ({}, False),
        ({'source': 'b.mp4'}, True),
        ({'topic': '/right'}, True),
        ({'index': 4}, True),
        ({'source': 'b.mp4', 'index': None}, False),
    ],
)
def test_sources_decide_where_stamps_are_unknown(tmp_path, change, expected):
    record = ManifestRecord('0.png', '', 0, source='a.mp4', topic='/left', index=3)
    pair = (record, replace(record, **change))
    one, other = (ListedImage(tmp_path, '0.png', '', (), each) for each in pair)
    assert contradict(one, other) is expected
    assert contradict(other, one) is expected
