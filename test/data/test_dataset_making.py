import json
import os

import cv2
import numpy as np
import pytest
from dataset_folders import (
    SIZE,
    picture,
    run_and_kill,
    tree,
    write_extracted,
    write_picture,
    write_plain,
)

from sim2real_ros.cli import INCOMPLETE, main
from sim2real_ros.data.dataset import DatasetOptions, Gap, make_dataset
from sim2real_ros.errors import DataError
from sim2real_ros.files import Manifest, ManifestRecord, read_manifest


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def drives(folder, count, length, first=0):
    """Write several drives of plain files: d0_0000.png ..."""
    for number in range(count):
        files = [f'd{number}_{index:04d}.png' for index in range(length)]
        write_plain(folder, files, first=first + number * length)
    return folder


@pytest.fixture
def folders(tmp_path):
    return drives(tmp_path / 'sim', 10, 4), drives(tmp_path / 'real', 10, 3, first=5000)


def test_unpaired_folders_have_every_image_once(tmp_path, folders):
    report = make_dataset([folders[0]], [folders[1]], tmp_path / 'out')
    out = tmp_path / 'out'
    for letter, folder in zip('AB', folders, strict=True):
        train, test = names(out / f'train{letter}'), names(out / f'test{letter}')
        assert sorted(train + test) == names(folder)
        assert {name[:2] for name in train}.isdisjoint(name[:2] for name in test)
        for name in train:
            assert (out / f'train{letter}' / name).read_bytes() == (folder / name).read_bytes()
    assert report.statistics['images'] == {
        'sim': {'train': 36, 'test': 4},
        'real': {'train': 27, 'test': 3},
    }
    assert report.omissions == ()
    # The readers of pytorch-CycleGAN take every image below these folders, so no other may lie
    # there, and all have suffixes that they know.
    assert {path.suffix for path in out.glob('t*[AB]/**/*')} == {'.png'}


def test_manifest_traces_every_image(tmp_path, folders):
    report = make_dataset([folders[0]], [folders[1]], tmp_path / 'out')
    records = read_manifest(tmp_path / 'out').records
    assert records == report.manifest.records
    by_file = {record.file: record for record in records}
    record = by_file.get('trainA/d3_0002.png') or by_file['testA/d3_0002.png']
    assert (record.domain, record.source_name) == ('sim', 'd3_0002.png')
    assert record.source == str(folders[0])
    assert record.sequence == 'sim/d3_'
    assert record.size == SIZE
    assert {r.subset for r in records} == {'train', 'test'}
    assert {r.file[: len(r.subset)] == r.subset for r in records} == {True}


def test_statistics_are_those_of_the_pixels(tmp_path):
    sim = write_plain(tmp_path / 'sim', [f'a_{n}.png' for n in range(5)])
    report = make_dataset([sim], [], tmp_path / 'out', DatasetOptions(test_fraction=0))
    saved = json.loads((tmp_path / 'out' / 'statistics.json').read_text())
    assert saved == report.statistics
    pixels = np.concatenate([picture(n).reshape(-1, 3) for n in range(5)]).astype(np.float64)
    assert saved['colour']['sim']['mean'] == pytest.approx(pixels.mean(axis=0), abs=1e-3)
    assert saved['colour']['sim']['std'] == pytest.approx(pixels.std(axis=0), abs=1e-3)
    assert saved['sizes'] == {'sim': {'32x24': 5}}


def test_drives_of_manifests_are_ordered_by_stamps(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'drive.mcap', 100)
    options = DatasetOptions(split='blocks', gap=Gap(seconds=0.5))
    report = make_dataset([sim], [], tmp_path / 'out', options)
    stamps = {'train': [], 'test': []}
    for record in report.manifest.records:
        stamps[record.subset].append(record.stamp_ns)
        assert record.sequence == 'drive.mcap /camera'
    assert len(stamps['test']) == 10
    nearest = min(abs(a - b) for a in stamps['train'] for b in stamps['test'])
    assert nearest > 500_000_000


def test_labels_masks_and_calibration_go_along(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 6, labels=['0 .5 .5 .1 .1\n', '', None])
    (sim / 'masks').mkdir()
    (sim / 'masks' / '000001.png').write_bytes(b'mask')
    (sim / 'classes.txt').write_text('car\n')
    out = tmp_path / 'out'
    report = make_dataset([sim], [], out, DatasetOptions(test_fraction=0))
    assert names(out / 'labels' / 'trainA') == ['000000.txt', '000001.txt', '000003.txt',
                                                 '000004.txt']  # fmt: skip
    assert (out / 'labels/trainA/000003.txt').read_text() == '0 .5 .5 .1 .1\n'
    assert (out / 'masks/trainA/000001.png').read_bytes() == b'mask'
    assert (out / 'classes.txt').read_text() == 'car\n'
    labels = {record.file: record.labels for record in report.manifest.records}
    assert labels['trainA/000001.png'] == ('labels/trainA/000001.txt', 'masks/trainA/000001.png')
    assert labels['trainA/000002.png'] == ()
    classes = report.statistics['classes']['sim']['train']
    assert classes == {'images_with_labels': 4, 'instances': {'car': 2}}


def test_calibration_files_are_copied_once(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 2)
    (sim / 'camera_info').mkdir()
    (sim / 'camera_info' / 'camera.yaml').write_text('image_width: 32\n')
    manifest = read_manifest(sim)
    lines = [{**r.to_json(), 'camera_info': 'camera_info/camera.yaml'} for r in manifest.records]
    records = tuple(ManifestRecord(**line) for line in lines)
    Manifest('extract-frames', records=records).write(sim)
    report = make_dataset([sim], [], tmp_path / 'out', DatasetOptions(test_fraction=0))
    assert {r.camera_info for r in report.manifest.records} == {'camera_info/camera.yaml'}
    assert (tmp_path / 'out/camera_info/camera.yaml').read_text() == 'image_width: 32\n'


def test_only_labelled_images_on_request(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 6, labels=['', None])
    options = DatasetOptions(test_fraction=0, require_labels=True)
    report = make_dataset([sim], [], tmp_path / 'out', options)
    assert len(report.manifest.records) == 3
    assert report.statistics['left_out'] == {'without labels': {'sim': 3}}


def test_copies_of_test_images_leave_the_training_set(tmp_path):
    sim = drives(tmp_path / 'sim', 10, 4)
    for name in names(sim)[:20]:
        (sim / f'copy_{name}').write_bytes((sim / name).read_bytes())
    real = tmp_path / 'real'
    for number, name in enumerate(names(sim)[-20:]):
        write_picture(real / f'r{number % 5}_{number}.png', number + 9000)
        (real / f'same_{name}').write_bytes((sim / name).read_bytes())
    report = make_dataset([sim], [real], tmp_path / 'out', DatasetOptions(test_fraction=0.3))
    held = {r.sha256 for r in report.manifest.records if r.subset == 'test'}
    train = [r.sha256 for r in report.manifest.records if r.subset == 'train']
    assert held.isdisjoint(train)
    assert sum(report.statistics['left_out']['copies of held out images'].values()) > 0
    assert any('simulated and real at once' in note for note in report.statistics['notes'])


def test_near_duplicates_across_the_border_are_reported(tmp_path):
    sim = write_plain(tmp_path / 'sim', [f'a_{n:03d}.png' for n in range(40)])
    for number in range(40):
        # All alike but for one level in one corner.
        image = picture(1)
        image[0, 0, 0] = number
        content = cv2.imencode('.png', image)[1].tobytes()
        (sim / f'a_{number:03d}.png').write_bytes(content)
    report = make_dataset([sim], [], tmp_path / 'out', DatasetOptions(gap=Gap(images=2)))
    near = report.statistics['near_duplicates']['sim']
    assert near['count'] == report.statistics['images']['sim']['train']
    assert len(near['examples']) == 10


def test_equal_names_get_their_folder_in_front(tmp_path):
    for number, folder in enumerate(('one', 'two')):
        write_plain(tmp_path / folder, ['f_1.png', f'{folder}_2.jpg'], first=number * 10)
    sim = [tmp_path / 'one', tmp_path / 'two']
    make_dataset(sim, [], tmp_path / 'out', DatasetOptions(test_fraction=0))
    place = tmp_path.name.strip('_')
    expected = ['one_2.jpg', 'two_2.jpg', f'{place}_one_f_1.png', f'{place}_two_f_1.png']
    assert names(tmp_path / 'out/trainA') == sorted(expected)


def test_hostile_names_stay_inside(tmp_path):
    sim = tmp_path / 'sim'
    for number, name in enumerate(('%2f..%2fx_1.png', 'a b\n_2.png', 'ünï_3.png', '-rf_4.png')):
        write_picture(sim / name, number)
    out = tmp_path / 'out'
    make_dataset([sim], [], out, DatasetOptions(test_fraction=0))
    assert names(out / 'trainA') == ['-rf_4.png', '2f.._2fx_1.png', 'a_b__2.png', 'ünï_3.png']
    assert sorted(each.name for each in tmp_path.iterdir()) == ['out', 'sim']


def test_names_that_are_no_text_are_left_out_and_said(tmp_path):
    sim = drives(tmp_path / 'sim', 1, 3)
    os.rename(sim / 'd0_0001.png', os.fsencode(sim) + b'/d0_\xff.png')  # noqa: PTH104
    report = make_dataset([sim], [], tmp_path / 'out', DatasetOptions(test_fraction=0))
    (omission,) = report.omissions
    assert omission.reason == 'its name is no UTF-8 text: rename it'
    assert names(tmp_path / 'out/trainA') == ['d0_0000.png', 'd0_0002.png']


def test_label_of_a_manifest_outside_its_folder_is_refused(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 2)
    text = (sim / 'manifest.jsonl').read_text().replace('"topic"', '"labels": ["../x"], "topic"')
    (sim / 'manifest.jsonl').write_text(text)
    with pytest.raises(DataError, match=r'\.\./x.*refused'):
        make_dataset([sim], [], tmp_path / 'out')


def test_unreadable_images_are_left_out_and_said(tmp_path, capsys):
    sim = drives(tmp_path / 'sim', 3, 5)
    (sim / 'd1_0002.png').write_bytes(b'no image')
    (sim / 'd1_0003.png').write_bytes((sim / 'd0_0001.png').read_bytes()[:-20])
    assert main(['make-dataset', '--sim', str(sim), '-o', str(tmp_path / 'out')]) == INCOMPLETE
    shown = capsys.readouterr()
    assert 'd1_0002.png' in shown.err
    assert 'cut off' in shown.err
    assert 'guessed from the numbers' in shown.out
    omissions = read_manifest(tmp_path / 'out').omissions
    assert [each.where[-11:] for each in omissions] == ['d1_0002.png', 'd1_0003.png']


def test_damaged_label_file_leaves_its_image_out(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 4, labels=['0 .5 .5 .1 .1\n'])
    (sim / 'labels/000002.txt').write_text('car 0.5\n')
    report = make_dataset([sim], [], tmp_path / 'out', DatasetOptions(test_fraction=0))
    (omission,) = report.omissions
    assert "line 1 begins with 'car'" in omission.reason
    assert len(report.manifest.records) == 3


def test_classes_that_contradict_each_other_are_refused(tmp_path):
    for name, classes in (('one', 'car\n'), ('two', 'person\ncar\n')):
        folder = write_extracted(tmp_path / name, name, 4, labels=['0 .5 .5 .1 .1\n'])
        (folder / 'classes.txt').write_text(classes)
    with pytest.raises(DataError, match='two things'):
        make_dataset([tmp_path / 'one', tmp_path / 'two'], [], tmp_path / 'out')


@pytest.mark.parametrize(
    ('layout', 'lost'), [('unpaired', '14 of 24 sim'), ('paired-folders', '14 of 24 pairs')]
)
def test_a_gap_that_takes_most_images_is_noted_once(tmp_path, layout, lost):
    sim = drives(tmp_path / 'sim', 1, 24)
    # Of many drives some are held out as a whole, without gaps.
    real = drives(tmp_path / 'real', *((10, 3) if layout == 'unpaired' else (1, 24)), first=900)
    notes = {}
    # Two of the images are held out in the middle, so that the gap lies on both sides.
    for gap in (6, 7):
        options = DatasetOptions(layout, gap=Gap(gap))
        report = make_dataset([sim], [real], tmp_path / 'out', options, dry_run=True)
        assert sum(report.statistics['left_out']['near a border'].values()) == 2 * gap
        notes[gap] = [note for note in report.statistics['notes'] if '--gap' in note]
    assert notes[6] == []
    (note,) = notes[7]
    assert note.startswith(f'more than half is left out near a border ({lost}): a smaller --gap N')
    assert '(now 7 images)' in note


def test_mixed_sizes_are_noted_or_refused(tmp_path):
    sim = write_plain(tmp_path / 'sim', ['a_1.png', 'a_2.png'])
    write_picture(sim / 'a_3.png', 3, size=(16, 8))
    options = DatasetOptions(test_fraction=0)
    report = make_dataset([sim], [], tmp_path / 'out', options, dry_run=True)
    assert any('2 sizes (16x8, 32x24)' in note for note in report.statistics['notes'])
    assert not (tmp_path / 'out').exists()
    with pytest.raises(DataError, match=r'1 images are not of 32x24.*resize-images'):
        make_dataset([sim], [], tmp_path / 'out', DatasetOptions(require_size=(32, 24)))


def test_links_share_their_bytes(tmp_path):
    sim = drives(tmp_path / 'sim', 1, 3)
    options = DatasetOptions(test_fraction=0, link=True)
    make_dataset([sim], [], tmp_path / 'out', options)
    assert (tmp_path / 'out/trainA/d0_0001.png').samefile(sim / 'd0_0001.png')
    make_dataset([sim], [], tmp_path / 'copied', DatasetOptions(test_fraction=0))
    assert tree(tmp_path / 'copied') == tree(tmp_path / 'out')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'layout': 'cubic'}, "layout is 'cubic'"),
        ({'split': 'x'}, "split is 'x'"),
        ({'test_fraction': 1.0}, r'test_fraction is 1\.0'),
        ({'val_fraction': -0.1}, r'val_fraction is -0\.1'),
        ({'gap': Gap(images=-1)}, 'gap is'),
        ({'layout': 'aligned', 'link': True}, 'cannot be links'),
        ({'real_fraction': 0.01}, 'add --layout detector'),
        ({'real_fraction_of': 'mix'}, 'add --layout detector'),
        ({'val_fraction': 0.2, 'layout': 'aligned'}, 'add --layout detector'),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(DataError, match=message):
        DatasetOptions(**options)


def test_inputs_are_checked(tmp_path, folders):
    empty = tmp_path / 'empty'
    empty.mkdir()
    with pytest.raises(DataError, match='No images in'):
        make_dataset([empty], [], tmp_path / 'out')
    with pytest.raises(DataError, match='is no folder'):
        make_dataset([tmp_path / 'missing'], [], tmp_path / 'out')
    with pytest.raises(DataError, match='There are no folders'):
        make_dataset([], [], tmp_path / 'out')
    with pytest.raises(DataError, match='lies in the input'):
        make_dataset([folders[0]], [], folders[0] / 'out')
    with pytest.raises(DataError, match='needs both --sim and --real'):
        make_dataset([folders[0]], [], tmp_path / 'out', DatasetOptions(layout='aligned'))
    (empty / '.sim2real_journal.jsonl').write_text('{}\n')
    with pytest.raises(DataError, match='unfinished'):
        make_dataset([empty], [], tmp_path / 'out')


def test_folders_of_labels_are_not_taken_for_pictures(tmp_path):
    real = tmp_path / 'real'
    write_plain(real / 'images' / 'train', ['a_1.png', 'a_2.png'])
    write_plain(real / 'masks' / 'train', ['a_1.png', 'a_2.png'], first=50)
    (real / 'labels' / 'train').mkdir(parents=True)
    (real / 'labels/train/a_1.txt').write_text('2 .5 .5 1 1\n')
    for number, given in enumerate((real, real / 'images', real / 'images' / 'train')):
        out = tmp_path / f'out{number}'
        report = make_dataset([], [given], out, DatasetOptions(test_fraction=0))
        assert names(out / 'trainB') == ['a_1.png', 'a_2.png']
        assert (out / 'labels/trainB/a_1.txt').read_text() == '2 .5 .5 1 1\n'
        assert names(out / 'masks/trainB') == ['a_1.png', 'a_2.png']
        assert report.statistics['classes']['real']['train']['instances'] == {'class_2': 1}


def test_same_command_again_changes_nothing_and_other_options_are_refused(tmp_path, folders):
    out = tmp_path / 'out'
    make_dataset([folders[0]], [folders[1]], out)
    before = tree(out)
    assert make_dataset([folders[0]], [folders[1]], out).was_complete
    with pytest.raises(DataError, match='--force'):
        make_dataset([folders[0]], [folders[1]], out, DatasetOptions(seed=1))
    make_dataset([folders[0]], [folders[1]], out, DatasetOptions(seed=1), force=True)
    assert tree(out) != before
    make_dataset([folders[0]], [folders[1]], out, force=True)
    assert tree(out) == before


def test_changed_labels_beside_the_folder_are_noticed(tmp_path):
    real = tmp_path / 'real'
    write_plain(real / 'images', ['a_1.png', 'a_2.png'])
    (real / 'labels').mkdir()
    (real / 'labels/a_1.txt').write_text('0 .5 .5 1 1\n')
    options = DatasetOptions(test_fraction=0)
    make_dataset([], [real / 'images'], tmp_path / 'out', options)
    (real / 'labels/a_1.txt').write_text('0 .5 .5 1 1\n1 .5 .5 1 1\n')
    with pytest.raises(DataError, match='other input'):
        make_dataset([], [real / 'images'], tmp_path / 'out', options)


@pytest.mark.parametrize('commits', [1, 17])
def test_killed_run_is_taken_up_again(tmp_path, folders, commits):
    arguments = ['make-dataset', '--sim', folders[0], '--real', folders[1], '--jobs', 2, '-o']
    arguments = list(map(str, arguments))
    killed, whole = tmp_path / 'killed', tmp_path / 'whole'
    run_and_kill([*arguments, killed], killed, commits)
    assert main([*arguments, str(killed)]) == 0
    assert main([*arguments, str(whole)]) == 0
    assert tree(killed) == tree(whole)
