"""Masks, contact sheets and previews beside the images of a set are none of its images."""

import cv2
import numpy as np
import pytest
from extract_cases import names_in, picture, simple_bag

from sim2real_ros import cli
from sim2real_ros.data import open_source
from sim2real_ros.data.extraction import ExtractOptions, extract_frames
from sim2real_ros.data.resizing import ResizeOptions, resize_images
from sim2real_ros.errors import DataError
from sim2real_ros.files import Manifest, ManifestRecord, sha256_of_file

IDS = np.kron(np.array([[1, 2], [3, 1004]], np.uint16), np.ones((24, 32), np.uint16))
SMALL = ResizeOptions((30, 20))


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def masked_set(folder, data='path: .\nnames: [a]\n'):
    """A folder as boxes-to-masks leaves it, with a contact sheet as of make-dataset."""
    for number, name in enumerate(('images/a.png', 'previews/a.png', 'contact_sheet.png')):
        write(folder / name, picture(number))
    write(folder / 'instances/a.png', IDS)
    write(folder / 'masks/a.png', (IDS % 256).astype(np.uint8))
    (folder / 'data.yaml').write_text(data)
    (folder / 'masks.json').write_text('{}\n')
    sha256 = sha256_of_file(folder / 'images/a.png')
    labels = ('masks/a.png', 'instances/a.png')
    extras = ('contact_sheet.png', 'data.yaml', 'masks.json', 'previews/a.png')
    record = ManifestRecord('images/a.png', sha256, 1, labels=labels)
    Manifest('boxes-to-masks', files=dict.fromkeys(extras, ''), records=(record,)).write(folder)
    return folder


@pytest.mark.parametrize('name', ['mask', 'masks', 'Masks', 'instances'])
def test_resizing_mixes_no_ids_in_folders_of_masks(tmp_path, name):
    write(tmp_path / 'in/images/a.png', picture(0))
    write(tmp_path / f'in/{name}/a.png', IDS)
    manifest = resize_images(tmp_path / 'in', tmp_path / 'out', SMALL)
    assert [each.file for each in manifest.records] == ['images/a.png']
    assert manifest.omissions == ()
    found = cv2.imread(str(tmp_path / f'out/{name}/a.png'), cv2.IMREAD_UNCHANGED)
    assert (found.dtype, found.shape) == (np.uint16, (20, 30))
    assert set(np.unique(found)) == {1, 2, 3, 1004}


def test_resizing_leaves_sheets_and_keeps_what_belongs_to_the_set(tmp_path):
    folder = masked_set(tmp_path / 'in')
    manifest = resize_images(folder, tmp_path / 'out', SMALL)
    assert names_in(tmp_path / 'out') == [
        'data.yaml', 'images/a.png', 'instances/a.png', 'manifest.jsonl', 'masks.json',
        'masks/a.png',
    ]  # fmt: skip
    assert manifest.omissions == ()
    (record,) = manifest.records
    assert set(record.labels) == {'masks/a.png', 'instances/a.png'}
    for name in ('data.yaml', 'masks.json'):
        assert (tmp_path / 'out' / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(('place', 'is_noted'), [('/far/away', True), ('images', False)])
def test_a_data_yaml_that_leads_elsewhere_is_noted(tmp_path, capsys, place, is_noted):
    folder = masked_set(tmp_path / 'in', f'train: {place}\n')
    assert cli.main(['resize-images', str(folder), '-o', str(tmp_path / 'out')]) == 0
    said = capsys.readouterr().out
    assert ("'data.yaml' is copied and names '/far/away'" in said) == is_noted
    assert 'note: 2 pictures that the manifest lists beside its images are left out' in said


@pytest.mark.parametrize('inside', ['', 'set'])
def test_extraction_takes_only_the_pictures_of_a_set(tmp_path, inside):
    masked_set(tmp_path / 'in' / inside)
    for name in ('mask', 'labels'):
        write(tmp_path / 'in' / name / 'm.png', picture(4))
    manifest = extract_frames([tmp_path / 'in'], tmp_path / 'out')
    assert [each.source_name.removeprefix('set/') for each in manifest.records] == ['images/a.png']
    assert manifest.omissions == ()


def test_the_manifest_of_another_program_says_nothing(tmp_path):
    write(tmp_path / 'in/a.png', picture(0))
    (tmp_path / 'in/manifest.jsonl').write_text('{"audio": "a.wav"}\n')
    assert [frame.name for frame in open_source(tmp_path / 'in')] == ['a.png']


def test_colours_are_fitted_to_folders_of_extract_frames(tmp_path, capsys):
    for number, name in enumerate(('sim', 'real')):
        write(tmp_path / 'raw' / name / 'a.png', picture(number))
        extract_frames([tmp_path / 'raw' / name], tmp_path / name)
        assert (tmp_path / name / 'images').is_dir()
    write(tmp_path / 'sim/masks/a.png', picture(5))
    arguments = ['--sim', str(tmp_path / 'sim'), '--real', str(tmp_path / 'real')]
    assert cli.main(['fit-colour', *arguments, '-o', str(tmp_path / 'm.onnx')]) == 0
    assert (tmp_path / 'm.onnx').is_file()
    assert 'sim 1/1 frames' in capsys.readouterr().err


@pytest.mark.parametrize('options', [{}, {'topics': ('/camera',)}, {'rate_hz': 1.0}])
def test_a_folder_of_bags_asks_for_their_names(tmp_path, options):
    simple_bag(tmp_path / 'bags/b', 1)
    (tmp_path / 'bags/a.bag').write_bytes(b'')
    with pytest.raises(DataError, match=r'contains 2 bags \(a\.bag, b/\): name them'):
        extract_frames([tmp_path / 'bags'], tmp_path / 'out', ExtractOptions(**options))
    write(tmp_path / 'bags/a.png', picture(0))
    if not options:
        assert len(extract_frames([tmp_path / 'bags'], tmp_path / 'out').records) == 1
