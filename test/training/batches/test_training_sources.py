import os
import shutil

import numpy as np
import pytest
from batch_cases import SIZE, coded, levels, numbers_of, opened, options, write, write_coded

from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.files import Manifest, ManifestRecord
from sim2real_ros.training.batches.image_file import list_images
from sim2real_ros.training.batches.sources import find_sources


def names(domain):
    return None if domain is None else [file.name for file in domain.files]


def write_root(root, layout, *, count=3, tests=2):
    """Write a data set; the numbers of real images are 100 more than those of sim."""
    for subset, numbers in (('train', range(count)), ('test', range(50, 50 + tests))):
        for number in numbers:
            sim, real = coded(number), coded(100 + number)
            name = f'{number:03d}.png'
            if layout == 'aligned':
                write(root / subset / name, np.hstack([sim, real]))
            else:
                slash = '/' if layout == 'paired-folders' else ''
                write(root / f'{subset}{slash}A' / name, sim)
                write(root / f'{subset}{slash}B' / name, real)
    return str(root)


@pytest.mark.parametrize('layout', ['unpaired', 'paired-folders', 'aligned'])
@pytest.mark.parametrize('kind', ['unpaired', 'paired'])
def test_every_layout_serves_both_kinds(tmp_path, layout, kind):
    root = write_root(tmp_path / 'set', layout)
    data = opened(tmp_path, kind, batch_size=3, root=root, flip=False)
    batch = data.batch(0)
    assert sorted(numbers_of(batch.sim)) == [0, 1, 2]
    assert sorted(numbers_of(batch.real)) == [100, 101, 102]
    if kind == 'paired':
        assert numbers_of(batch.real) == [100 + n for n in numbers_of(batch.sim)]
    assert data.description['layout'] == layout
    assert [int(image[0, 0, 2]) for image in data.held_out_sim] == [50, 51]
    assert [int(image[0, 0, 2]) for image in data.held_out_real] == [150, 151]
    assert data.held_out_sim[0].shape == (*SIZE[::-1], 3)


@pytest.mark.parametrize('layout', ['unpaired', 'paired-folders', 'aligned'])
def test_the_other_direction_swaps_the_domains(tmp_path, layout):
    root = write_root(tmp_path / 'set', layout)
    data = opened(tmp_path, root=root, direction='BtoA')
    assert numbers_of(data.batch(0).sim)[0] >= 100
    assert numbers_of(data.batch(0).real)[0] < 100
    assert [int(image[0, 0, 2]) for image in data.held_out_sim] == [150, 151]


@pytest.mark.parametrize('layout', ['unpaired', 'aligned'])
@pytest.mark.parametrize('empty', [False, True])
def test_without_test_images_training_images_are_looked_at(tmp_path, layout, empty):
    root = write_root(tmp_path / 'set', layout, tests=0)
    if empty:
        for name in ('testA', 'testB', 'test'):
            folder = tmp_path / 'set' / name
            folder.mkdir()
            (folder / '.DS_Store').touch()
    data = opened(tmp_path, root=root)
    assert len(data.held_out_sim) == len(data.held_out_real) == 3
    assert data.description['held_out_sim']['from'] == 'training images'
    assert 'no sim and real images are held out' in data.description['notes'][0]


def test_named_test_folders_come_first(tmp_path):
    root = write_root(tmp_path / 'set', 'unpaired')
    test_sim = str(write_coded(tmp_path / 'more', 4, first=70))
    data = opened(tmp_path, root=root, test_sim=test_sim)
    assert [int(image[0, 0, 2]) for image in data.held_out_sim] == [70, 71, 72, 73]
    assert data.held_out_sim.names == ['070.png', '071.png', '072.png', '073.png']
    assert [int(image[0, 0, 2]) for image in data.held_out_real] == [150, 151]
    assert data.description['held_out_sim']['from'] == 'test images'


def test_test_images_inside_the_training_folder_are_refused(tmp_path):
    write_coded(tmp_path / 'sim/drive', 2)
    write_coded(tmp_path / 'sim/test', 2)
    write_coded(tmp_path / 'real', 2)
    with pytest.raises(ConfigError, match=r"sim/test' lies in .*would be trained on"):
        opened(tmp_path, test_sim=str(tmp_path / 'sim/test'))


def test_one_domain_of_tests_is_no_pair(tmp_path):
    root = write_root(tmp_path / 'set', 'paired-folders')
    shutil.rmtree(tmp_path / 'set/test/B')
    data = opened(tmp_path, 'paired', root=root)
    assert len(data.held_out_sim) == len(data.held_out_real) == 3
    assert 'pairs need both' in data.description['notes'][0]


def test_folders_of_any_depth_and_format_are_read_in_order(tmp_path):
    for name in ('b/z.ppm', 'b/a.tif', 'a.PNG', 'c.tiff', 'b.bmp', 'b-1/x.jpg'):
        write(tmp_path / 'set' / name.replace('PNG', 'png'), coded(1))
    (tmp_path / 'set/a.png').rename(tmp_path / 'set/a.PNG')
    for name in ('masks/m.png', 'b/labels/l.png', '.hidden/h.png', 'b/.x.png'):
        write(tmp_path / 'set' / name, coded(1))
    (tmp_path / 'set/folder.png').mkdir()
    (tmp_path / 'set/notes.txt').touch()
    found = list_images(tmp_path / 'set')
    assert found == ('a.PNG', 'b/a.tif', 'b/z.ppm', 'b-1/x.jpg', 'b.bmp', 'c.tiff')


def test_sheets_that_a_manifest_lists_are_no_images_to_train_on(tmp_path):
    write_coded(tmp_path / 'sim/images', 2)
    write(tmp_path / 'sim/contact_sheet.png', coded(9))
    records = [ManifestRecord(f'images/{n:03d}.png', '0' * 64, 1, SIZE) for n in range(2)]
    Manifest(
        'extract-frames', records=tuple(records), files={'contact_sheet.png': '0' * 64}
    ).write(tmp_path / 'sim')
    assert list_images(tmp_path / 'sim') == ('images/000.png', 'images/001.png')


@pytest.mark.parametrize('suffix', ['.ppm', '.tif', '.bmp'])
@pytest.mark.parametrize('cache', [False, True])
def test_other_formats_hold_the_same_pixels(tmp_path, suffix, cache):
    write_coded(tmp_path / 'sim', 2, size=(200, 180), suffix=suffix)
    write_coded(tmp_path / 'real', 2, size=(200, 180))
    batch = opened(tmp_path, batch_size=2, cache=cache, crop_size=(200, 180)).batch(0)
    assert sorted(numbers_of(batch.sim)) == [0, 1]
    order = np.argsort(numbers_of(batch.sim))
    others = np.argsort(numbers_of(batch.real))
    assert set(levels(batch.sim)[order, ..., 1].ravel()) == set(range(180))
    assert set(levels(batch.real)[others, ..., 1].ravel()) == set(range(180))


def test_circles_of_links_end(tmp_path):
    write_coded(tmp_path / 'sim', 2)
    (tmp_path / 'sim/again').symlink_to(tmp_path / 'sim', target_is_directory=True)
    (tmp_path / 'sim/self.png').symlink_to('self.png')
    (tmp_path / 'linked').symlink_to(tmp_path / 'sim', target_is_directory=True)
    assert list_images(tmp_path / 'sim') == ('000.png', '001.png')
    assert list_images(tmp_path / 'linked') == ('000.png', '001.png')


def test_a_folder_of_linked_folders_is_explained(tmp_path):
    write_coded(tmp_path / 'drive', 2)
    (tmp_path / 'sim').mkdir()
    (tmp_path / 'sim/drive').symlink_to(tmp_path / 'drive', target_is_directory=True)
    with pytest.raises(DataError, match=r"No images in .*sim'.*links to folders"):
        list_images(tmp_path / 'sim')


def test_names_that_are_no_text_can_be_trained_on(tmp_path):
    write_coded(tmp_path / 'sim', 1)
    write_coded(tmp_path / 'real', 1)
    (tmp_path / 'sim/000.png').rename(tmp_path / 'sim' / os.fsdecode(b'\xff.png'))
    data = opened(tmp_path)
    assert numbers_of(data.batch(0).sim) == [0]
    assert data.held_out_sim.names == ['\\udcff.png']
    assert len(data.description['sim']['listing_sha256']) == 64


def test_only_the_first_images_are_used(tmp_path):
    write_coded(tmp_path / 'sim', 5)
    write_coded(tmp_path / 'real', 4, first=100)
    found = find_sources(options(tmp_path, max_images=2), 'unpaired')
    assert names(found.sim) == ['000.png', '001.png']
    assert names(found.real) == ['100.png', '101.png']


def test_partners_are_found_by_name_whatever_the_suffix(tmp_path):
    for number, (sim, real) in enumerate([('a/x.png', 'a/x.bmp'), ('b.v1.png', 'b.v1.png')]):
        write(tmp_path / 'sim' / sim, coded(number))
        write(tmp_path / 'real' / real, coded(100 + number))
    batch = opened(tmp_path, 'paired', batch_size=2).batch(0)
    assert numbers_of(batch.real) == [100 + n for n in numbers_of(batch.sim)]


@pytest.mark.parametrize(
    ('sim', 'real', 'message'),
    [
        ('ab', 'a', r'2 images and .* has 1.*1 of the first \(b\.png\), 0 of the second \(\)'),
        ('ab', 'bc', r'1 of the first \(a\.png\), 1 of the second \(c\.png\).*make-dataset'),
        ('abcdefgh', 'h', r'7 of the first \(a\.png, b\.png, c\.png, d\.png, e\.png \.\.\.\)'),
    ],
)
def test_images_without_partner_are_named(tmp_path, sim, real, message):
    for folder, letters in (('sim', sim), ('real', real)):
        for letter in letters:
            write(tmp_path / folder / f'{letter}.png', coded(1))
    with pytest.raises(DataError, match=message):
        opened(tmp_path, 'paired')


def test_two_partners_are_refused(tmp_path):
    for name in ('sim/a.png', 'sim/a.bmp', 'real/a.png'):
        write(tmp_path / name, coded(1))
    with pytest.raises(DataError, match=r'several images of one name.*\(a\)'):
        opened(tmp_path, 'paired')


@pytest.mark.parametrize(
    ('changes', 'error', 'message'),
    [
        ({'root': 'x', 'sim': 'y'}, ConfigError, 'either root or sim and real'),
        ({'sim': '', 'real': 'y'}, ConfigError, "sim is '', real is 'y'; expected"),
        ({'sim': '', 'real': ''}, ConfigError, 'expected the folder of a data set'),
        ({'root': 'missing'}, DataError, "'missing' does not exist"),
        ({'sim': 'missing'}, DataError, "'missing' does not exist or is no folder"),
    ],
)
def test_missing_folders_are_named(tmp_path, monkeypatch, changes, error, message):
    monkeypatch.chdir(tmp_path)
    write_coded(tmp_path / 'y', 1)
    with pytest.raises(error, match=message):
        opened(tmp_path, **changes)


def test_an_empty_folder_is_named(tmp_path):
    write_coded(tmp_path / 'sim', 1)
    (tmp_path / 'real').mkdir()
    with pytest.raises(DataError, match=r"No images in .*real' or below: expected \.bmp, \.jpeg"):
        opened(tmp_path)


def test_a_folder_that_is_no_data_set_is_described(tmp_path):
    (tmp_path / 'set/images').mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"is no data set: expected trainA/.*\['images'\].*--sim and --real"
    ):
        opened(tmp_path, root=str(tmp_path / 'set'))


def test_a_folder_without_folders_is_described(tmp_path):
    write_coded(tmp_path / 'sim', 1)
    with pytest.raises(DataError, match=r'found no folders\. .* by --sim and --real'):
        opened(tmp_path, root=str(tmp_path / 'sim'))


def test_half_a_data_set_is_refused(tmp_path):
    write_coded(tmp_path / 'set/trainA', 2)
    with pytest.raises(DataError, match=r"trainB' does not exist, while its counterpart does"):
        opened(tmp_path, root=str(tmp_path / 'set'))


def test_the_description_tells_one_list_of_files_from_another(tmp_path):
    def checksum():
        return opened(tmp_path).description['sim']['listing_sha256']

    write_coded(tmp_path / 'sim', 2)
    write_coded(tmp_path / 'real', 2)
    before = checksum()
    os.utime(tmp_path / 'sim/000.png', (1, 1))
    assert checksum() == before
    content = (tmp_path / 'sim/000.png').read_bytes()
    (tmp_path / 'sim/000.png').write_bytes(content + b'\0')
    assert checksum() != before
    (tmp_path / 'sim/000.png').write_bytes(content)
    assert checksum() == before
    (tmp_path / 'sim/000.png').rename(tmp_path / 'sim/002.png')
    assert checksum() != before


@pytest.mark.parametrize(
    ('sim', 'real'), [('a', 'a'), ('a', 'a/b'), ('a/b', 'a'), ('a/../a', 'a')]
)
def test_one_folder_within_the_other_is_refused(tmp_path, sim, real):
    write(tmp_path / 'a/0.png', coded(0))
    write(tmp_path / 'a/b/1.png', coded(1))
    with pytest.raises(ConfigError, match='would belong to both domains'):
        opened(tmp_path, sim=str(tmp_path / sim), real=str(tmp_path / real))
