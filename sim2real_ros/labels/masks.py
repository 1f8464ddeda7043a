"""Masks as PNG files, with ids in their pixels.

    masks/<image>.png        8 bits: the id of the class of each pixel (semantic)
    instances/<image>.png    16 bits: id of the class * 1000 + number of the instance from 1, much
                             like Cityscapes; 0 where nothing is labelled
    masks.json               {"background": 0, "classes": {"1": "car", "2": "duck"}}
    classes.txt              the names alone, one per line

Without masks.json the ids stand for the lines of classes.txt in order, leaving out the id of the
background. Palette PNGs are read by their indices; their colours say nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.image.encode_file import encode_mask
from sim2real_ros.image.palette_png import decode_ids
from sim2real_ros.labels.image_index import ImageIndex
from sim2real_ros.labels.image_names import bare_name_of, stem_of, subset_of, with_suffix_of
from sim2real_ros.labels.label_set import ImageLabels, Instance, LabelSet
from sim2real_ros.labels.output_file import OutputFile, WriteOptions
from sim2real_ros.labels.problem import Problem
from sim2real_ros.labels.raster import rasterise
from sim2real_ros.labels.rings import area_of_parts, box_of_parts, part_of_box
from sim2real_ros.labels.tracing import parts_from_mask
from sim2real_ros.labels.tree import Tree
from sim2real_ros.labels.yolo_names import (
    checked_class_name,
    class_table,
    names_of_files,
    unknown_class,
)

INSTANCE_STEP = 1000
"""Instances of one class that an image can have; as in Cityscapes."""

MAX_CLASSES = 255
"""Of 8-bit masks, less the background."""

DEFAULT_BACKGROUND = 0
_DESCRIPTION = 'masks.json'
_FOLDERS = ('masks/', 'instances/')
_MAX_INSTANCE_ID = 65535


def sniff_masks(tree: Tree) -> bool:
    """Tell whether a tree has a description of masks or a folder of them."""
    return any(
        name == _DESCRIPTION or (name.startswith(_FOLDERS) and name.endswith('.png'))
        for name in tree.names
    )


def is_bare(tree: Tree) -> bool:
    """Tell whether every PNG of a tree is a mask, so that none of them is an image."""
    return not any(name.startswith(_FOLDERS) for name in tree.names)


def read_masks(
    tree: Tree, images: ImageIndex, background: int | None = DEFAULT_BACKGROUND
) -> LabelSet:
    """Read masks of instances, and masks of classes for images that have no other.

    In masks of classes every connected region is an instance, since nothing tells more.

    Args:
        tree: The data set; without the folders above, every PNG in it is a mask of classes.
        images: To name the images by; masks know their size themselves.
        background: Id of pixels without a label, where masks.json does not tell; None if every
            id is a class.

    Raises:
        DataError: masks.json or classes.txt is unusable.
    """
    names, background = _description(tree, background)
    by_image: dict[str, tuple[str, bool]] = {}
    for name, image, is_numbered in _mask_files(tree):
        if is_numbered or image not in by_image:
            by_image[image] = (name, is_numbered)
    problems = list(tree.problems)
    read: list[ImageLabels] = []
    for image, (name, is_numbered) in sorted(by_image.items()):
        try:
            ids = _ids(tree, name)
            labels = _image_labels(image, name, ids.shape, tree, images)
        except (DataError, ImageError) as error:
            problems.append(Problem('unreadable', name, 0, str(error)))
            continue
        read.append(replace(labels, instances=tuple(_instances(ids, is_numbered, background))))
    return _with_classes(read, names, background, problems)


def mask_files(label_set: LabelSet, options: WriteOptions) -> Iterator[OutputFile]:
    """Write both masks of every image, masks.json and classes.txt.

    Where instances overlap, the smaller one is on top.

    Raises:
        DataError: There are more classes or instances than the pixels can tell apart.
    """
    ids = class_ids(len(label_set.classes), options.background)
    for number, labels in enumerate(label_set.images):
        semantic, numbered = draw_ids(labels, ids, options.background)
        name = f'{stem_of(mask_image_name(labels).removeprefix("images/"))}.png'
        yield OutputFile(f'masks/{name}', encode_mask(semantic), number)
        yield OutputFile(f'instances/{name}', encode_mask(numbered), number)
    names = {str(each): name for each, name in zip(ids, label_set.classes, strict=True)}
    text = json.dumps({'background': options.background, 'classes': names}, ensure_ascii=False)
    yield OutputFile(_DESCRIPTION, f'{text}\n'.encode())
    yield OutputFile('classes.txt', ''.join(f'{c}\n' for c in label_set.classes).encode())


def mask_image_name(labels: ImageLabels) -> str:
    """Return where an image lies: ``images/<subset>/<name>``."""
    return '/'.join(filter(None, ('images', labels.subset, bare_name_of(labels))))


def class_ids(count: int, background: int) -> list[int]:
    """Return the ids that classes have in masks: in order, without that of the background.

    Raises:
        DataError: There are more classes than 8 bits tell apart.
    """
    if count > MAX_CLASSES:
        raise DataError(f'{count} classes do not fit into 8-bit masks, which have {MAX_CLASSES}.')
    return [each for each in range(count + 1) if each != background][:count]


def draw_ids(
    labels: ImageLabels, ids: list[int], background: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
    """Draw the instances of an image as masks of ids, smaller ones on top.

    Args:
        labels: Instances without a shape are drawn as their boxes.
        ids: Of the classes in the masks.
        background: Id where there is nothing.

    Returns:
        Ids of classes, and of instances as in ``instances/``; both (H, W).

    Raises:
        DataError: There are more instances than the pixels can tell apart.
    """
    width, height = labels.size
    semantic = np.full((height, width), background, np.uint8)
    numbered = np.zeros((height, width), np.uint16)
    counts: dict[int, int] = {}
    shapes = [(each, each.parts or (part_of_box(each.box),)) for each in labels.instances]
    for instance, parts in sorted(shapes, key=lambda pair: -area_of_parts(pair[1])):
        class_id = ids[instance.class_id]
        number = counts[class_id] = counts.get(class_id, 0) + 1
        value = class_id * INSTANCE_STEP + number
        if number >= INSTANCE_STEP or value > _MAX_INSTANCE_ID:
            raise DataError(
                f'{labels.image!r}: instance {number} of the class with id {class_id} does not '
                'fit into a 16-bit mask (65 classes, 999 instances of each); use coco or yolo.'
            )
        mask = rasterise(parts, labels.size)
        semantic[mask] = class_id
        numbered[mask] = value
    return semantic, numbered


def _mask_files(tree: Tree) -> Iterator[tuple[str, str, bool]]:
    """Yield (name, image, whether it holds instances) of all masks."""
    pngs = [name for name in tree.names if name.lower().endswith('.png')]
    folders = [name for name in pngs if name.startswith(_FOLDERS)]
    for name in folders:
        kind, _, rest = name.partition('/')
        yield name, f'images/{rest}' if not rest.startswith('images/') else rest, kind != 'masks'
    if not folders:
        yield from ((name, name, False) for name in pngs)


def _ids(tree: Tree, name: str) -> npt.NDArray[Any]:
    ids = decode_ids(tree.read(name))
    if ids.ndim != 2:
        raise DataError('it is a mask of colours; expected ids in grey or in a palette')
    return ids


def _image_labels(
    image: str, name: str, shape: tuple[int, ...], tree: Tree, images: ImageIndex
) -> ImageLabels:
    size = (shape[1], shape[0])
    subset = subset_of(image)
    found = images.find(image, subset)
    if found is None:
        return ImageLabels(image, size, (), subset, name)
    if found.size() != size:
        raise DataError(f'it has {size} pixels, and its image {found.name!r} {found.size()}')
    own = found.name if found.tree is tree else with_suffix_of(image, found.name)
    return ImageLabels(own, size, (), subset, name)


def _instances(
    ids: npt.NDArray[Any], is_numbered: bool, background: int | None
) -> Iterator[Instance]:
    """Yield the instances of a mask; their class is still the id in the mask."""
    for value in np.unique(ids).tolist():
        if value == (0 if is_numbered else background):
            continue
        class_id = value // INSTANCE_STEP if is_numbered else value
        parts = parts_from_mask(ids == value)
        for group in (parts,) if is_numbered else ((part,) for part in parts):
            yield Instance(class_id, box_of_parts(group), tuple(group))


def _with_classes(
    images: list[ImageLabels],
    names: Mapping[int, str] | None,
    background: int | None,
    problems: list[Problem],
) -> LabelSet:
    used = {each.class_id for labels in images for each in labels.instances}
    if names is None:
        ids = (each for each in range(max(used, default=-1) + 1) if each != background)
        names = {each: f'class_{each}' for each in ids}
    classes, index = class_table(names, ())
    result = []
    for labels in images:
        known = (each for each in labels.instances if each.class_id in index)
        kept = tuple(replace(each, class_id=index[each.class_id]) for each in known)
        result.append(replace(labels, instances=kept))
        for class_id in sorted({each.class_id for each in labels.instances} - set(index)):
            problems.append(unknown_class(labels.file, 0, class_id, len(classes)))
    ordered = tuple(sorted(result, key=lambda labels: labels.image))
    return LabelSet(classes, ordered, tuple(problems))


def _description(tree: Tree, background: int | None) -> tuple[dict[int, str] | None, int | None]:
    """Return class names by id and the id of the background, as far as the data set tells."""
    if _DESCRIPTION not in tree.names:
        lines = names_of_files(tree)
        if lines is None:
            return None, background
        ids = [each for each in range(len(lines) + 1) if each != background]
        return dict(zip(ids, lines.values(), strict=False)), background
    try:
        document = json.loads(tree.read(_DESCRIPTION))
        told = document['background']
        names = {int(key): name for key, name in document['classes'].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f'{_DESCRIPTION!r} is damaged ({str(error)[:100]}); expected '
            '{"background": 0, "classes": {"1": "name"}}.'
        ) from error
    if told is not None and (isinstance(told, bool) or not isinstance(told, int)):
        raise DataError(f'{_DESCRIPTION!r}: the background is {str(told)[:60]!r}, expected an id.')
    return {key: checked_class_name(names[key], _DESCRIPTION) for key in sorted(names)}, told
