import json
from pathlib import Path

import numpy as np
import pytest
from label_cases import blobs, shape, square
from sample_files import picture, write_tree, write_zip

from sim2real_ros.errors import DataError
from sim2real_ros.image.encode_file import encode_mask
from sim2real_ros.image.palette_png import decode_ids, with_palette
from sim2real_ros.labels import (
    ConvertOptions,
    ImageLabels,
    Instance,
    LabelSet,
    LabelSource,
    Part,
    WriteOptions,
    convert_labels,
    rasterise,
    read_labels,
    write_labels,
)
from sim2real_ros.labels.formats import NO_BACKGROUND


def semantic() -> np.ndarray:
    ids = np.zeros((30, 40), np.uint8)
    ids[2:10, 2:20] = 1
    ids[4:6, 4:6] = 0
    ids[15:20, 5:9] = 1
    ids[15:25, 20:30] = 3
    return ids


def test_every_region_of_a_class_is_an_instance(tmp_path: Path) -> None:
    files = {'masks/a.png': encode_mask(semantic()), 'classes.txt': 'car\nroad\nduck\n'}
    label_set = read_labels(write_tree(tmp_path, files | {'images/a.png': picture(40, 30)}))
    assert label_set.classes == ('car', 'road', 'duck')
    (labels,) = label_set.images
    assert labels.image == 'images/a.png'
    assert [(each.class_id, each.box) for each in labels.instances] == [
        (0, (2, 2, 20, 10)),
        (0, (5, 15, 9, 20)),
        (2, (20, 15, 30, 25)),
    ]
    assert len(labels.instances[0].parts[0].holes) == 1


def test_the_background_is_what_one_says(tmp_path: Path) -> None:
    files = {'masks/a.png': encode_mask(semantic()), 'classes.txt': 'ground\ncar\nroad\nduck\n'}
    write_tree(tmp_path, files)
    every = read_labels(tmp_path, background=NO_BACKGROUND).images[0].instances
    assert {each.class_id for each in every} == {0, 1, 3}
    none_of_three = read_labels(tmp_path, background=3).images[0].instances
    assert {each.class_id for each in none_of_three} == {0, 1}


def test_a_zip_of_palette_masks_is_read_by_its_indices(tmp_path: Path) -> None:
    # Both classes have the same colour; only the indices tell them apart.
    colours = [(0, 0, 0), (9, 9, 9), (9, 9, 9), (9, 9, 9)]
    content = with_palette(encode_mask(semantic()), colours)
    path = write_zip(tmp_path / 'masks.zip', {'drive/a.png': content, 'drive/b.png': content})
    label_set = read_labels(path, 'masks')
    assert label_set.classes == ('class_1', 'class_2', 'class_3')
    assert [[e.class_id for e in labels.instances] for labels in label_set.images] == [
        [0, 0, 2]
    ] * 2


def test_a_mask_of_colours_or_of_another_size_is_a_problem(tmp_path: Path) -> None:
    files = {
        'masks/a.png': picture(),
        'masks/b.png': encode_mask(semantic()),
        'masks/c.png': b'no image',
        'masks/d.png': encode_mask(semantic()),
        'images/b.png': picture(41, 30),
    }
    label_set = read_labels(write_tree(tmp_path, files))
    assert [labels.image for labels in label_set.images] == ['images/d.png']
    found = {problem.file: problem.text for problem in label_set.problems}
    assert 'mask of colours' in found['masks/a.png']
    assert '(41, 30)' in found['masks/b.png']
    assert 'masks/c.png' in found


def test_instances_come_back_with_their_parts_and_classes(tmp_path: Path) -> None:
    parts = [blobs(seed, (80, 60)) for seed in (1, 2)]
    from sim2real_ros.labels import parts_from_mask

    one, other = parts[0], parts[1] & ~parts[0]
    instances = (shape(1, *parts_from_mask(one)), shape(0, *parts_from_mask(other)))
    label_set = LabelSet(('a', 'b'), (ImageLabels('x.png', (80, 60), instances, 'val'),))
    for background in (0, 255):
        out = tmp_path / f'out{background}'
        write_labels(label_set, out, 'masks', WriteOptions(background=background))
        again = read_labels(out)
        assert again.classes == ('a', 'b')
        found = {e.class_id: rasterise(e.parts, (80, 60)) for e in again.images[0].instances}
        assert (found[1] == one).all()
        assert (found[0] == other).all()
        ids = decode_ids((out / 'masks/val/x.png').read_bytes())
        first = 1 if background == 0 else 0
        assert (ids == np.select([one, other], [first + 1, first], background)).all()


def test_a_smaller_instance_is_on_top(tmp_path: Path) -> None:
    instances = (shape(0, Part(square(5, 5, 4))), Instance(1, (0, 0, 20, 20)))
    label_set = LabelSet(('a', 'b'), (ImageLabels('x.png', (20, 20), instances),))
    report = write_labels(label_set, tmp_path / 'out', 'masks')
    assert sorted(report.losses) == [
        '1 boxes are written as rectangular polygons',
        '1 images have instances that may overlap: the smaller ones are on top',
    ]
    ids = decode_ids((tmp_path / 'out/masks/x.png').read_bytes())
    assert (ids == 1).sum() == 16
    assert (ids == 2).sum() == 384


def test_shapes_beyond_the_border_are_said_to_be_cut(tmp_path: Path) -> None:
    instance = shape(0, Part(square(15, 15, 10)))
    label_set = LabelSet(('a',), (ImageLabels('x.png', (20, 20), (instance,)),))
    report = write_labels(label_set, tmp_path / 'out', 'masks')
    assert report.losses == ('1 shapes are cut off at the border of the image',)


def test_what_does_not_fit_into_the_pixels_is_refused(tmp_path: Path) -> None:
    classes = tuple(f'c{n}' for n in range(300))
    with pytest.raises(DataError, match='300 classes do not fit'):
        write_labels(LabelSet(classes, ()), tmp_path / 'a', 'masks')
    label_set = LabelSet(
        classes[:70], (ImageLabels('x.png', (9, 9), (Instance(69, (0, 0, 2, 2)),)),)
    )
    with pytest.raises(DataError, match='does not fit into a 16-bit mask'):
        write_labels(label_set, tmp_path / 'b', 'masks')


@pytest.mark.parametrize(
    'text',
    ['{', '[]', '{}', '{"background": "x", "classes": {}}',
     '{"background": 0, "classes": {"x": "a"}}',
     '{"background": 0, "classes": {"1": ""}}', '[' * 100_000],
)  # fmt: skip
def test_a_damaged_description_is_refused(tmp_path: Path, text: str) -> None:
    files = {'masks.json': text, 'masks/a.png': encode_mask(semantic())}
    with pytest.raises(DataError, match=r'masks\.json'):
        read_labels(write_tree(tmp_path, files))


def test_an_id_without_a_name_is_reported(tmp_path: Path) -> None:
    description = json.dumps({'background': 0, 'classes': {'1': 'a'}})
    files = {'masks.json': description, 'masks/a.png': encode_mask(semantic())}
    label_set = read_labels(write_tree(tmp_path, files))
    assert [each.class_id for each in label_set.images[0].instances] == [0, 0]
    assert [each.kind for each in label_set.problems] == ['unknown class']


def test_bare_masks_are_never_taken_for_the_images(tmp_path: Path) -> None:
    content = encode_mask(semantic())
    masks = write_zip(tmp_path / 'masks.zip', {'a.png': content, 'b.png': content})
    frames = write_tree(tmp_path / 'frames', {'a.jpg': picture(40, 30)})
    source = LabelSource(masks, 'masks', frames)
    options = ConvertOptions('yolo', with_images='copy')
    report = convert_labels(source, tmp_path / 'out', options)
    assert report.written.missing == ('b.png',)
    copied = [path.name for path in (tmp_path / 'out/images').iterdir()]
    assert copied == ['a.jpg']
    assert (tmp_path / 'out/images/a.jpg').read_bytes() == picture(40, 30)
    assert LabelSource(masks, 'masks').image_places() == []
