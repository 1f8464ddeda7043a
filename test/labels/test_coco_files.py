import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_cases import blobs, iou, shape, square
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from sample_files import picture, write_tree, write_zip

from sim2real_ros.errors import DataError
from sim2real_ros.labels import (
    ConvertOptions,
    ImageLabels,
    Instance,
    LabelSet,
    LabelSource,
    Part,
    convert_labels,
    parts_from_mask,
    rasterise,
    read_labels,
    write_labels,
)
from sim2real_ros.labels.image_index import ImageIndex

pytestmark = pytest.mark.filterwarnings('ignore:__array__ implementation')

# Entries as in instances_val2017.json: ids with gaps, a crowd in run lengths, several polygons.
SAMPLE: dict[str, Any] = {
    'info': {'year': 2017},
    'licenses': [{'id': 1, 'name': 'x', 'url': ''}],
    'images': [
        {'license': 4, 'file_name': '000000397133.jpg', 'height': 5, 'width': 8, 'id': 397133},
        {'file_name': 'sub/b.jpg', 'height': 100, 'width': 200, 'id': 37777},
    ],
    'annotations': [
        {
            'segmentation': [[20, 10, 60, 10, 60, 50], [100, 10, 140, 10, 140, 50, 100, 50]],
            'area': 2400.0,
            'iscrowd': 0,
            'image_id': 37777,
            'bbox': [20.5, 10.25, 119.5, 39.75],
            'category_id': 90,
            'id': 1,
        },
        {
            'segmentation': {'counts': [6, 2, 3, 2, 27], 'size': [5, 8]},
            'area': 4,
            'iscrowd': 1,
            'image_id': 397133,
            'bbox': [1, 1, 2, 2],
            'category_id': 3,
            'id': 900100397133,
        },
    ],
    'categories': [
        {'supercategory': 'indoor', 'id': 90, 'name': 'toothbrush'},
        {'supercategory': 'vehicle', 'id': 3, 'name': 'car'},
    ],
}


def test_a_file_as_coco_publishes_it(tmp_path: Path) -> None:
    write_tree(tmp_path, {'instances_val2017.json': json.dumps(SAMPLE)})
    label_set = read_labels(tmp_path / 'instances_val2017.json')
    assert not label_set.problems
    assert label_set.classes == ('car', 'toothbrush')
    crowd, polygons = (labels.instances[0] for labels in label_set.images)
    assert [labels.subset for labels in label_set.images] == ['val', 'val']
    assert (crowd.class_id, crowd.crowd) == (0, True)
    assert np.argwhere(rasterise(crowd.parts, (8, 5))).tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert (polygons.class_id, len(polygons.parts), polygons.crowd) == (1, 2, False)
    assert polygons.box == (20.5, 10.25, 140.0, 50.0)


def test_pycocotools_reads_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    size = (160, 120)
    holes = shape(1, *parts_from_mask(blobs(2, size)))
    assert any(part.holes for part in holes.parts)
    plain = shape(0, Part(square(10, 20, 30)), Part(square(60, 20, 20)), score=0.5)
    box = Instance(2, (1.5, 2.5, 30.25, 40.0))
    images = (ImageLabels('images/a.png', size, (holes, plain, box)),)
    write_labels(LabelSet(('a', 'b', 'c'), images), tmp_path / 'out.json', 'coco')
    coco = COCO(str(tmp_path / 'out.json'))
    capsys.readouterr()
    assert [each['name'] for each in coco.loadCats(coco.getCatIds())] == ['a', 'b', 'c']
    first, second, third = coco.loadAnns(coco.getAnnIds())
    assert (coco.annToMask(first) == rasterise(holes.parts, size)).all()
    assert first['area'] == rasterise(holes.parts, size).sum()
    assert iou(coco.annToMask(second) > 0, rasterise(plain.parts, size)) >= 0.99
    assert (second['area'], second['category_id'], second['bbox']) == (1300, 1, [10, 20, 70, 30])
    assert 'score' not in second
    assert third['segmentation'] == []
    assert third['bbox'] == [1.5, 2.5, 28.75, 37.5]


@pytest.mark.parametrize('seed', range(4))
def test_compressed_runs_of_pycocotools_are_read(tmp_path: Path, seed: int) -> None:
    mask = blobs(seed, (90, 70))
    runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    segmentation = {'size': runs['size'], 'counts': runs['counts'].decode()}
    document = {
        'images': [{'id': 1, 'file_name': 'a.png', 'width': 90, 'height': 70}],
        'categories': [{'id': 1, 'name': 'a'}],
        'annotations': [{'image_id': 1, 'category_id': 1, 'segmentation': segmentation}],
    }
    write_tree(tmp_path, {'a.json': json.dumps(document)})
    (labels,) = read_labels(tmp_path / 'a.json').images
    assert (rasterise(labels.instances[0].parts, (90, 70)) == mask).all()


def test_subsets_are_files_and_classes_meet_by_name(tmp_path: Path) -> None:
    def document(name: str, *classes: str) -> str:
        return json.dumps(
            {
                'images': [{'id': 1, 'file_name': name, 'width': 9, 'height': 9}],
                'categories': [{'id': n, 'name': each} for n, each in enumerate(classes)],
                'annotations': [
                    {'image_id': 1, 'category_id': n, 'bbox': [0, 0, 1, n + 1]}
                    for n, _ in enumerate(classes)
                ],
            }
        )

    files = {
        'annotations/instances_train.json': document('a.png', 'x', 'y'),
        'annotations/instances_val.json': document('b.png', 'y', 'z', 'y'),
        'annotations/captions_val.json': '{}',
    }
    label_set = read_labels(write_tree(tmp_path, files))
    # Two classes of one name in one file stay two.
    assert label_set.classes == ('x', 'y', 'z', 'y')
    assert [labels.subset for labels in label_set.images] == ['train', 'val']
    assert [each.class_id for each in label_set.images[1].instances] == [1, 2, 3]


def test_a_size_that_is_missing_comes_from_the_image(tmp_path: Path) -> None:
    document = {
        'images': [{'id': 1, 'file_name': 'a.png'}, {'id': 2, 'file_name': 'b.png'}],
        'categories': [],
        'annotations': [],
    }
    frames = write_tree(tmp_path / 'frames', {'a.png': picture(31, 17)})
    write_tree(tmp_path, {'a.json': json.dumps(document)})
    label_set = read_labels(tmp_path / 'a.json', images=frames)
    assert [labels.size for labels in label_set.images] == [(31, 17)]
    assert [each.kind for each in label_set.problems] == ['missing image']


def broken(**change: Any) -> dict[str, Any]:
    return {**SAMPLE['annotations'][0], **change}


@pytest.mark.parametrize(
    ('annotation', 'kind', 'found'),
    [
        (5, 'unreadable', 'image_id'),
        (broken(image_id=[1]), 'unreadable', 'image_id'),
        (broken(image_id=4), 'unreadable', 'no readable image'),
        (broken(category_id=1), 'unknown class', 'none of the categories'),
        (broken(bbox=[1, 2, 3]), 'unreadable', 'bbox'),
        (broken(bbox=[1, 2, -3, 4]), 'unreadable', 'negative size'),
        (broken(bbox=[1, 2, 1e300, 4]), 'unreadable', 'absurd'),
        (broken(bbox=['1', 2, 3, 4]), 'unreadable', 'no number'),
        (broken(bbox=None, segmentation=None), 'unreadable', 'neither'),
        (broken(segmentation='x'), 'unreadable', 'segmentation'),
        (broken(segmentation=[[1, 2, 3, 4]]), 'unreadable', 'no 3 corners'),
        (broken(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), 'unreadable', 'odd count'),
        (broken(segmentation={'size': [1, 1], 'counts': [1]}), 'unreadable', 'size'),
        (broken(segmentation={'size': [100, 200], 'counts': [1]}), 'unreadable', 'sum up'),
        (broken(segmentation={'size': [100, 200], 'counts': 5}), 'unreadable', 'counts'),
        (broken(segmentation={'size': [100, 200], 'counts': 'o'}), 'unreadable', 'cut off'),
        (broken(score='high'), 'unreadable', 'no number'),
    ],
)
def test_a_bad_annotation_is_reported_and_the_others_are_read(
    tmp_path: Path, annotation: Any, kind: str, found: str
) -> None:
    document = {**SAMPLE, 'annotations': [annotation, *SAMPLE['annotations']]}
    write_tree(tmp_path, {'a.json': json.dumps(document)})
    label_set = read_labels(tmp_path / 'a.json')
    assert [len(labels.instances) for labels in label_set.images] == [1, 1]
    (problem,) = label_set.problems
    assert (problem.kind, problem.line) == (kind, 1)
    assert found in problem.text


@pytest.mark.parametrize(
    'image',
    [
        {'id': 5, 'file_name': '../x.png', 'width': 5, 'height': 5},
        {'id': 5, 'file_name': '/x.png', 'width': 5, 'height': 5},
        {'id': 5, 'file_name': 'x.png', 'width': 0, 'height': 5},
        {'id': 5, 'file_name': 'x.png', 'width': 10**9, 'height': 5},
        {'id': 37777, 'file_name': 'x.png', 'width': 5, 'height': 5},
        {'file_name': 'x.png', 'width': 5, 'height': 5},
        None,
    ],
)
def test_a_bad_image_is_reported_and_the_others_are_read(tmp_path: Path, image: Any) -> None:
    document = {**SAMPLE, 'images': [*SAMPLE['images'], image]}
    write_tree(tmp_path, {'a.json': json.dumps(document)})
    label_set = read_labels(tmp_path / 'a.json')
    assert len(label_set.images) == 2
    assert [(each.kind, each.line) for each in label_set.problems] == [('unreadable', 3)]


def test_an_image_listed_twice_is_reported(tmp_path: Path) -> None:
    again = {**SAMPLE['images'][0], 'id': 8}
    document = {**SAMPLE, 'images': [*SAMPLE['images'], again]}
    write_tree(tmp_path, {'a.json': json.dumps(document)})
    label_set = read_labels(tmp_path / 'a.json')
    assert [each.kind for each in label_set.problems] == ['duplicate']


@pytest.mark.parametrize(
    ('text', 'found'),
    [
        ('{', 'no JSON'),
        ('[' * 100_000, 'no JSON'),
        ('[]', 'no COCO file'),
        ('{"images": [], "annotations": []}', 'no COCO file'),
        ('{"images": 1, "annotations": [], "categories": []}', 'no COCO file'),
        ('{"a": ' + '9' * 5000 + '}', 'no JSON'),
    ],
)
def test_other_json_is_refused(tmp_path: Path, text: str, found: str) -> None:
    write_tree(tmp_path, {'a.json': text})
    with pytest.raises(DataError, match=found):
        read_labels(tmp_path / 'a.json', 'coco')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ['id', 'image_id', 'category_id', 'bbox', 'segmentation', 'counts', 'size', 'name']
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


class OneFile:
    """A tree of one file in memory."""

    path = Path('memory.json')
    names = ('memory.json',)
    problems = ()

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, name: str, limit: int = -1) -> bytes:
        return self._content if limit < 0 else self._content[:limit]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(JSON, max_size=3), st.lists(JSON, max_size=3), st.lists(JSON, max_size=3))
def test_arbitrary_json_gives_problems_or_labels(images: Any, entries: Any, classes: Any) -> None:
    from sim2real_ros.labels.coco_reading import read_coco

    good = {'id': 1, 'file_name': 'a.png', 'width': 5, 'height': 5}
    document = {
        'images': [good, *images],
        'categories': [{'id': 1, 'name': 'x'}, *classes],
        'annotations': [
            {
                'image_id': 1,
                'category_id': 1,
                'bbox': [0, 0, 1, 1],
                **(e if isinstance(e, dict) else {}),
            }
            for e in entries
        ],
    }
    tree = OneFile(json.dumps(document).encode())
    label_set = read_coco(tree, ImageIndex([]))
    for labels in label_set.images:
        for each in labels.instances:
            assert np.isfinite(each.box).all()
            assert each.class_id < len(label_set.classes)


def one_image(*annotations: dict[str, Any], **image: Any) -> str:
    """Return a file of one image of 20x10 pixels."""
    entry = {'id': 1, 'file_name': 'a.png', 'width': 20, 'height': 10, **image}
    common = {'image_id': 1, 'category_id': 1, 'bbox': [1, 2, 3, 4]}
    return json.dumps(
        {
            'images': [entry],
            'categories': [{'id': 1, 'name': 'a'}],
            'annotations': [common | each for each in annotations],
        }
    )


@pytest.mark.parametrize('top', ['', 'export/'])
def test_roboflow_puts_the_file_beside_the_images(tmp_path: Path, top: str) -> None:
    files: dict[str, str | bytes] = {f'{top}README.txt': 'exported'}
    for subset in ('train', 'valid'):
        files[f'{top}{subset}/_annotations.coco.json'] = one_image({}, width=None)
        files[f'{top}{subset}/a.png'] = picture()
    path = write_zip(tmp_path / 'a.zip', files)
    label_set = read_labels(path)
    assert not label_set.problems
    assert [(labels.image, labels.subset, labels.size) for labels in label_set.images] == [
        ('train/a.png', 'train', (200, 100)),
        ('valid/a.png', 'val', (200, 100)),
    ]
    write_labels(label_set, tmp_path / 'out', 'yolo', images='copy', sources=[path])
    assert (tmp_path / 'out/images/val/a.png').is_file()
    assert (tmp_path / 'out/labels/train/a.txt').read_text().startswith('0 0.0125')


@pytest.mark.parametrize('segmentation', [None, [], [[]], {}])
def test_an_empty_shape_leaves_the_box(tmp_path: Path, segmentation: object) -> None:
    write_tree(tmp_path, {'a.json': one_image({'segmentation': segmentation})})
    label_set = read_labels(tmp_path / 'a.json')
    assert not label_set.problems
    (instance,) = label_set.images[0].instances
    assert (instance.box, instance.parts) == ((1, 2, 4, 6), ())


def test_a_size_in_floats_is_a_size(tmp_path: Path) -> None:
    write_tree(tmp_path, {'a.json': one_image({}, width=20.0, height=10.0)})
    assert read_labels(tmp_path / 'a.json').images[0].size == (20, 10)
    write_tree(tmp_path, {'b.json': one_image({}, width=True, height=True)})
    assert {each.kind for each in read_labels(tmp_path / 'b.json').problems} == {
        'missing image',
        'unreadable',
    }


@pytest.mark.parametrize(
    ('annotation', 'found'),
    [
        ({'image_id': 7}, 'image_id 7 is no readable image'),
        ({'image_id': '\ud800'}, "image_id '\\ud800' is no"),
        ({'category_id': 9}, 'category_id 9, which is none'),
        ({'bbox': [10**400, 0, 1, 1]}, 'is absurd'),
        ({'score': float('nan')}, 'the number nan is absurd'),
    ],
)
def test_what_is_wrong_is_said_in_a_few_words(
    tmp_path: Path, annotation: dict[str, Any], found: str
) -> None:
    write_tree(tmp_path, {'a.json': one_image(annotation)})
    (problem,) = read_labels(tmp_path / 'a.json').problems
    assert found in problem.text
    assert len(str(problem).encode()) < 200


@pytest.mark.parametrize('file', ['annotations/a.json', 'a.json'])
def test_images_are_looked_for_beside_the_file_or_its_folder(tmp_path: Path, file: str) -> None:
    files = {file: one_image({}), 'images/a.png': picture(20, 10)}
    path = write_tree(tmp_path / 'set', files) / file
    report = convert_labels(
        LabelSource(path), tmp_path / 'out', ConvertOptions('yolo', with_images='copy')
    )
    assert report.is_complete
    assert (tmp_path / 'out/images/a.png').read_bytes() == picture(20, 10)
