"""The table of label formats, and reading any of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sim2real_ros.errors import DataError
from sim2real_ros.labels.coco import coco_files, coco_image_name, sniff_coco
from sim2real_ros.labels.coco_reading import read_coco
from sim2real_ros.labels.cvat_yolo import (
    cvat_yolo_files,
    cvat_yolo_image_name,
    read_cvat_yolo,
    sniff_cvat_yolo,
)
from sim2real_ros.labels.image_index import ImageIndex
from sim2real_ros.labels.image_names import is_image
from sim2real_ros.labels.label_set import ImageLabels, LabelSet
from sim2real_ros.labels.masks import (
    DEFAULT_BACKGROUND,
    is_bare,
    mask_files,
    mask_image_name,
    read_masks,
    sniff_masks,
)
from sim2real_ros.labels.output_file import OutputFile, WriteOptions
from sim2real_ros.labels.tree import SubTree, Tree, open_tree
from sim2real_ros.labels.yolo import read_yolo, sniff_lists, sniff_yolo
from sim2real_ros.labels.yolo_names import checked_class_name
from sim2real_ros.labels.yolo_writing import (
    ultralytics_files,
    ultralytics_image_name,
    yolo_files,
    yolo_image_name,
)

AUTO = 'auto'
NO_BACKGROUND = -1
"""For masks in which every id is a class."""


@dataclass(frozen=True)
class Format:
    """A label format.

    Attributes:
        description: One line for people.
        sniff: Tells whether a tree is in this format.
        read: Reads it; sizes come from the images where the format has none.
        files: Gives the files that hold a label set, one after the other.
        image_name: Where the format wants an image to lie.
        keeps: What survives: ``polygons``, ``overlap`` of instances, ``scores``, ``subsets``.
    """

    description: str
    sniff: Callable[[Tree], bool]
    read: Callable[[Tree, ImageIndex], LabelSet]
    files: Callable[[LabelSet, WriteOptions], Iterator[OutputFile]]
    image_name: Callable[[ImageLabels], str]
    keeps: frozenset[str]


FORMATS: dict[str, Format] = {
    'yolo-1.1': Format(
        'CVAT "YOLO 1.1": boxes, obj.data (folder or zip)',
        sniff_cvat_yolo,
        read_cvat_yolo,
        cvat_yolo_files,
        cvat_yolo_image_name,
        frozenset({'overlap'}),
    ),
    'coco': Format(
        'COCO instances: boxes, polygons, masks (.json, folder or zip)',
        sniff_coco,
        read_coco,
        coco_files,
        coco_image_name,
        frozenset({'polygons', 'overlap', 'scores', 'subsets'}),
    ),
    'ultralytics': Format(
        'CVAT "Ultralytics YOLO Detection/Segmentation" with lists (zip or folder)',
        sniff_lists,
        read_yolo,
        ultralytics_files,
        ultralytics_image_name,
        frozenset({'polygons', 'overlap', 'scores', 'subsets'}),
    ),
    'yolo': Format(
        'Ultralytics data sets: boxes or polygons, data.yaml (folder or zip)',
        sniff_yolo,
        read_yolo,
        yolo_files,
        yolo_image_name,
        frozenset({'polygons', 'overlap', 'scores', 'subsets'}),
    ),
    'masks': Format(
        'PNGs with ids of classes and of instances (folder or zip)',
        sniff_masks,
        read_masks,
        mask_files,
        mask_image_name,
        frozenset({'polygons', 'subsets'}),
    ),
}
"""By name, in the order in which they are looked for: what is told apart most easily first."""


def read_labels(
    path: Path | str,
    format: str = AUTO,  # noqa: A002
    images: Path | str | None = None,
    *,
    background: int = DEFAULT_BACKGROUND,
    classes: Sequence[str] | None = None,
) -> LabelSet:
    """Read the labels of a data set.

    Reading goes on after a line or file that is wrong: what was left out is in ``problems``.

    Args:
        path: Folder, zip or .json file.
        format: Key of ``FORMATS``, or ``auto``.
        images: Folder or zip of the images, where they are not with the labels.
        background: Masks without masks.json: the id that is no class; ``NO_BACKGROUND`` = none.
        classes: Names in place of those of the data set; at least as many.

    Raises:
        DataError: It cannot be read at all, is in no known format, or the background is no id.
    """
    if format not in (AUTO, *FORMATS):
        raise DataError(f'unknown format {format!r}, expected one of {", ".join(FORMATS)}')
    if background < NO_BACKGROUND:
        raise DataError(f'the background {background} is no id; -1 stands for none')
    with ExitStack() as stack:
        tree = _root(stack.enter_context(open_tree(Path(path))))
        name = _sniffed(tree) if format == AUTO else format
        others = [stack.enter_context(open_tree(Path(images)))] if images is not None else []
        own = [] if name == 'masks' and is_bare(tree) else [tree]
        index = ImageIndex([*own, *others])
        if name == 'masks':
            found = read_masks(tree, index, None if background == NO_BACKGROUND else background)
        else:
            found = FORMATS[name].read(tree, index)
    return found if classes is None else _renamed(found, classes)


def _renamed(label_set: LabelSet, classes: Sequence[str]) -> LabelSet:
    if len(classes) < len(label_set.classes):
        raise DataError(
            f'{len(classes)} class names were given, but the labels have '
            f'{len(label_set.classes)} classes: {", ".join(label_set.classes)[:200]}.'
        )
    names = tuple(checked_class_name(each, 'class names') for each in classes)
    return replace(label_set, classes=names)


def sniff_format(path: Path | str) -> str:
    """Return the key of ``FORMATS`` for what lies at a path.

    Raises:
        DataError: It is in no known format.
    """
    with open_tree(Path(path)) as tree:
        return _sniffed(_root(tree))


def _sniffed(tree: Tree) -> str:
    for name, each in FORMATS.items():
        if each.sniff(tree):
            return name
    known = '; '.join(f'{name}: {each.description}' for name, each in FORMATS.items())
    refused = f' Refused: {tree.problems[0]}' if tree.problems else ''
    count = sum(map(is_image, tree.names))
    found = f'{count} images were found, but no labels: ' if count else ''
    raise DataError(
        f'{found}{str(tree.path)!r} is in no label format that is known here. {known}.{refused}'
    )


def _root(tree: Tree) -> Tree:
    """Go into the one folder of a zip that was made of a folder."""
    if tree.path.is_dir() or any(each.sniff(tree) for each in _DEFINITE):
        return tree
    tops = {name.partition('/')[0] for name in tree.names}
    if len(tops) != 1 or any('/' not in name for name in tree.names):
        return tree
    inner = SubTree(tree, tops.pop())
    return inner if any(each.sniff(inner) for each in FORMATS.values()) else tree


_DEFINITE = [FORMATS[name] for name in ('yolo-1.1', 'coco', 'masks')]
"""Formats that are not mistaken for a folder around another one."""
