from pathlib import Path

import pytest
import yaml
from label_cases import shape, square
from sample_files import picture, write_tree, write_zip

from sim2real_ros.errors import DataError
from sim2real_ros.labels import (
    ImageLabels,
    Instance,
    LabelSet,
    Part,
    WriteOptions,
    read_labels,
    sniff_format,
    write_labels,
)

BOX = '0 0.5 0.5 0.1 0.2\n'
PIXELS = (90, 40, 110, 60)


def images_of(label_set: LabelSet) -> dict[str, tuple[str, list[tuple[float, ...]]]]:
    return {
        labels.image: (labels.subset, [each.box for each in labels.instances])
        for labels in label_set.images
    }


# As https://docs.ultralytics.com/datasets/detect shows it, with names as a map and comments.
ULTRALYTICS = {
    'data.yaml': """# COCO8 data set
path: ../datasets/coco8 # dataset root dir
train: images/train # train images (relative to 'path')
val: images/val
test: # optional

# Classes
names:
  0: person
  1: traffic light

download: https://example.org/coco8.zip
""",
    'images/train/1.jpg': picture(),
    'images/train/deep/2.png': picture(),
    'images/val/3.png': picture(),
    'labels/train/1.txt': BOX,
    'labels/train/deep/2.txt': '',
    'labels/val/3.txt': '1 0.5 0.5 0.1 0.2\n',
}


@pytest.mark.parametrize('kind', ['folder', 'zip', 'zip of a folder'])
def test_a_data_set_as_ultralytics_documents_it(tmp_path: Path, kind: str) -> None:
    if kind == 'folder':
        path = write_tree(tmp_path / 'set', ULTRALYTICS)
    else:
        prefix = 'coco8/' if kind == 'zip of a folder' else ''
        path = write_zip(tmp_path / 'a.zip', {prefix + k: v for k, v in ULTRALYTICS.items()})
    label_set = read_labels(path)
    assert sniff_format(path) == 'yolo'
    assert label_set.classes == ('person', 'traffic light')
    assert images_of(label_set) == {
        'images/train/1.jpg': ('train', [PIXELS]),
        'images/train/deep/2.png': ('train', []),
        'images/val/3.png': ('val', [PIXELS]),
    }
    assert not label_set.problems
    assert label_set.images[2].instances[0].class_id == 1


def test_roboflow_puts_the_subset_first_and_says_dots(tmp_path: Path) -> None:
    path = write_tree(
        tmp_path,
        {
            'data.yaml': "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['duck']\n",
            'train/images/a.png': picture(),
            'train/labels/a.txt': BOX,
            'valid/images/b.png': picture(),
            'valid/labels/b.txt': BOX,
        },
    )
    assert images_of(read_labels(path)) == {
        'train/images/a.png': ('train', [PIXELS]),
        'valid/images/b.png': ('val', [PIXELS]),
    }


# As https://docs.cvat.ai/docs/dataset_management/formats/format-yolo-ultralytics shows it.
CVAT = {
    'data.yaml': 'path:  ./ # dataset root dir\ntrain: train.txt\n\nnames:\n  0: cat\n  1: dog\n',
    'train.txt': 'images/train/frame_000001.png\nimages/train/frame_000002.png\n',
    'labels/train/frame_000001.txt': '1 0.1 0.1 0.3 0.1 0.3 0.3\n',
}


def test_an_export_of_cvat_without_images_takes_them_from_a_folder(tmp_path: Path) -> None:
    path = write_zip(tmp_path / 'export.zip', CVAT)
    frames = write_tree(
        tmp_path / 'frames', {'frame_000001.jpg': picture(), 'frame_000002.png': picture()}
    )
    label_set = read_labels(path, images=frames)
    assert sniff_format(path) == 'ultralytics'
    # No label file means that there is nothing in the image.
    assert [len(labels.instances) for labels in label_set.images] == [1, 0]
    assert [problem.kind for problem in label_set.problems] == ['missing labels']
    assert label_set.images[0].image == 'images/train/frame_000001.jpg'
    assert label_set.images[0].instances[0].parts[0].outline[0] == pytest.approx((20, 10))


def test_images_in_a_folder_more_are_found_by_the_ends_of_their_paths(tmp_path: Path) -> None:
    files = {'data.yaml': 'train: [train.txt]\nval: [val.txt]\nnames: [a]\n'}
    pictures = {}
    for number, subset in enumerate(('train', 'val')):
        files[f'{subset}.txt'] = f'images/{subset}/a.png\n'
        files[f'labels/{subset}/a.txt'] = BOX
        pictures[f'drive/{subset}/a.png'] = picture(200, 100 + number)
    path = write_zip(tmp_path / 'export.zip', files)
    frames = write_tree(tmp_path / 'frames', pictures)
    label_set = read_labels(path, images=frames)
    assert [labels.size for labels in label_set.images] == [(200, 100), (200, 101)]
    # Two that fit equally well are none.
    write_tree(frames, {'other/train/a.png': picture()})
    (problem,) = read_labels(path, images=frames).problems
    assert (problem.kind, problem.file) == ('missing image', 'labels/train/a.txt')


def test_an_export_without_images_says_that_they_are_needed(tmp_path: Path) -> None:
    label_set = read_labels(write_zip(tmp_path / 'export.zip', CVAT))
    assert not label_set.images
    assert {problem.kind for problem in label_set.problems} == {'missing image'}
    assert 'say where the images are' in label_set.problems[0].text


@pytest.mark.parametrize(
    'lines',
    [
        './images/train/a.png',
        'images/train/a.png',
        'data/images/train/a.png',
        '/home/somebody/set/images/train/a.png',
        'C:\\sets\\images\\train\\a.png',
        '\ufeffimages/train/a.png\r\n\r\n',
    ],
)
def test_lists_of_images_as_tools_write_them(tmp_path: Path, lines: str) -> None:
    files = {'data.yaml': 'train: [train.txt]\nnames: [a]\n', 'train.txt': lines}
    files |= {'images/train/a.png': picture(), 'labels/train/a.txt': BOX}
    path = write_tree(tmp_path, files)
    assert images_of(read_labels(path)) == {'images/train/a.png': ('train', [PIXELS])}


def test_an_image_in_two_subsets_counts_once(tmp_path: Path) -> None:
    files = {'data.yaml': 'train: images\nval: images\nnames: [a]\n'}
    path = write_tree(tmp_path, files | {'images/a.png': picture(), 'labels/a.txt': BOX})
    assert images_of(read_labels(path)) == {'images/a.png': ('train', [PIXELS])}


def test_folders_without_a_description(tmp_path: Path) -> None:
    files = {'images/a.png': picture(), 'labels/a.txt': BOX, 'classes.txt': 'duck\n\nroad\n'}
    files |= {'masks/a.png': picture(), 'trainA/b.png': picture(), 'labels/trainA/b.txt': BOX}
    label_set = read_labels(write_tree(tmp_path / 'one', files))
    assert label_set.classes == ('duck', 'road')
    assert images_of(label_set) == {'images/a.png': ('', [PIXELS]), 'trainA/b.png': ('', [PIXELS])}
    beside = read_labels(
        write_tree(tmp_path / 'two', {'x.png': picture(), 'x.txt': '3' + BOX[1:]})
    )
    assert beside.classes == ('class_0', 'class_1', 'class_2', 'class_3')
    assert images_of(beside) == {'x.png': ('', [PIXELS])}


@pytest.mark.parametrize('root', ['/home/somebody/set/', 'C:\\sets\\', './', ''])
@pytest.mark.parametrize('kind', ['lists', 'folders'])
def test_places_on_another_machine_are_found_by_their_ends(
    tmp_path: Path, root: str, kind: str
) -> None:
    places = ('1.txt', '2.txt') if kind == 'lists' else ('x/1', 'x/2')
    files = {'1.txt': 'x/1/a.png\n', '2.txt': 'x/2/b.png\n'}
    for name in ('x/1/a', 'x/2/b', 'x/3/c'):
        files |= {f'{name}.png': picture(), f'{name}.txt': BOX}
    files['data.yaml'] = f"train: '{root}{places[0]}'\nval: '{root}{places[1]}'\nnames: [a]\n"
    assert images_of(read_labels(write_tree(tmp_path, files))) == {
        'x/1/a.png': ('train', [PIXELS]),
        'x/2/b.png': ('val', [PIXELS]),
    }


@pytest.mark.parametrize('place', ['a/../images', '/', 'elsewhere/images', '/home/me/pictures'])
def test_a_place_that_is_not_here_is_no_other_one(tmp_path: Path, place: str) -> None:
    files = {'data.yaml': f'train: {place}\nnames: [a]\n', 'images/a.png': picture()}
    files['a/images/b.png'] = picture()
    label_set = read_labels(write_tree(tmp_path, files))
    assert not label_set.images
    assert [each.text[:7] for each in label_set.problems] == ['train: ']


@pytest.mark.parametrize(
    'label', ['boxes/a.txt', 'labels/train/a.txt', 'x/y/a.txt', 'labels/a.TXT']
)
def test_labels_in_a_folder_of_any_name_find_their_image(tmp_path: Path, label: str) -> None:
    files = {'images/a.png': picture(), label: BOX, 'images/classes.txt': 'duck\n'}
    label_set = read_labels(write_tree(tmp_path, files))
    assert images_of(label_set) == {'images/a.png': ('', [PIXELS])}
    assert not label_set.problems


def test_label_files_that_are_not_read_are_told(tmp_path: Path) -> None:
    files = {'images/a.png': picture(), 'labels/a.txt': BOX}
    second = files | {'images/a.txt': BOX * 2, 'labels/gone.txt': BOX}
    scanned = read_labels(write_tree(tmp_path / 'scanned', second))
    assert images_of(scanned) == {'images/a.png': ('', [PIXELS])}
    assert [(each.kind, each.file) for each in scanned.problems] == [
        ('missing image', 'labels/gone.txt'),
        ('unused', 'images/a.txt'),
    ]
    files = {'data.yaml': 'train: images/train\nnames: [a]\n', 'notes.txt': 'x'}
    for name in ('train/a', 'test/b'):
        files |= {f'images/{name}.png': picture(), f'labels/{name}.txt': BOX}
    named = read_labels(write_tree(tmp_path / 'named', files))
    assert images_of(named) == {'images/train/a.png': ('train', [PIXELS])}
    assert [(each.kind, each.file, each.is_warning) for each in named.problems] == [
        ('unused', 'labels/test/b.txt', True)
    ]


def test_two_label_files_of_one_image_are_told(tmp_path: Path) -> None:
    files = {'data.yaml': 'train: [one.txt, two.txt]\nnames: [a]\n', 'pics/a.png': picture()}
    files |= {'one.txt': 'x/a.png\n', 'x/a.txt': BOX, 'two.txt': 'y/a.png\n', 'y/a.txt': BOX}
    label_set = read_labels(write_tree(tmp_path, files))
    assert images_of(label_set) == {'pics/a.png': ('train', [PIXELS])}
    (problem,) = label_set.problems
    assert (problem.kind, problem.file) == ('unused', 'y/a.txt')
    assert "other labels, 'x/a.txt'" in problem.text


def test_names_with_gaps_move_together_and_ids_follow(tmp_path: Path) -> None:
    files = {'data.yaml': 'train: images\nnames: {7: b, 2: a}\n', 'images/a.png': picture()}
    text = '7' + BOX[1:] + '2' + BOX[1:] + '3' + BOX[1:]
    label_set = read_labels(write_tree(tmp_path, files | {'labels/a.txt': text}))
    assert label_set.classes == ('a', 'b')
    assert [each.class_id for each in label_set.images[0].instances] == [1, 0]
    (problem,) = label_set.problems
    assert (problem.kind, problem.file, problem.line) == ('unknown class', 'labels/a.txt', 3)


@pytest.mark.parametrize(
    ('text', 'found'),
    [
        ('names: [a\n', 'not valid YAML'),
        ('a: &x [1]\nb: *x\n', 'aliases'),
        ('train: images\nnames: 5\n', '`names`'),
        ('train: images\nnames: {x: a}\n', 'no whole number'),
        ('train: images\nnames: ["a\\nb"]\n', 'no text of one line'),
        ('train: images\nnames: [[1]]\n', 'no text of one line'),
        ('kpt_shape: [17, 3]\nnames: [a]\n', 'describes poses'),
        ('- a\n', 'expected keys and values'),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str, found: str
) -> None:
    with pytest.raises(DataError, match=found):
        read_labels(write_tree(tmp_path, {'data.yaml': text, 'images/a.png': picture()}))


def test_a_subset_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    files = {'data.yaml': 'train: images\nval: elsewhere\ntest: 5\nnames: [a]\n'}
    path = write_tree(tmp_path, files | {'images/a.png': picture(), 'labels/a.txt': BOX})
    assert [each.text[:5] for each in read_labels(path).problems] == ['val: ', 'test:', 'test:']


def test_written_files_are_what_ultralytics_expects(tmp_path: Path) -> None:
    instances = (shape(1, Part(square(20, 10, 40))), Instance(0, PIXELS))
    images = (
        ImageLabels('images/train/a b.png', (200, 100), instances, 'train'),
        ImageLabels('images/val/ü.png', (200, 100), (), 'val'),
    )
    write_labels(LabelSet(('on', 'a: "b" #'), images), tmp_path / 'out', 'yolo')
    config = yaml.safe_load((tmp_path / 'out/data.yaml').read_bytes())
    assert config == {
        # No `path`: Ultralytics would take it from where training is started.
        'train': 'images/train',
        'val': 'images/val',
        'names': {0: 'on', 1: 'a: "b" #'},
    }
    assert (tmp_path / 'out/labels/train/a b.txt').read_text() == (
        '1 0.100000 0.100000 0.300000 0.100000 0.300000 0.500000 0.100000 0.500000\n'
        '0 0.450000 0.400000 0.550000 0.400000 0.550000 0.600000 0.450000 0.600000\n'
    )
    assert (tmp_path / 'out/labels/val/ü.txt').read_bytes() == b''


def test_a_set_without_subsets_gets_the_keys_that_training_asks_for(tmp_path: Path) -> None:
    images = (ImageLabels('a.png', (200, 100), (Instance(0, PIXELS),)),)
    write_labels(LabelSet(('a',), images), tmp_path / 'out', 'yolo')
    config = yaml.safe_load((tmp_path / 'out/data.yaml').read_bytes())
    assert (config['train'], config['val']) == ('images', 'images')
    assert (tmp_path / 'out/labels/a.txt').read_text() == '0 0.500000 0.500000 0.100000 0.200000\n'


def test_shapes_can_be_written_as_boxes_with_confidences(tmp_path: Path) -> None:
    instance = shape(0, Part(square(20, 10, 40)), score=0.5)
    images = (ImageLabels('a.png', (200, 100), (instance,)),)
    options = WriteOptions(shapes='boxes', scores=True)
    write_labels(LabelSet(('a',), images), tmp_path / 'out', 'yolo', options)
    assert (tmp_path / 'out/labels/a.txt').read_text() == (
        '0 0.200000 0.300000 0.200000 0.400000 0.500000\n'
    )


def test_an_export_for_cvat(tmp_path: Path) -> None:
    images = (
        ImageLabels('a.png', (200, 100), (Instance(0, PIXELS),)),
        ImageLabels('b.png', (200, 100), ()),
    )
    path = tmp_path / 'out.zip'
    write_labels(LabelSet(('a',), images), path, 'ultralytics')
    import zipfile

    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    # CVAT writes no label file for an image without labels.
    assert files == {
        'data.yaml': 'train: train.txt\nnames:\n  0: a\n',
        # Without the dot, Ultralytics would look from where training is started.
        'train.txt': './images/train/a.png\n./images/train/b.png\n',
        'labels/train/a.txt': '0 0.500000 0.500000 0.100000 0.200000\n',
    }


def test_without_images_for_validation_those_for_training_serve(tmp_path: Path) -> None:
    images = tuple(
        ImageLabels(f'images/{subset}/a.png', (200, 100), (), subset)
        for subset in ('test', 'train')
    )
    write_labels(LabelSet(('a',), images), tmp_path / 'out', 'yolo')
    config = yaml.safe_load((tmp_path / 'out/data.yaml').read_bytes())
    places = {key: config[key] for key in ('train', 'val', 'test')}
    assert places == {'train': 'images/train', 'val': 'images/train', 'test': 'images/test'}
