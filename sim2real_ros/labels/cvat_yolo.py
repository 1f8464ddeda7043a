"""CVAT's "YOLO 1.1": Darknet's layout with obj.data, obj.names and a folder per subset.

https://docs.cvat.ai/docs/dataset_management/formats/format-yolo: boxes only, and the subsets
``train`` and ``valid`` only. The paths inside begin with ``data/``, which is no folder.
"""

import re
from collections.abc import Iterator

from sim2real_ros.errors import DataError
from sim2real_ros.labels.image_index import ImageIndex
from sim2real_ros.labels.image_names import bare_name_of, canonical_subset, stem_of
from sim2real_ros.labels.label_entries import Entry, read_entries
from sim2real_ros.labels.label_set import ImageLabels, LabelSet
from sim2real_ros.labels.output_file import OutputFile, WriteOptions
from sim2real_ros.labels.problem import Problem
from sim2real_ros.labels.tree import Tree, text_lines
from sim2real_ros.labels.yolo import located
from sim2real_ros.labels.yolo_names import checked_class_name
from sim2real_ros.labels.yolo_text import format_yolo_text

_LABEL_FILE = re.compile(r'obj_\w+_data/.+\.txt')
_NO_SUBSETS = ('classes', 'names', 'backup')
_SETTING = re.compile(r'\s*(\w+)\s*=\s*(.+?)\s*')


def sniff_cvat_yolo(tree: Tree) -> bool:
    """Tell whether a tree has the file that only this format has."""
    return 'obj.data' in tree.names


def read_cvat_yolo(tree: Tree, images: ImageIndex) -> LabelSet:
    """Read a data set, with or without its images.

    Raises:
        DataError: obj.data or the class names are missing or unusable.
    """
    if 'obj.data' not in tree.names:
        raise DataError(f'{str(tree.path)!r} has no obj.data, which is where YOLO 1.1 begins.')
    matches = (_SETTING.fullmatch(line) for line in text_lines(tree, 'obj.data'))
    settings = {match[1]: match[2] for match in matches if match}
    files = frozenset(tree.names)
    names_file = located(settings.get('names', 'obj.names'), '', files)
    if names_file not in files:
        raise DataError(f'obj.data names {names_file!r} for the classes, and it is not there.')
    lines = [line for line in text_lines(tree, names_file) if line]
    names = {number: checked_class_name(line, names_file) for number, line in enumerate(lines)}
    problems: list[Problem] = []
    entries: list[Entry] = []
    for key, value in settings.items():
        if key in _NO_SUBSETS:
            continue
        listing = located(value, '', files)
        # CVAT's files name the list of a subset that is empty, and leave the list out.
        if listing in files:
            entries += _entries(tree, files, listing, canonical_subset(key))
        else:
            problems.append(Problem('unreadable', 'obj.data', 0, f'{key}: no {listing!r} there'))
    label_files = [name for name in tree.names if _LABEL_FILE.fullmatch(name)]
    return read_entries(tree, images, entries, names, problems, label_files)


def cvat_yolo_files(label_set: LabelSet, options: WriteOptions) -> Iterator[OutputFile]:
    """Write label files of boxes, the lists of images, obj.names and obj.data."""
    lists: dict[str, list[str]] = {}
    for number, labels in enumerate(label_set.images):
        image = cvat_yolo_image_name(labels)
        lists.setdefault(cvat_subset(labels), []).append(image)
        content = format_yolo_text(labels, polygons=False, scores=False)
        yield OutputFile(f'{stem_of(image)}.txt', content, number)
    settings = [f'classes = {len(label_set.classes)}\n']
    for subset, images in lists.items() or [('train', [])]:
        settings.append(f'{subset} = data/{subset}.txt\n')
        listing = ''.join(f'data/{image}\n' for image in images)
        yield OutputFile(f'{subset}.txt', listing.encode())
    settings += ['names = data/obj.names\n', 'backup = backup/\n']
    yield OutputFile('obj.names', ''.join(f'{name}\n' for name in label_set.classes).encode())
    yield OutputFile('obj.data', ''.join(settings).encode())


def cvat_yolo_image_name(labels: ImageLabels) -> str:
    """Return where an image lies: ``obj_train_data/<name>``."""
    return f'obj_{cvat_subset(labels)}_data/{bare_name_of(labels)}'


def cvat_subset(labels: ImageLabels) -> str:
    """Return the subset of an image as CVAT calls it; what is not for training is ``valid``."""
    return 'train' if labels.subset in ('', 'train') else 'valid'


def _entries(tree: Tree, files: frozenset[str], listing: str, subset: str) -> Iterator[Entry]:
    for line in text_lines(tree, listing):
        if line:
            image = located(line, '', files)
            text = f'{stem_of(image)}.txt'
            yield Entry(image, subset, text if text in files else '')
