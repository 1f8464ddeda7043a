"""Guess from a file's name which drive an image belongs to and when in the drive it was taken."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

Order = tuple[int | str, ...]
"""Sorts the images of one drive."""

_NUMBERS = re.compile(r'\d{1,30}')
_JOINTS = frozenset('-_.T')
_SECONDS_DIGITS = 10  # of a Unix time
_FRACTION_DIGITS = 9
_DATE_AND_TIME = 5
_COMPACT_DATE_AND_TIME = (8, 6)


def drive_of_name(name: str) -> tuple[str, Order] | None:
    """Read ``drives/left_0012_rgb.png`` as number 12 of the drive ``drives/left_``.

    What follows the last number does not tell drives apart: pictures of one moment stay together.
    Stamps (``1612345678.25``, ``1612345678_250000000``) and dates with times
    (``20210304_102030``, ``2021-03-04-10-20-30``) are taken as one number.

    Args:
        name: Path relative to its folder, with forward slashes.

    Returns:
        The drive and the order within it; None where the name has no number.
    """
    path = PurePosixPath(name)
    numbers = _joined_numbers(path.stem)
    if not numbers:
        return None
    count = _numbers_of_order(path.stem, numbers)
    values = [int(each[0]) for each in numbers[-count:]]
    start = numbers[-count].start()
    if count == 2 and path.stem[numbers[-1].start() - 1] == '.':
        values[1] = int(numbers[-1][0].ljust(_FRACTION_DIGITS, '0'))
    folder = '' if path.parent == PurePosixPath() else f'{path.parent}/'
    return folder + path.stem[:start], (*values, name)


def _joined_numbers(stem: str) -> list['re.Match[str]']:
    """Find the last numbers of a name that only single separators keep apart."""
    joined: list[re.Match[str]] = []
    for number in reversed(list(_NUMBERS.finditer(stem))):
        if joined and (stem[number.end() : joined[0].start()] not in _JOINTS):
            break
        joined.insert(0, number)
    return joined


def _numbers_of_order(stem: str, numbers: list['re.Match[str]']) -> int:
    if len(numbers) >= _DATE_AND_TIME:
        return len(numbers)
    if len(numbers) > 1:
        first, second = len(numbers[-2][0]), len(numbers[-1][0])
        is_stamp = first >= _SECONDS_DIGITS and stem[numbers[-2].end()] in '._'
        if is_stamp or (first, second) == _COMPACT_DATE_AND_TIME:
            return 2
    return 1


def natural_order(name: str) -> Order:
    """Sort ``a2`` before ``a10``."""
    pieces: list[int | str] = []
    for text, number in re.findall(r'(\D*)(\d*)', name):
        pieces += [text, int(number) if number else -1]
    return tuple(pieces)


def sort_key(order: Order) -> list[tuple[bool, int | str]]:
    """Make orders of any kind comparable: numbers come before text."""
    return [(isinstance(each, str), each) for each in order]


def drives_of_names(names: Sequence[str]) -> list[tuple[str, Order]]:
    """Guess the drives of all files of a folder.

    Where a name has no number, or most files would be a drive of their own (checksums as names),
    all files of that folder are taken for one drive in the natural order of their names.

    Args:
        names: Paths relative to the folder, with forward slashes.

    Returns:
        Drive and order within it for each name.
    """
    guesses = [drive_of_name(name) for name in names]
    folders = [str(PurePosixPath(name).parent) for name in names]
    pairs = list(zip(folders, guesses, strict=True))
    files = Counter(folders)
    drives = Counter(folder for folder, _ in {(f, guess and guess[0]) for f, guess in pairs})
    unordered = {folder for folder, guess in pairs if guess is None}
    unordered |= {folder for folder, count in drives.items() if 2 * count > files[folder] > 2}
    return [
        guess if guess and folder not in unordered else _one_drive(folder, name)
        for name, (folder, guess) in zip(names, pairs, strict=True)
    ]


def _one_drive(folder: str, name: str) -> tuple[str, Order]:
    return '' if folder == '.' else f'{folder}/', natural_order(name)
