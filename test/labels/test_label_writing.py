import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from label_cases import shape, square, write_images
from sample_files import write_tree, write_zip

from sim2real_ros.errors import DataError
from sim2real_ros.files import read_manifest
from sim2real_ros.labels import (
    FORMATS,
    ConvertOptions,
    ImageLabels,
    LabelSet,
    LabelSource,
    Part,
    WriteOptions,
    convert_labels,
    read_labels,
    write_labels,
)


def small_set(count: int = 3) -> LabelSet:
    images = tuple(
        ImageLabels(
            f'images/train/a{number}.png', (64, 48), (shape(0, Part(square(4, 4, 20))),), 'train'
        )
        for number in range(count)
    )
    return LabelSet(('a',), images)


def tree_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


@pytest.mark.parametrize('name', FORMATS)
@pytest.mark.parametrize('suffix', ['', '.zip'])
def test_images_are_placed_where_the_format_wants_them(
    tmp_path: Path, name: str, suffix: str
) -> None:
    source = write_images(small_set(), tmp_path / 'source')
    # The labels may have guessed another suffix.
    guessed = LabelSet(
        ('a',),
        tuple(
            ImageLabels(
                labels.image.replace('.png', '.jpg'), labels.size, labels.instances, 'train'
            )
            for labels in small_set().images
        ),
    )
    out = tmp_path / f'out{suffix}'
    report = write_labels(guessed, out, name, images='copy', sources=[source])
    again = read_labels(out)
    assert report.missing == ()
    assert not again.problems
    assert len(again.images) == 3
    for labels, original in zip(again.images, small_set().images, strict=True):
        image = FORMATS[name].image_name(labels)
        content = zipfile.ZipFile(out).read(image) if suffix else (out / image).read_bytes()
        assert content == (source / original.image).read_bytes()


def test_the_manifest_names_images_and_their_labels(tmp_path: Path) -> None:
    source = write_images(small_set(), tmp_path / 'source')
    write_labels(small_set(), tmp_path / 'out', 'yolo', images='link', sources=[source])
    record = read_manifest(tmp_path / 'out').records[1]
    assert record.file == 'images/train/a1.png'
    assert record.labels == ('labels/train/a1.txt',)
    assert (record.size, record.subset) == ((64, 48), 'train')
    linked = (tmp_path / 'out' / record.file).stat()
    assert linked.st_ino == (source / record.file).stat().st_ino


def test_images_that_are_not_there_are_said(tmp_path: Path) -> None:
    source = write_images(small_set(1), tmp_path / 'source')
    report = write_labels(small_set(2), tmp_path / 'out', 'yolo', images='copy', sources=[source])
    assert report.missing == ('images/train/a1.png',)
    manifest = read_manifest(tmp_path / 'out')
    assert [each.where for each in manifest.omissions] == ['images/train/a1.png']
    assert 'labels/train/a1.txt' in manifest.files


@pytest.mark.parametrize('suffix', ['', '.zip', '.json'])
def test_nothing_is_replaced_unless_it_is_asked_for(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f'out{suffix}'
    write_labels(small_set(), out, 'coco')
    other = LabelSet(('b',), small_set().images)
    with pytest.raises(DataError, match='--force'):
        write_labels(other, out, 'coco')
    assert read_labels(out).classes == ('a',)
    write_labels(other, out, 'coco', force=True)
    assert read_labels(out).classes == ('b',)


@pytest.mark.parametrize('suffix', ['', '.zip', '.json'])
def test_a_dry_run_writes_nothing_but_checks(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f'out{suffix}'
    report = write_labels(small_set(), out, 'coco', dry_run=True)
    assert (report.images, report.instances) == (3, 3)
    assert list(tmp_path.iterdir()) == []
    write_labels(small_set(), out, 'coco')
    with pytest.raises(DataError, match='--force'):
        write_labels(LabelSet(('b',), small_set().images), out, 'coco', dry_run=True)


@pytest.mark.parametrize('name', FORMATS)
def test_the_same_labels_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    for number in (1, 2):
        write_labels(small_set(), tmp_path / f'{number}.zip', name)
        write_labels(small_set(), tmp_path / f'{number}', name)
    assert (tmp_path / '1.zip').read_bytes() == (tmp_path / '2.zip').read_bytes()
    assert tree_of(tmp_path / '1') == tree_of(tmp_path / '2')


def test_labels_that_would_share_a_file_are_refused(tmp_path: Path) -> None:
    images = (ImageLabels('a.png', (9, 9)), ImageLabels('A.jpg', (9, 9)))
    with pytest.raises(DataError, match=r"'a\.png' and 'A\.jpg' would both become"):
        write_labels(LabelSet((), images), tmp_path / 'out', 'yolo')


@pytest.mark.parametrize('image', ['../a.png', '/a.png', 'a\0.png', 'a\\b.png', 'a\nb.png'])
@pytest.mark.parametrize('name', FORMATS)
def test_hostile_names_are_never_written(tmp_path: Path, image: str, name: str) -> None:
    out = tmp_path / 'deep' / 'out'
    with pytest.raises(DataError, match=r'refused|control characters'):
        write_labels(LabelSet((), (ImageLabels(image, (9, 9)),)), out, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('arguments', 'found'),
    [
        ({'format': 'voc'}, "unknown format 'voc'"),
        ({'format': 'yolo', 'images': 'move'}, 'unknown treatment'),
        ({'format': 'yolo', 'options': WriteOptions(shapes='x')}, 'unknown kind of shapes'),
        ({'format': 'masks', 'options': WriteOptions(background=256)}, 'no id of an 8-bit mask'),
    ],
)
def test_unknown_choices_are_refused(tmp_path: Path, arguments: dict, found: str) -> None:
    with pytest.raises(DataError, match=found):
        write_labels(small_set(), tmp_path / 'out', **arguments)
    with pytest.raises(DataError, match='only COCO without images'):
        write_labels(small_set(), tmp_path / 'out.json', 'yolo')
    with pytest.raises(DataError, match='unknown format'):
        read_labels(tmp_path, 'voc')
    with pytest.raises(DataError, match='background -2 is no id'):
        read_labels(tmp_path, background=-2)
    for amount in (-1.0, float('nan'), float('inf')):
        options = ConvertOptions('coco', simplify_px=amount)
        with pytest.raises(DataError, match='cannot be simplified'):
            convert_labels(LabelSource(tmp_path), tmp_path / 'out', options)


def test_a_set_without_any_image_is_an_error(tmp_path: Path) -> None:
    path = write_zip(tmp_path / 'a.zip', {'labels/a.txt': '0 .5 .5 1 1\n'})
    with pytest.raises(DataError, match=r'No image with labels.*missing image'):
        convert_labels(LabelSource(path), tmp_path / 'out', ConvertOptions('coco'))


def test_class_names_can_be_given(tmp_path: Path) -> None:
    write_labels(small_set(), tmp_path / 'a.json', 'coco')
    names = write_tree(tmp_path, {'names.txt': '\ufeffdück\n\nroad\n'}) / 'names.txt'
    assert LabelSource(tmp_path / 'a.json', classes=names).read().classes == ('dück', 'road')
    names.write_bytes(b'\n')
    with pytest.raises(DataError, match='0 class names were given'):
        LabelSource(tmp_path / 'a.json', classes=names).read()
    names.write_bytes(b'\xff')
    with pytest.raises(DataError, match='Cannot read the class names'):
        LabelSource(tmp_path / 'a.json', classes=names).read()


def test_polygons_can_be_simplified_on_the_way(tmp_path: Path) -> None:
    from label_cases import blobs

    from sim2real_ros.labels import parts_from_mask

    instance = shape(0, *parts_from_mask(blobs(1, (320, 240), blur=12.0)))
    label_set = LabelSet(('a',), (ImageLabels('a.png', (320, 240), (instance,)),))
    write_labels(label_set, tmp_path / 'a.json', 'coco')
    source = LabelSource(tmp_path / 'a.json')
    convert_labels(source, tmp_path / 'plain', ConvertOptions('yolo'))
    convert_labels(source, tmp_path / 'small', ConvertOptions('yolo', simplify_px=1.0))
    sizes = [(tmp_path / each / 'labels/a.txt').stat().st_size for each in ('plain', 'small')]
    assert sizes[1] < sizes[0] / 2


KILLED = """
import sys
from pathlib import Path
from sim2real_ros.labels import *
def stop(word, done, total):
    if done == 12:
        print('twelve', flush=True)
        sys.stdin.read()
convert_labels(
    LabelSource(Path(sys.argv[1])), sys.argv[2], ConvertOptions('yolo', with_images='copy'),
    progress=stop,
)
"""


def test_a_killed_conversion_goes_on_where_it_was(tmp_path: Path) -> None:
    source = write_images(small_set(30), tmp_path / 'source')
    write_labels(small_set(30), source, 'ultralytics', force=True)
    options = ConvertOptions('yolo', with_images='copy')
    convert_labels(LabelSource(source), tmp_path / 'whole', options)
    command = [sys.executable, '-c', KILLED, str(source), str(tmp_path / 'killed')]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b'twelve\n'
        os.kill(process.pid, signal.SIGKILL)
    first = tmp_path / 'killed/images/train/a0.png'
    written = first.stat().st_mtime_ns
    convert_labels(LabelSource(source), tmp_path / 'killed', options)
    assert tree_of(tmp_path / 'killed') == tree_of(tmp_path / 'whole')
    assert first.stat().st_mtime_ns == written
    again = convert_labels(LabelSource(source), tmp_path / 'killed', options)
    assert again.is_complete
    assert again.written.images == 30
