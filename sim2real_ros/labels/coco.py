"""COCO "instances" files: https://cocodataset.org/#format-data.

Polygons are in pixels from the corner of the image, as here. Shapes with holes have no polygon in
COCO and are written as run lengths (RLE).
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.labels.coco_rle import encode_runs
from sim2real_ros.labels.image_names import bare_name_of
from sim2real_ros.labels.label_set import ImageLabels, Instance, LabelSet
from sim2real_ros.labels.output_file import OutputFile, WriteOptions
from sim2real_ros.labels.raster import rasterise
from sim2real_ros.labels.rings import area_of_parts
from sim2real_ros.labels.tree import Tree

BESIDE_IMAGES = '_annotations.coco.json'
"""What Roboflow calls the file that it puts into every subset's folder of images."""

_SNIFFED_BYTES = 2**16
_KEYS = (b'"images"', b'"annotations"', b'"categories"')
_LISTS = [re.compile(key + rb'\s*:\s*\[') for key in _KEYS]
_YOLO_NAMES = ('data.yaml', 'data.yml', 'dataset.yaml')


def sniff_coco(tree: Tree) -> bool:
    """Tell whether a tree has annotations of COCO's kind.

    Beside data.yaml or labels/ only files count whose place or name says that they are COCO's.
    """
    is_yolo = any(
        name in _YOLO_NAMES or (name.startswith('labels/') and name.endswith('.txt'))
        for name in tree.names
    )
    return any(
        _looks_like_coco(tree, name)
        for name in annotation_files(tree)
        if not is_yolo or _is_meant(tree, name)
    )


def coco_files(label_set: LabelSet, options: WriteOptions) -> Iterator[OutputFile]:
    """Write one file of instances per subset: annotations/instances_<subset>.json."""
    subsets = list(dict.fromkeys(labels.subset for labels in label_set.images)) or ['']
    for subset in subsets:
        chosen = [labels for labels in label_set.images if labels.subset == subset]
        content = coco_document(label_set.classes, chosen, options)
        yield OutputFile(f'annotations/instances_{subset or "default"}.json', content)


def coco_file(label_set: LabelSet, options: WriteOptions) -> bytes:
    """Write all subsets as one file."""
    return coco_document(label_set.classes, label_set.images, options)


def coco_image_name(labels: ImageLabels) -> str:
    """Return where an image lies: ``images/<subset>/<name>``, the subset ``default`` if none."""
    return f'images/{labels.subset or "default"}/{bare_name_of(labels)}'


def coco_document(
    classes: tuple[str, ...], images: Iterable[ImageLabels], options: WriteOptions
) -> bytes:
    """Write a file of instances.

    Args:
        classes: Their category ids are counted from 1.
        images: Ids of images and annotations are counted from 1, in this order.
        options: ``shapes`` and ``scores`` count.
    """
    images = list(images)
    annotations: list[dict[str, Any]] = []
    for number, labels in enumerate(images, 1):
        for instance in labels.instances:
            annotation = _annotation(instance, labels.size, options)
            ids = {'id': len(annotations) + 1, 'image_id': number}
            annotations.append({**ids, **annotation})
    document = {
        'info': {'description': 'written by sim2real labels'},
        'licenses': [],
        'categories': [
            {'id': number, 'name': name, 'supercategory': ''}
            for number, name in enumerate(classes, 1)
        ],
        'images': [
            {
                'id': number,
                'file_name': bare_name_of(labels),
                'width': labels.size[0],
                'height': labels.size[1],
            }
            for number, labels in enumerate(images, 1)
        ],
        'annotations': annotations,
    }
    return json.dumps(document, ensure_ascii=False, separators=(',', ':')).encode('utf-8')


def _annotation(
    instance: Instance, size: tuple[int, int], options: WriteOptions
) -> dict[str, Any]:
    x_min, y_min, x_max, y_max = instance.box
    parts = instance.parts if options.shapes != 'boxes' else ()
    segmentation: Any = []
    area = (x_max - x_min) * (y_max - y_min)
    if any(part.holes for part in parts) or (instance.crowd and parts):
        mask = rasterise(parts, size)
        segmentation = {'size': [size[1], size[0]], 'counts': encode_runs(mask)}
        area = float(mask.sum())
    elif parts:
        segmentation = [_rounded(part.outline.reshape(-1)) for part in parts]
        area = area_of_parts(parts)
    annotation: dict[str, Any] = {
        'category_id': instance.class_id + 1,
        'segmentation': segmentation,
        'area': round(area, 3),
        'bbox': _rounded((x_min, y_min, x_max - x_min, y_max - y_min)),
        'iscrowd': int(instance.crowd),
    }
    if options.scores and instance.score is not None:
        annotation['score'] = round(instance.score, 6)
    return annotation


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 3) for value in values]


def annotation_files(tree: Tree) -> list[str]:
    """Return the JSON files that can hold instances, the likely ones alone where there are any."""
    found = [name for name in tree.names if name.endswith('.json') and name.count('/') <= 1]
    found = [
        name
        for name in found
        if '/' not in name or name.startswith('annotations/') or name.endswith(f'/{BESIDE_IMAGES}')
    ]
    instances = [name for name in found if name.rpartition('/')[2].startswith('instances')]
    if instances or len(found) == 1:
        return instances or found
    # Reports and settings lie about in folders of data; only what may be COCO is read.
    return [name for name in found if _looks_like_coco(tree, name)] or found


def _is_meant(tree: Tree, name: str) -> bool:
    """Tell whether the place or name of a file says that it is COCO's, whatever is in it."""
    file = name.rpartition('/')[2]
    return '/' in name or file.startswith(('instances', BESIDE_IMAGES)) or tree.path.is_file()


def _looks_like_coco(tree: Tree, name: str) -> bool:
    """Tell by its lists; a damaged file counts too, for reading it tells what is wrong."""
    try:
        head = tree.read(name, _SNIFFED_BYTES).lstrip(b'\xef\xbb\xbf \t\r\n')
        if not head.startswith(b'{') or not any(key in head for key in _KEYS):
            return False
        if _is_meant(tree, name) or all(each.search(head) for each in _LISTS):
            return True
        content = tree.read(name)
    except DataError:
        return False
    if all(each.search(content) for each in _LISTS):
        return True
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return True
    return False
