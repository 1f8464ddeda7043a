"""Read COCO "instances" files: https://cocodataset.org/#format-data."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import safe_relative_path
from sim2real_ros.image.limits import checked_size
from sim2real_ros.labels.coco import BESIDE_IMAGES, annotation_files
from sim2real_ros.labels.coco_rle import decode_runs, decompress_runs
from sim2real_ros.labels.image_index import ImageIndex
from sim2real_ros.labels.image_names import canonical_subset
from sim2real_ros.labels.joined_rings import split_ring
from sim2real_ros.labels.label_set import Box, ImageLabels, Instance, LabelSet, Part
from sim2real_ros.labels.problem import Problem
from sim2real_ros.labels.rings import box_of_parts
from sim2real_ros.labels.tracing import parts_from_mask
from sim2real_ros.labels.tree import Tree
from sim2real_ros.labels.yolo_names import checked_class_name

_MAX_VALUE = 1e6
_MAX_POINTS = 200_000
_FILE = re.compile(r'(?:instances_)?(.*?)(?:\d{4})?\.json')


def read_coco(tree: Tree, images: ImageIndex) -> LabelSet:
    """Read one or several files of instances; several are subsets of one set.

    Classes are in the order of their category ids. A size that is missing is taken from the image.

    Raises:
        DataError: There is no such file, or it is no JSON of that kind.
    """
    files = annotation_files(tree)
    if not files:
        raise DataError(f'{str(tree.path)!r} has no annotations/instances_*.json or *.json file.')
    classes: list[str] = []
    labels: dict[tuple[str, str], ImageLabels] = {}
    problems = list(tree.problems)
    for name in files:
        reader = _Reader(name, images, classes)
        for each in reader.read(_document(tree, name), several=len(files) > 1):
            key = (each.image, each.subset)
            if key in labels:
                text = f'{each.image!r} is listed twice; the second entry is left out'
                problems.append(Problem('duplicate', name, 0, text))
            labels.setdefault(key, each)
        problems += reader.problems
    ordered = tuple(labels[key] for key in sorted(labels))
    return LabelSet(tuple(classes), ordered, tuple(problems))


def _document(tree: Tree, name: str) -> Mapping[str, Any]:
    try:
        document = json.loads(tree.read(name))
    except (ValueError, RecursionError) as error:
        raise DataError(f'{name!r} is no JSON: {str(error)[:200]}.') from error
    if not isinstance(document, dict) or not all(
        isinstance(document.get(key), list) for key in ('images', 'annotations', 'categories')
    ):
        raise DataError(
            f'{name!r} is no COCO file of instances: expected an object with the lists images, '
            'annotations and categories.'
        )
    return document


class _Reader:
    """Reads one file; what it cannot read goes to ``problems``."""

    def __init__(self, file: str, images: ImageIndex, classes: list[str]) -> None:
        self.problems: list[Problem] = []
        self._file, self._images, self._classes = file, images, classes
        self._class_of: dict[Any, int] = {}

    def read(self, document: Mapping[str, Any], *, several: bool) -> Iterator[ImageLabels]:
        """Yield the images of a document with their instances."""
        self._read_categories(document['categories'])
        folder, _, file = self._file.rpartition('/')
        match = _FILE.fullmatch(file)
        named = folder if file == BESIDE_IMAGES else match[1].strip('_-') if match else ''
        subset = canonical_subset(named)
        known = ('train', 'val', 'test')
        subset = subset if several or subset in known else ''
        subset = '' if subset == 'default' else subset
        labels = dict(self._read_images(document['images'], subset))
        instances: dict[Any, list[Instance]] = {key: [] for key in labels}
        for number, entry in enumerate(document['annotations'], 1):
            try:
                key = _id(entry, 'image_id')
                if key not in labels:
                    raise DataError(f'image_id {key[1]!r:.60} is no readable image of the file')
                instance = self._read_instance(entry, labels[key].size, number)
            except (DataError, ImageError) as error:
                self._note('unreadable', number, f'annotation: {error}')
                continue
            if instance is not None:
                instances[key].append(instance)
        for key, each in labels.items():
            yield replace(each, instances=tuple(instances[key]))

    def _note(self, kind: str, number: int, text: str) -> None:
        self.problems.append(Problem(kind, self._file, number, text))

    def _read_categories(self, categories: list[Any]) -> None:
        """Number the categories; those of several files are the same where their names are."""
        found: dict[Any, str] = {}
        for number, entry in enumerate(categories, 1):
            try:
                key = _id(entry, 'id')
                name = checked_class_name(_field(entry, 'name', str | int), self._file)
            except DataError as error:
                self._note('unreadable', number, f'category: {error}')
                continue
            if key in found:
                self._note('duplicate', number, f'category id {key[1]!r:.60} comes twice')
            else:
                found[key] = name
        free = list(range(len(self._classes)))
        for key in sorted(found, key=lambda each: (isinstance(each, str), each)):
            index = next((n for n in free if self._classes[n] == found[key]), None)
            if index is None:
                index = len(self._classes)
                self._classes.append(found[key])
            else:
                free.remove(index)
            self._class_of[key] = index

    def _read_images(self, entries: list[Any], subset: str) -> Iterator[tuple[Any, ImageLabels]]:
        seen = set()
        for number, entry in enumerate(entries, 1):
            try:
                key = _id(entry, 'id')
                name = str(safe_relative_path(_field(entry, 'file_name', str), 'image'))
                if self._file.endswith(f'/{BESIDE_IMAGES}'):
                    name = self._file.replace(BESIDE_IMAGES, name)
                if key in seen:
                    raise DataError(f'id {key[1]!r:.60} comes twice')
                size = self._size(entry, name, subset)
            except (DataError, ImageError) as error:
                self._note('unreadable', number, f'image: {error}')
                continue
            if size is None:
                text = f'{name!r} is needed for its size; say where the images are'
                self._note('missing image', number, text)
                continue
            seen.add(key)
            yield key, ImageLabels(name, size, (), subset, self._file)

    def _size(self, entry: Mapping[str, Any], name: str, subset: str) -> tuple[int, int] | None:
        width, height = (_whole(entry.get(key)) for key in ('width', 'height'))
        if width is not None and height is not None:
            return checked_size(width, height, what='image')
        found = self._images.find(name, subset)
        return found.size() if found else None

    def _read_instance(
        self, entry: Mapping[str, Any], size: tuple[int, int], number: int
    ) -> Instance | None:
        category = _id(entry, 'category_id')
        if category not in self._class_of:
            text = f'category_id {category[1]!r:.60}, which is none of the categories'
            self._note('unknown class', number, text)
            return None
        parts = _parts(entry.get('segmentation'), size)
        box = _box(entry.get('bbox'))
        if box is None and not parts:
            raise DataError('it has neither bbox nor segmentation')
        score = entry.get('score')
        if score is not None:
            score = _number(score)
        return Instance(
            self._class_of[category],
            box or box_of_parts(parts),
            parts,
            score,
            entry.get('iscrowd') in (1, True),
            number,
        )


def _field(entry: object, key: str, kind: Any) -> Any:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, kind):
        raise DataError(f'{key} is {str(value)[:60]!r}')
    return value


def _id(entry: object, key: str) -> tuple[bool, int | str]:
    """Keep 1 and "1" apart, and both sortable."""
    value = _field(entry, key, int | str)
    return isinstance(value, str), value


def _whole(value: object) -> int | None:
    """Take 640.0 for 640, as tools write it that count in floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f'{str(value)[:60]!r} is no number')
    if not abs(value) <= _MAX_VALUE:
        raise DataError(f'the number {str(value)[:60]} is absurd')
    return float(value)


def _box(value: object) -> Box | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) != 4:
        raise DataError(f'bbox is {str(value)[:60]!r}, expected [x, y, width, height]')
    x, y, width, height = map(_number, value)
    if width < 0 or height < 0:
        raise DataError(f'bbox {str(value)[:60]} has a negative size')
    return x, y, x + width, y + height


def _parts(segmentation: object, size: tuple[int, int]) -> tuple[Part, ...]:
    if not segmentation or segmentation == [[]]:
        return ()
    if isinstance(segmentation, dict):
        return parts_from_mask(_mask(segmentation, size))
    if not isinstance(segmentation, list):
        raise DataError(f'segmentation is {str(segmentation)[:60]!r}')
    parts: list[Part] = []
    for polygon in segmentation:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise DataError('a polygon of the segmentation has no 3 corners or an odd count')
        if len(polygon) > 2 * _MAX_POINTS:
            raise DataError(f'a polygon has more than {_MAX_POINTS} corners')
        ring = np.array([_number(value) for value in polygon]).reshape(-1, 2)
        parts += split_ring(ring) or (Part(ring),)
    return tuple(parts)


def _mask(segmentation: Mapping[str, Any], size: tuple[int, int]) -> 'np.ndarray[Any, Any]':
    if segmentation.get('size') != [size[1], size[0]]:
        raise DataError(
            f'the mask has the size {str(segmentation.get("size"))[:60]}, expected that of the '
            f'image: {[size[1], size[0]]}'
        )
    counts = segmentation.get('counts')
    if isinstance(counts, str):
        counts = decompress_runs(counts)
    if not isinstance(counts, list):
        raise DataError(f'the counts of the mask are {str(counts)[:60]!r}')
    return decode_runs(counts, size)
