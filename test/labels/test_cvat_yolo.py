import zipfile
from pathlib import Path

import pytest
from label_cases import shape, square
from sample_files import picture, write_tree, write_zip

from sim2real_ros.errors import DataError
from sim2real_ros.labels import ImageLabels, Instance, LabelSet, Part, read_labels, write_labels

# As CVAT exports it; https://docs.cvat.ai/docs/dataset_management/formats/format-yolo
EXPORT = {
    'obj.data': 'classes = 3\ntrain = data/train.txt\nvalid = data/valid.txt\n'
    'names = data/obj.names\nbackup = backup/\n',
    'obj.names': 'cat\ndog\nairplane\n',
    'train.txt': 'data/obj_train_data/image1.png\ndata/obj_train_data/sub/image2.png\n',
    'valid.txt': 'data/obj_valid_data/image3.png\n',
    'obj_train_data/image1.txt': '1 0.3 0.8 0.1 0.3\n2 0.7 0.2 0.3 0.1\n',
    'obj_train_data/sub/image2.txt': '',
    'obj_valid_data/image3.txt': '0 0.5 0.5 1 1\n',
}


@pytest.mark.parametrize('images', ['inside', 'beside'])
def test_an_export_of_cvat_is_read(tmp_path: Path, images: str) -> None:
    if images == 'inside':
        names = ('obj_train_data/image1', 'obj_train_data/sub/image2', 'obj_valid_data/image3')
        pictures = {f'{name}.png': picture() for name in names}
        label_set = read_labels(write_zip(tmp_path / 'a.zip', EXPORT | pictures))
    else:
        names = ('image1.png', 'sub/image2.jpg', 'image3.png')
        frames = write_tree(tmp_path / 'frames', {name: picture() for name in names})
        label_set = read_labels(write_zip(tmp_path / 'a.zip', EXPORT), images=frames)
    assert not label_set.problems
    assert label_set.classes == ('cat', 'dog', 'airplane')
    assert [labels.subset for labels in label_set.images] == ['train', 'train', 'val']
    one, other = label_set.images[0].instances
    assert (one.class_id, other.class_id) == (1, 2)
    assert one.box == pytest.approx((50, 65, 70, 95))


def test_the_documented_form_without_data_is_read_too(tmp_path: Path) -> None:
    files = {
        'obj.data': 'names = obj.names\ntrain=train.txt',
        'obj.names': 'cat',
        'train.txt': 'obj_train_data/a.png',
        'obj_train_data/a.png': picture(),
        'obj_train_data/a.txt': '0 .5 .5 1 1',
    }
    (labels,) = read_labels(write_tree(tmp_path, files)).images
    assert labels.instances[0].box == (0, 0, 200, 100)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    files = {k: v for k, v in EXPORT.items() if k != 'valid.txt'}
    label_set = read_labels(write_zip(tmp_path / 'a.zip', files))
    assert [each.kind for each in label_set.problems] == [
        'unreadable',
        'missing image',
        'missing image',
        # No list names it any more.
        'missing image',
    ]
    del files['obj.names']
    with pytest.raises(DataError, match=r"obj\.data names 'obj\.names'"):
        read_labels(write_zip(tmp_path / 'b.zip', files))
    with pytest.raises(DataError, match=r'has no obj\.data'):
        read_labels(write_tree(tmp_path / 'c', {'a.txt': ''}), 'yolo-1.1')


def test_written_zips_are_what_cvat_imports(tmp_path: Path) -> None:
    images = (
        ImageLabels(
            'images/train/a.png', (200, 100), (shape(1, Part(square(20, 10, 40))),), 'train'
        ),
        ImageLabels('images/test/b.png', (200, 100), (Instance(0, (90, 40, 110, 60)),), 'test'),
        ImageLabels('images/train/c.png', (200, 100), (), 'train'),
    )
    report = write_labels(LabelSet(('a', 'b c'), images), tmp_path / 'out.zip', 'yolo-1.1')
    assert report.losses == (
        '1 polygons are written as boxes',
        "1 images of the subset 'test' become 'valid'",
    )
    with zipfile.ZipFile(tmp_path / 'out.zip') as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert files == {
        'obj.data': 'classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\n'
        'names = data/obj.names\nbackup = backup/\n',
        'obj.names': 'a\nb c\n',
        'train.txt': 'data/obj_train_data/a.png\ndata/obj_train_data/c.png\n',
        'valid.txt': 'data/obj_valid_data/b.png\n',
        'obj_train_data/a.txt': '1 0.200000 0.300000 0.200000 0.400000\n',
        'obj_train_data/c.txt': '',
        'obj_valid_data/b.txt': '0 0.500000 0.500000 0.100000 0.200000\n',
    }
