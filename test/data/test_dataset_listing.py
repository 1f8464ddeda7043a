"""Which images and labels are found does not depend on where the folders lie."""

import pytest
from dataset_folders import write_extracted, write_plain, write_translated

from sim2real_ros.cli import main
from sim2real_ros.data.collection import CollectOptions, collect
from sim2real_ros.data.dataset import DatasetOptions, make_dataset
from sim2real_ros.data.dataset.listing import list_images
from sim2real_ros.errors import DataError
from sim2real_ros.files import Manifest, ManifestRecord

NAMES = [f'{number:04d}.png' for number in range(60)]


def held_out(folder):
    return sorted(path.name for path in (folder / 'testA').iterdir())


def test_split_does_not_depend_on_the_place(tmp_path, monkeypatch):
    results = []
    for place in ('one', 'other/deeper'):
        folder = tmp_path / place
        write_plain(folder / 'drive', NAMES)
        make_dataset([folder / 'drive'], [], folder / 'absolute')
        results.append(held_out(folder / 'absolute'))
        monkeypatch.chdir(folder)
        make_dataset([type(folder)('drive')], [], type(folder)('relative'))
        results.append(held_out(folder / 'relative'))
    assert results[1:] == results[:-1]


def test_drives_of_folders_of_one_name_are_told_apart(tmp_path):
    folders = [write_plain(tmp_path / day / 'left', NAMES[:3]) for day in ('mon', 'tue')]
    folders.append(write_plain(tmp_path / 'mon/right', NAMES[:3]))
    found = {image.sequence for image in list_images(folders).images}
    assert found == {'mon/left/', 'tue/left/', 'mon/right/'}


@pytest.mark.parametrize('kind', ['labels', 'masks'])
def test_own_labels_count_in_a_folder_below_one_that_is_called_images(tmp_path, kind):
    folder = write_plain(tmp_path / 'images/drive', ['a_1.png', 'a_2.png'])
    (folder / kind).mkdir()
    name = 'a_1.txt' if kind == 'labels' else 'a_1.png'
    (folder / kind / name).write_text('0 .5 .5 .1 .1\n')
    make_dataset([folder], [], tmp_path / 'out', DatasetOptions(test_fraction=0))
    assert [path.name for path in (tmp_path / 'out' / kind / 'trainA').iterdir()] == [name]


def test_label_link_that_leaves_its_folder_is_refused(tmp_path):
    folder = write_plain(tmp_path / 'sim', ['a_1.png', 'a_2.png'])
    (tmp_path / 'secret.txt').write_text('0 .5 .5 .1 .1\n')
    (folder / 'labels').mkdir()
    (folder / 'labels/a_1.txt').symlink_to(tmp_path / 'secret.txt')
    report = make_dataset([folder], [], tmp_path / 'out', DatasetOptions(test_fraction=0))
    (omission,) = report.omissions
    assert 'by a symbolic link' in omission.reason
    assert not (tmp_path / 'out/labels').exists()


def test_grouped_results_are_no_simulated_images(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 3)
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    grouped, flat = tmp_path / 'grouped', tmp_path / 'flat'
    collect([result], grouped, CollectOptions(mode='group'), sim=[sim])
    for folder in (grouped, grouped / '000001', tmp_path):
        with pytest.raises(DataError, match=r'grouped for comparison.*--flat'):
            list_images([folder])
    collect([result], flat, CollectOptions(mode='flat'), sim=[sim])
    assert len(list_images([flat]).images) == 3


def test_by_products_of_a_manifest_are_no_images(tmp_path):
    folder = write_plain(tmp_path / 'set', ['images/a_1.png', 'previews/p.png', 'more/b_2.png'])
    files = {'previews/p.png': '', 'more/sheet.png': ''}
    write_plain(folder, ['more/sheet.png'])
    Manifest('x', files=files, records=(ManifestRecord('images/a_1.png', '', 0),)).write(folder)
    with pytest.raises(DataError, match='No images in'):
        list_images([folder / 'previews'])
    assert [image.path.name for image in list_images([folder / 'more']).images] == ['b_2.png']


def test_texts_and_single_folders_are_taken_as_paths(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 3)
    result = write_translated(tmp_path / 'result', sim, 'cyclegan')
    options = DatasetOptions(test_fraction=0)
    report = make_dataset([str(sim)], str(result), str(tmp_path / 'set'), options)
    assert len(report.manifest.records) == 6
    report = collect([str(result)], str(tmp_path / 'flat'), sim=str(sim))
    assert len(report.matching.frames) == 3


def test_help_says_what_is_the_default(capsys):
    assert main(['make-dataset', '--help']) == 0
    shown = ' '.join(capsys.readouterr().out.split())
    for default in ('held out (default: 0.1)', 'suits (default: auto)', 'block (default: 10)'):
        assert default in shown
