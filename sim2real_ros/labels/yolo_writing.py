"""Write YOLO data sets, as Ultralytics lays them out and as CVAT does."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from sim2real_ros.labels.beside_image import label_names
from sim2real_ros.labels.image_names import bare_name_of
from sim2real_ros.labels.label_set import ImageLabels, LabelSet
from sim2real_ros.labels.output_file import OutputFile, WriteOptions
from sim2real_ros.labels.yolo_text import format_yolo_text


def yolo_files(label_set: LabelSet, options: WriteOptions) -> Iterator[OutputFile]:
    """Write the label files, data.yaml and classes.txt of a folder for Ultralytics.

    All images are polygons, or all are boxes: Ultralytics drops every polygon of a data set that
    mixes them. ``val``, which it asks for, is ``train`` where there is nothing else. There is no
    ``path``: it would be taken from where training starts, not from where data.yaml lies.
    """
    yield from _label_files(label_set, options, skip_empty=False)
    folders = {}
    for subset in _subsets(label_set):
        folders[subset or 'train'] = f'images/{subset}' if subset else 'images'
    first = next(iter(folders.values()), 'images')
    folders = {'train': first, 'val': folders.get('train', first), **folders}
    config = {**folders, 'names': dict(enumerate(label_set.classes))}
    yield OutputFile('data.yaml', _yaml(config))
    yield OutputFile('classes.txt', ''.join(f'{c}\n' for c in label_set.classes).encode())


def ultralytics_files(label_set: LabelSet, options: WriteOptions) -> Iterator[OutputFile]:
    """Write label files, data.yaml and lists of images as CVAT exports and imports them.

    Images without instances have no label file, as in CVAT's exports. CVAT takes paths from where
    data.yaml lies, and Ultralytics does where there is no ``path`` and lists begin with ``./``.
    """
    yield from _label_files(label_set, options, skip_empty=True)
    lists: dict[str, list[str]] = {}
    for labels in label_set.images:
        lists.setdefault(labels.subset or 'train', []).append(ultralytics_image_name(labels))
    config: dict[str, Any] = {}
    for subset, images in lists.items() or [('train', [])]:
        config[subset] = f'{subset}.txt'
        yield OutputFile(f'{subset}.txt', ''.join(f'./{name}\n' for name in images).encode())
    yield OutputFile('data.yaml', _yaml({**config, 'names': dict(enumerate(label_set.classes))}))


def yolo_image_name(labels: ImageLabels) -> str:
    """Return where an image lies: ``images/<subset>/<name>``."""
    return '/'.join(filter(None, ('images', labels.subset, bare_name_of(labels))))


def ultralytics_image_name(labels: ImageLabels) -> str:
    """Return where an image lies: always in a subset, ``train`` where none is known."""
    return f'images/{labels.subset or "train"}/{bare_name_of(labels)}'


def _label_files(
    label_set: LabelSet, options: WriteOptions, *, skip_empty: bool
) -> Iterator[OutputFile]:
    image_name = ultralytics_image_name if skip_empty else yolo_image_name
    polygons = options.shapes != 'boxes' and label_set.has_parts
    for number, labels in enumerate(label_set.images):
        content = format_yolo_text(labels, polygons=polygons, scores=options.scores)
        if content or not skip_empty:
            (name,) = label_names(image_name(labels), 'labels')
            yield OutputFile(name, content, number)


def _subsets(label_set: LabelSet) -> list[str]:
    return list(dict.fromkeys(labels.subset for labels in label_set.images))


def _yaml(config: Mapping[str, Any]) -> bytes:
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=10**6)
    return str(text).encode('utf-8')
