from pathlib import Path

import numpy as np
import pytest
from label_cases import shape, square, write_images

from sim2real_ros.errors import DataError
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.labels import (
    DrawOptions,
    ImageLabels,
    Instance,
    LabelSet,
    LabelSource,
    Part,
    draw_data_set,
    draw_labels,
    write_labels,
)
from sim2real_ros.labels.drawing import colour_of_class

GREY = np.full((100, 140, 3), 128, np.uint8)


def drawn(*instances: Instance) -> np.ndarray:
    picture = GREY.copy()
    result = draw_labels(picture, ImageLabels('a.png', (140, 100), instances), ('car', 'дом'))
    assert (picture == GREY).all()
    return result


def test_a_shape_is_tinted_and_its_hole_is_not() -> None:
    picture = drawn(shape(0, Part(square(30, 40, 50), (square(50, 60, 12),))))
    tinted = np.round(0.6 * 128 + 0.4 * np.array(colour_of_class(0))).astype(int)
    assert np.abs(picture[80, 40].astype(int) - tinted).max() <= 1
    assert (picture[65, 56] == 128).all()
    assert (picture[5, 5] == 128).all()


def test_a_box_is_an_outline_of_the_colour_of_its_class() -> None:
    picture = drawn(Instance(1, (20, 40, 100, 90)))
    for y, x in ((60, 20), (60, 99), (89, 60)):
        assert (picture[y, x] == colour_of_class(1)).all()
    assert (picture[60, 60] == 128).all()


def test_names_are_written_inside_the_picture() -> None:
    for box in ((0, 0, 20, 20), (120, 80, 140, 100), (-50, -50, 200, 200)):
        plain, named = (drawn(Instance(class_id, box, (), 0.5)) for class_id in (0, 1))
        assert (plain != named).any()


def test_tiny_things_have_no_name_that_hides_the_picture() -> None:
    picture = drawn(Instance(0, (70, 50, 76, 55)))
    assert (picture != 128).any(axis=2).sum() <= 6 * 5


def test_absurd_coordinates_and_classes_do_no_harm() -> None:
    picture = drawn(Instance(99, (-1e6, -1e6, 1e6, 1e6)), shape(7, Part(square(-5e5, -5e5, 1e6))))
    assert picture.shape == GREY.shape


def test_neighbouring_classes_have_different_colours() -> None:
    colours = np.array([colour_of_class(each) for each in range(12)], int)
    distances = np.abs(colours[:, None] - colours[None]).max(axis=2) + 999 * np.eye(12, dtype=int)
    assert distances.min() > 40


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(DataError, match='its labels are for 10x10'):
        draw_labels(GREY, ImageLabels('a.png', (10, 10)), ())


def make_set(tmp_path: Path, count: int) -> LabelSource:
    images = tuple(
        ImageLabels(f'images/a{n}.png', (140, 100), (Instance(0, (20, 40, 100, 90)),))
        for n in range(count)
    )
    source = write_images(LabelSet((), images), tmp_path / 'set')
    write_labels(LabelSet(('car',), images), source, 'yolo', force=True)
    return LabelSource(source)


def test_a_data_set_is_drawn_into_a_folder(tmp_path: Path) -> None:
    source = make_set(tmp_path, 5)
    report = draw_data_set(source, tmp_path / 'out', DrawOptions('png', max_images=2))
    assert report.is_complete
    names = sorted(path.name for path in (tmp_path / 'out').rglob('*.png'))
    assert names == ['a0_png.png', 'a2_png.png']
    rgb, _ = decode_file((tmp_path / 'out/images/a2_png.png').read_bytes())
    assert (rgb[60, 20] == colour_of_class(0)).all()
    assert (rgb[60, 60] == 2).all()
    assert draw_data_set(source, tmp_path / 'out', DrawOptions('png', 2)).pictures == 2


def test_images_that_cannot_be_drawn_are_left_out(tmp_path: Path) -> None:
    source = make_set(tmp_path, 3)
    broken = tmp_path / 'set/images/a1.png'
    broken.write_bytes(broken.read_bytes()[:-20])
    report = draw_data_set(source, tmp_path / 'out')
    assert not report.is_complete
    assert (report.pictures, [each.where for each in report.omissions]) == (2, ['images/a1.png'])
    assert 'left out images/a1.png' in '\n'.join(report.describe())


def test_a_dry_run_of_drawing_writes_nothing(tmp_path: Path) -> None:
    source = make_set(tmp_path, 3)
    assert draw_data_set(source, tmp_path / 'out', dry_run=True).pictures == 3
    assert not (tmp_path / 'out').exists()


def test_names_are_dark_on_bright_plates_and_bright_on_dark_ones() -> None:
    inks = set()
    for class_id in range(8):
        luma = np.dot(colour_of_class(class_id), (0.299, 0.587, 0.114))
        picture = np.full((400, 800, 3), 128, np.uint8)
        labels = ImageLabels('a.png', (800, 400), (Instance(class_id, (40, 100, 600, 300)),))
        plate = draw_labels(picture, labels, ['WWW'] * 8)[:100].min(axis=2)
        is_bright = bool((plate > 200).any())
        assert is_bright != (luma > 140)
        inks.add(is_bright)
    assert inks == {False, True}


def test_pictures_may_lie_beside_the_file_of_labels(tmp_path: Path) -> None:
    folder = make_set(tmp_path, 2).path
    file = folder / 'instances.json'
    write_labels(LabelSource(folder).read(), file, 'coco')
    assert draw_data_set(LabelSource(file), folder / 'out').pictures == 2
    assert draw_data_set(LabelSource(file), folder / 'out').is_complete
    with pytest.raises(DataError, match='lies in the input'):
        draw_data_set(LabelSource(file, images=folder), folder / 'other')


def test_paths_may_be_text(tmp_path: Path) -> None:
    folder = str(make_set(tmp_path, 1).path)
    names = tmp_path / 'names.txt'
    names.write_text('duck\n')
    source = LabelSource(folder, images=folder, classes=str(names))  # type: ignore[arg-type]
    assert source.read().classes == ('duck',)
    assert source.image_places() == [Path(folder), Path(folder)]
