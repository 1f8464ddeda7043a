from pathlib import Path

import pytest

from sim2real_ros.errors import DataError
from sim2real_ros.labels import label_names, labels_of_image


@pytest.mark.parametrize(
    ('image', 'labels', 'mask'),
    [
        ('images/a/b.png', 'labels/a/b.txt', 'masks/a/b.png'),
        ('images/b.jpg', 'labels/b.txt', 'masks/b.png'),
        ('trainA/b.png', 'labels/trainA/b.txt', 'masks/trainA/b.png'),
        ('b.c.webp', 'labels/b.c.txt', 'masks/b.c.png'),
        ('train/images/b.png', 'train/labels/b.txt', 'train/masks/b.png'),
        ('images/images/b.png', 'images/labels/b.txt', 'images/masks/b.png'),
    ],
)
def test_labels_lie_where_the_conventions_say(
    tmp_path: Path, image: str, labels: str, mask: str
) -> None:
    assert label_names(image, 'labels') == [labels]
    assert labels_of_image(tmp_path, image) == []
    for name in (mask, labels):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert labels_of_image(tmp_path, image) == [labels, mask]


def test_a_text_file_beside_the_image_counts_where_there_is_nothing_else(tmp_path: Path) -> None:
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a/b.txt').touch()
    assert labels_of_image(tmp_path, 'a/b.png') == ['a/b.txt']


def test_a_mask_is_not_its_own_label(tmp_path: Path) -> None:
    (tmp_path / 'masks/masks').mkdir(parents=True)
    (tmp_path / 'masks/a.png').touch()
    assert labels_of_image(tmp_path, 'masks/a.png') == []


@pytest.mark.parametrize('image', ['../a.png', '/etc/a.png', 'a\0.png', '', '.', 'images/..'])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, image: str) -> None:
    with pytest.raises(DataError, match=r'refused|has no name'):
        labels_of_image(tmp_path, image)
