import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim2real_ros.cli import INCOMPLETE, main
from sim2real_ros.labels import FORMATS, read_labels


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    folder = tmp_path / 'set'
    for name in ('images', 'labels'):
        (folder / name).mkdir(parents=True)
    for name in 'ab':
        picture = np.full((100, 200, 3), 90, np.uint8)
        cv2.imwrite(str(folder / f'images/{name}.png'), picture)
        (folder / f'labels/{name}.txt').write_text('0 0.5 0.5 0.1 0.2\n')
    (folder / 'classes.txt').write_text('duck\n')
    return folder


@pytest.mark.parametrize('name', FORMATS)
def test_convert_writes_every_format(data_set: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / 'out'
    arguments = ['convert', str(data_set), '--to', name, '--with-images', 'copy', '-o', str(out)]
    assert main(['labels', *arguments]) == 0
    label_set = read_labels(out)
    assert label_set.classes == ('duck',)
    assert [labels.instances[0].box for labels in label_set.images] == [(90, 40, 110, 60)] * 2
    # The same command again finds everything done.
    assert main(['labels', *arguments]) == 0
    assert main(['labels', *arguments[:-1], str(out), '--shapes', 'boxes']) == 1


def test_convert_says_what_is_lost_and_left_out(
    data_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data_set / 'labels/a.txt').write_text('0 .1 .1 .2 .1 .2 .2\n0 .5 x .1 .1\n')
    out = tmp_path / 'out.zip'
    assert (
        main(['labels', 'convert', str(data_set), '--to', 'yolo-1.1', '-o', str(out)])
        == INCOMPLETE
    )
    printed = capsys.readouterr().out
    assert "labels/a.txt:2: unreadable: 'x' is no number" in printed
    assert 'lost: 1 polygons are written as boxes' in printed
    assert '2 instances in 2 images' in printed


def test_a_dry_run_writes_nothing(data_set: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob('*'))
    for action in (['convert', '--to', 'coco'], ['draw']):
        rest = [str(data_set), '-o', str(tmp_path / 'x'), '--dry-run']
        assert main(['labels', *action, *rest]) == 0
    assert sorted(tmp_path.rglob('*')) == before


def test_check_tells_right_from_wrong(data_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['labels', 'check', str(data_set)]) == 0
    assert '2 instances of 1 classes in 2 images: no problems' in capsys.readouterr().out
    (data_set / 'labels/b.txt').write_text('0 0.5 0.5 0 0.2\n')
    assert main(['labels', 'check', str(data_set)]) == INCOMPLETE
    assert 'labels/b.txt:1: degenerate' in capsys.readouterr().out


def test_draw_makes_a_picture_of_every_image(data_set: Path, tmp_path: Path) -> None:
    out = tmp_path / 'pictures'
    assert main(['labels', 'draw', str(data_set), '-o', str(out), '--jobs', '1']) == 0
    assert sorted(path.name for path in out.rglob('*.jpg')) == ['a_png.jpg', 'b_png.jpg']


def test_names_and_background_are_passed_on(data_set: Path, tmp_path: Path) -> None:
    names = tmp_path / 'names.txt'
    names.write_text('утка\n')
    out = tmp_path / 'out'
    options = ['--classes', str(names), '--background', '255']
    assert (
        main(['labels', 'convert', str(data_set), '--to', 'masks', '-o', str(out), *options]) == 0
    )
    description = json.loads((out / 'masks.json').read_bytes())
    assert description == {'background': 255, 'classes': {'0': 'утка'}}


@pytest.mark.parametrize('arguments', [[], ['convert', 'x', '-o', 'y'], ['paint', 'x'], ['check']])
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    assert main(['labels', *arguments]) == 2


@pytest.mark.parametrize('path', ['missing', 'set/images'])
def test_what_cannot_be_read_at_all_is_an_error(
    data_set: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['labels', 'check', str(data_set.parent / path)]) == 1
    assert capsys.readouterr().err.startswith('error: ')


def test_a_folder_without_images_is_told(
    data_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = 'no images are copied: --with-images copy'
    for name, out, more, is_told in (
        ('yolo', 'a', (), True),
        ('yolo', 'b', ('--with-images', 'copy'), False),
        ('yolo', 'c.zip', (), False),
        ('coco', 'd', (), False),
    ):
        arguments = [str(data_set), '--to', name, '-o', str(tmp_path / out), *more]
        assert main(['labels', 'convert', *arguments]) == 0
        assert (note in capsys.readouterr().out) == is_told
    assert main(['boxes-to-masks', str(tmp_path / 'a'), '-o', str(tmp_path / 'm')]) == 1
    printed = capsys.readouterr().err.lower()
    assert "'images/a.*'" in printed
    assert printed.count('say where the images are') == 1


def test_images_without_labels_are_told_first(
    data_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['labels', 'check', str(data_set / 'images')]) == 1
    assert capsys.readouterr().err.startswith('error: 2 images were found, but no labels: ')


@pytest.mark.parametrize('action', ['convert', 'check', 'draw'])
def test_every_option_has_a_help_text(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['labels', action, '--help']) == 0
    options = capsys.readouterr().out.partition('options:')[2].split('\n  -')[1:]
    assert all(len(each.replace('\n', '  ').split('  ', 1)[1].split()) > 1 for each in options)
    assert ('for CVAT: ultralytics, or yolo-1.1' in ' '.join(options)) == (action == 'convert')
