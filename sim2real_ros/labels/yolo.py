"""YOLO data sets as Ultralytics lays them out: data.yaml, images/ and labels/.

https://docs.ultralytics.com/datasets/detect and https://docs.ultralytics.com/datasets/segment
Zips that CVAT exports and imports as "Ultralytics YOLO Detection" and "Segmentation" are the same
with a list of images per subset: https://docs.cvat.ai/docs/dataset_management/formats/
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

from sim2real_ros.config import parse_yaml_mapping
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.labels.beside_image import label_names
from sim2real_ros.labels.image_index import ImageIndex
from sim2real_ros.labels.image_names import (
    IMAGE_SUFFIXES,
    SUBSET_KEYS,
    canonical_subset,
    image_of_label,
    is_image,
    stem_of,
    subset_of,
)
from sim2real_ros.labels.label_entries import Entry, read_entries
from sim2real_ros.labels.label_set import LabelSet
from sim2real_ros.labels.problem import Problem
from sim2real_ros.labels.tree import Tree, text_lines
from sim2real_ros.labels.yolo_names import NAME_FILES, names_of_files, names_of_yaml

_CONFIG_NAMES = ('data.yaml', 'dataset.yaml', 'data.yml')
_OVERVIEW = 'contact_sheet.png'
"""What is put beside the images of a data set for people to look at."""

_NO_LABELS = {'train.txt', 'val.txt', 'valid.txt', 'test.txt', 'readme.txt', 'licence.txt'}
_NO_LABELS |= {'license.txt', *NAME_FILES}


def sniff_yolo(tree: Tree) -> bool:
    """Tell whether a tree looks like YOLO labels of the Ultralytics kind."""
    if _config_name(tree):
        return True
    return any(_is_label_file(name) for name in tree.names)


def sniff_lists(tree: Tree) -> bool:
    """Tell whether a tree has lists of images per subset, as CVAT's exports have."""
    return sniff_yolo(tree) and any(f'{key}.txt' in tree.names for key in SUBSET_KEYS)


def read_yolo(tree: Tree, images: ImageIndex) -> LabelSet:
    """Read a data set, with or without data.yaml, with or without its images.

    Without data.yaml every image counts, and every text file in a folder ``labels`` or beside
    an image; class names are then in classes.txt, in obj.names, or made up.

    Raises:
        DataError: data.yaml or the class names are unusable.
    """
    name = _config_name(tree)
    config: Mapping[Any, Any] = _read_config(tree, name) if name else {}
    names = names_of_yaml(config, name)
    names = names_of_files(tree) if names is None else names
    problems: list[Problem] = []
    if config.get('kpt_shape'):
        raise DataError(
            f'{name} describes poses (kpt_shape); boxes and polygons can be read. Export the data '
            'set for detection or segmentation.'
        )
    subsets = {str(key): value for key, value in config.items() if key in SUBSET_KEYS and value}
    if subsets:
        entries = list(_entries_of_config(tree, config, subsets, name, problems))
    else:
        entries = list(_entries_of_scan(tree, images))
    files = frozenset(tree.names)
    label_files = [each for each in tree.names if _belongs_to_image(each, files)]
    return read_entries(tree, images, entries, names, problems, label_files)


def _config_name(tree: Tree) -> str:
    """Return the data set's YAML file: one of the usual name, else the only one; '' for none."""
    for name in _CONFIG_NAMES:
        if name in tree.names:
            return name
    at_root = [name for name in tree.names if '/' not in name and name.endswith(('.yaml', '.yml'))]
    if len(at_root) != 1:
        return ''
    try:
        config = _read_config(tree, at_root[0])
    except DataError:
        return ''
    return at_root[0] if 'names' in config and any(key in config for key in SUBSET_KEYS) else ''


def _read_config(tree: Tree, name: str) -> Mapping[Any, Any]:
    try:
        return parse_yaml_mapping(tree.read(name), name)
    except ConfigError as error:
        raise DataError(str(error)) from error


def _entries_of_config(
    tree: Tree,
    config: Mapping[Any, Any],
    subsets: Mapping[str, Any],
    where: str,
    problems: list[Problem],
) -> Iterator[Entry]:
    files = frozenset(tree.names)
    base = _base(tree, config.get('path'))
    found: dict[str, list[str]] = {}
    for key, value in subsets.items():
        subset = canonical_subset(key)
        places = value if isinstance(value, list) else [value]
        count = 0
        for place in places:
            if not isinstance(place, str):
                text = f'{key}: {str(place)[:60]!r}, expected a folder or a list of images'
                problems.append(Problem('unreadable', where, 0, text))
                continue
            for image in _images_of_place(tree, files, base, place):
                count += 1
                found.setdefault(image, []).append(subset)
        if not count:
            text = f'{key}: {str(value)[:60]!r} names no image or label file of the data set'
            problems.append(Problem('unreadable', where, 0, text))
    for image, named in found.items():
        # `train` and `val` may name the same folder, since training asks for both.
        own = subset_of(image)
        yield Entry(image, own if own in named else named[0], _label_file(image, files))


def _base(tree: Tree, path: object) -> str:
    """Return the folder in the tree that a data.yaml's ``path`` means; '' is the tree itself.

    It is often absolute, or relative to where somebody trained once; only what is there counts.
    """
    if not isinstance(path, str):
        return ''
    folder = Path(path)
    if folder.is_absolute() and folder.is_relative_to(tree.path.absolute()):
        path = folder.relative_to(tree.path.absolute()).as_posix()
    clean = _normal(path)
    return clean if clean and any(name.startswith(f'{clean}/') for name in tree.names) else ''


def _normal(path: str) -> str:
    """Return a relative path without ``.`` and empty parts, '' for one that leads elsewhere."""
    if path.startswith('/') or '\\' in path:
        return ''
    parts = [part for part in path.split('/') if part not in ('', '.')]
    return '' if '..' in parts else '/'.join(parts)


def _images_of_place(tree: Tree, files: frozenset[str], base: str, place: str) -> Iterator[str]:
    place = place.replace('\\', '/')
    # Roboflow's files say ../train/images and mean train/images, as Ultralytics reads it too.
    while place.startswith('../'):
        place = place[3:]
    drive = re.match('[A-Za-z]:', place)
    parts = [part for part in place[drive.end() if drive else 0 :].split('/') if part.strip('.')]
    if '..' in place.split('/'):
        return
    # Of the absolute path of another machine, the longest end that is here counts.
    starts = range(min(len(parts), 20)) if drive or place[:1] == '/' else (0,)
    for start, root in product(starts, dict.fromkeys((base, ''))):
        path = '/'.join([*filter(None, [root]), *parts[start:]])
        if path.endswith('.txt') and path in files:
            yield from _listed_images(tree, files, path)
            return
        found = list(_images_of_folder(tree, path))
        if found:
            yield from found
            return


def _images_of_folder(tree: Tree, folder: str) -> Iterable[str]:
    """Yield the images of a folder, or what they must be called where only labels are there."""
    prefix = f'{folder}/' if folder else ''
    images = [name for name in tree.names if name.startswith(prefix) and is_image(name)]
    if images:
        return images
    try:
        probe = str(PurePosixPath(label_names(f'{prefix}x.jpg', 'labels')[0]).parent)
    except DataError:
        return ()
    prefix = '' if probe == '.' else f'{probe}/'
    labels = (name for name in tree.names if name.startswith(prefix) and _is_label_file(name))
    return [
        f'{folder}/{stem_of(name.removeprefix(prefix))}.jpg'.removeprefix('/') for name in labels
    ]


def _listed_images(tree: Tree, files: frozenset[str], listing: str) -> Iterator[str]:
    """Yield the lines of a list of images, as paths in the tree."""
    folder = str(PurePosixPath(listing).parent)
    root = '' if folder == '.' else f'{folder}/'
    for line in text_lines(tree, listing):
        if line:
            yield located(line, root, files)


def located(line: str, root: str, files: frozenset[str]) -> str:
    """Return which file of a tree a line of a list means.

    Lists hold paths relative to themselves or to the data set, some behind ``./`` or ``data/``,
    or absolute ones of another machine; then the longest end that is a file here counts.

    Args:
        line: A path.
        root: Folder of the list in the tree, with a slash at the end; '' for the tree's own.
        files: All files of the tree.
    """
    clean = line.replace('\\', '/').removeprefix('./')
    parts = [part for part in clean.split('/') if part not in ('', '.', '..')]
    for start in range(min(len(parts), 20)):
        end = '/'.join(parts[start:])
        for name in (f'{root}{end}', end):
            if name in files or _label_file(name, files):
                return name
    if len(parts) > 1 and parts[0] == 'data':
        del parts[0]
    return '/'.join(parts) or 'unnamed'


def _label_file(image: str, files: frozenset[str]) -> str:
    """Return the label file of an image: in labels/ for images/, else beside it; '' for none."""
    try:
        names = [*label_names(image, 'labels'), f'{stem_of(image)}.txt']
    except DataError:
        return ''
    return next((name for name in names if name in files), '')


def _entries_of_scan(tree: Tree, images: ImageIndex) -> Iterator[Entry]:
    """Yield every image with its label file, then every label file that is left.

    A label file in a folder of any other name goes to the image of its name that has none.
    """
    files = frozenset(tree.names)
    file_of = {
        name: _label_file(name, files)
        for name in tree.names
        if is_image(name) and name.split('/', 1)[0] not in ('masks', 'labels')
    }
    if not file_of.get(_OVERVIEW):
        file_of.pop(_OVERVIEW, None)
    used = set(file_of.values())
    for name in tree.names:
        if name in used or not _is_label_file(name):
            continue
        image = image_of_label(name)
        found = images.find(image, subset_of(image))
        if found is not None and found.tree is tree:
            image = found.name
        if not file_of.get(image):
            file_of[image] = name
    for image, file in file_of.items():
        yield Entry(image, subset_of(image), file)


def _belongs_to_image(name: str, files: frozenset[str]) -> bool:
    """Tell whether a file can only be a label file: it is in labels/ or beside an image."""
    if not _is_label_file(name):
        return False
    stem, folders = stem_of(name), name.split('/')[:-1]
    return 'labels' in folders or any(f'{stem}{suffix}' in files for suffix in IMAGE_SUFFIXES)


def _is_label_file(name: str) -> bool:
    """Tell a label file by its name: a text file in labels/, or one that is no list or notice."""
    parts = name.lower().split('/')
    if not parts[-1].endswith('.txt') or name in NAME_FILES or parts[-1] == 'classes.txt':
        return False
    return 'labels' in parts[:-1] or parts[-1] not in _NO_LABELS
