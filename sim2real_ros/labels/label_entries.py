"""Read the label files of a data set, once it is known which file belongs to which image."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sim2real_ros.errors import DataError
from sim2real_ros.files import safe_relative_path
from sim2real_ros.labels.image_index import ImageIndex
from sim2real_ros.labels.image_names import image_of_label, stem_of, subset_of, with_suffix_of
from sim2real_ros.labels.label_set import ImageLabels, Instance, LabelSet
from sim2real_ros.labels.problem import Problem
from sim2real_ros.labels.tree import Tree
from sim2real_ros.labels.yolo_names import class_table, unknown_class
from sim2real_ros.labels.yolo_text import parse_yolo_text


@dataclass(frozen=True)
class Entry:
    """An image of a data set and its label file.

    Attributes:
        image: Path of the image as the data set names it; its suffix may be a guess.
        subset: '' where there are none.
        file: Label file in the tree, '' where there is none.
    """

    image: str
    subset: str = ''
    file: str = ''


def read_entries(
    tree: Tree,
    images: ImageIndex,
    entries: Iterable[Entry],
    names: Mapping[int, str] | None,
    problems: Iterable[Problem] = (),
    label_files: Iterable[str] = (),
) -> LabelSet:
    """Read YOLO label files.

    Args:
        tree: Where the label files are.
        images: Where the images are, of which the sizes are needed.
        entries: What to read; an image that comes twice counts once.
        names: Class names by the files' class ids; None = make some up.
        problems: Found before.
        label_files: All label files of the tree; those that no entry names are told.

    Returns:
        The images in the order of their names. What could not be read is in ``problems``.
    """
    found: dict[str, ImageLabels] = {}
    named: set[str] = set()
    all_problems = [*tree.problems, *problems]
    for entry in entries:
        if entry.image in found:
            continue
        labels, more = _read_entry(tree, images, entry)
        all_problems += more
        if labels is not None and found.setdefault(labels.image, labels).file != labels.file:
            text = f'its image {labels.image!r} has other labels, {found[labels.image].file!r}'
            all_problems.append(Problem('unused', labels.file, 0, text))
        named.add(entry.file)
    all_problems += [_unused(name, images) for name in label_files if name not in named]
    used = [each.class_id for labels in found.values() for each in labels.instances]
    classes, index = class_table(names, used)
    known = []
    for name in sorted(found):
        labels = found[name]
        kept = tuple(
            _renumbered(each, index) for each in labels.instances if each.class_id in index
        )
        all_problems += [
            unknown_class(labels.file, each.line, each.class_id, len(classes))
            for each in labels.instances
            if each.class_id not in index
        ]
        known.append(replace(labels, instances=kept))
    return LabelSet(classes, tuple(known), tuple(all_problems))


def _renumbered(instance: Instance, index: Mapping[int, int]) -> Instance:
    return replace(instance, class_id=index[instance.class_id])


def _unused(name: str, images: ImageIndex) -> Problem:
    image = image_of_label(name)
    found = images.find(image, subset_of(image))
    if found is None:
        text = 'no image has its name, and no list or data.yaml names one'
        return Problem('missing image', name, 0, text)
    text = f'left out: {found.name!r} is in no subset that is named, or has other labels'
    return Problem('unused', name, 0, text)


def _read_entry(
    tree: Tree, images: ImageIndex, entry: Entry
) -> tuple[ImageLabels | None, list[Problem]]:
    where = entry.file or entry.image
    try:
        safe_relative_path(entry.image, 'image')
        image = images.find(entry.image, entry.subset)
        if image is None:
            wanted = f'{stem_of(entry.image)}.*'
            text = f'{wanted!r} is needed for its size; say where the images are'
            return None, [Problem('missing image', where, 0, text)]
        size = image.size()
        name = entry.image
        if image.tree is not tree or image.name != name:
            name = image.name if image.tree is tree else with_suffix_of(name, image.name)
        if not entry.file:
            problem = Problem('missing labels', name, 0, 'no label file: taken as a background')
            return ImageLabels(name, size, (), entry.subset), [problem]
        instances, problems = parse_yolo_text(tree.read(entry.file), size, entry.file)
    except DataError as error:
        return None, [Problem('unreadable', where, 0, str(error))]
    labels = ImageLabels(name, size, instances, entry.subset, entry.file)
    return labels, list(problems)
