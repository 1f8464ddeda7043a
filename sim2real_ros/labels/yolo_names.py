"""Class names of YOLO data sets: data.yaml, obj.names, classes.txt."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.labels.problem import Problem
from sim2real_ros.labels.tree import Tree, text_lines
from sim2real_ros.labels.yolo_text import MAX_CLASS_ID

NAME_FILES = ('classes.txt', 'labels/classes.txt', 'obj.names', 'data/obj.names', 'classes.names')

_REFUSED = ('Cc', 'Cs', 'Zl', 'Zp')
"""Unicode categories: control characters, halves of surrogate pairs, ends of lines."""


def names_of_yaml(config: Mapping[Any, Any], where: str) -> dict[int, str] | None:
    """Return class names by class id, None where the file says nothing about classes.

    ``names`` is a list or a map; without it, ``nc`` classes are called ``class_0`` and so on.

    Raises:
        DataError: It is neither.
    """
    names = config.get('names')
    if names is None:
        count = config.get('nc')
        if not isinstance(count, int) or not 0 < count <= MAX_CLASS_ID:
            return None
        return {number: f'class_{number}' for number in range(count)}
    pairs = names.items() if isinstance(names, Mapping) else enumerate(_as_list(names, where))
    found = {}
    for key, name in pairs:
        number = int(key) if isinstance(key, str) and key.isascii() and key.isdigit() else key
        if (
            isinstance(number, bool)
            or not isinstance(number, int)
            or not 0 <= number <= MAX_CLASS_ID
        ):
            raise DataError(
                f'{where}: the class id {str(key)[:60]!r} is no whole number from 0 on.'
            )
        found[number] = checked_class_name(name, where)
    return dict(sorted(found.items()))


def names_of_files(tree: Tree) -> dict[int, str] | None:
    """Return the lines of the first file of class names, None where there is none.

    Raises:
        DataError: It is no text.
    """
    for file in NAME_FILES:
        if file in tree.names:
            lines = [line for line in text_lines(tree, file) if line]
            return {number: checked_class_name(line, file) for number, line in enumerate(lines)}
    return None


def checked_class_name(name: object, where: str) -> str:
    """Return a class name as text of one line.

    Raises:
        DataError: It is something else.
    """
    # YAML reads the unquoted names on, 1 and 2.5 as such; the name is what was written or near it.
    text = str(name) if isinstance(name, str | int | float) else ''
    text = text.strip()
    if not text or len(text) > 1000 or any(unicodedata.category(c) in _REFUSED for c in text):
        raise DataError(f'{where}: the class name {str(name)[:60]!r} is no text of one line.')
    return text


def class_table(
    names: Mapping[int, str] | None, used: Sequence[int]
) -> tuple[tuple[str, ...], dict[int, int]]:
    """Return class names, and their indices by the class ids of the files.

    Ids without a gap keep their number. With gaps the names move together, as CVAT does it.

    Args:
        names: By class id, None where the data set has none; then names are made up.
        used: Class ids that occur.
    """
    if names is None:
        names = {number: f'class_{number}' for number in range(max(used, default=-1) + 1)}
    ids = sorted(names)
    return tuple(names[each] for each in ids), {each: index for index, each in enumerate(ids)}


def unknown_class(file: str, line: int, class_id: int, count: int) -> Problem:
    """Say that a label's class has no name."""
    text = f'class {class_id}, but there are only {count} class names'
    return Problem('unknown class', file, line, text)


def _as_list(names: object, where: str) -> Sequence[Any]:
    if not isinstance(names, list):
        raise DataError(f'{where}: `names` is {str(names)[:60]!r}, expected a list or id: name.')
    return names
