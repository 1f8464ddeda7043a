"""Names of output files: kept where they are unique, else with the drive's name in front."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from sim2real_ros.files import safe_name


def unique_stems(names: Sequence[tuple[str, str]], reserved: Collection[str] = ()) -> list[str]:
    """Give every image a file name without its suffix, each only once.

    Suffixes do not count, because an image's labels have its name with a suffix of their own.
    Names that meet get the name of their drive in front, and a number where that is not enough.

    Args:
        names: Path of each image and the name of its drive, in a fixed order.
        reserved: Names in lower case that nothing may get.

    Returns:
        Safe names; they differ also on file systems that ignore case.
    """
    stems = [safe_name(PurePosixPath(path).stem) for path, _ in names]
    counts = Counter([*(stem.casefold() for stem in stems), *reserved])
    # A unique name stays what it is, so it is taken before any other is made up.
    taken = {stem for stem, count in counts.items() if count == 1} | set(reserved)
    result = []
    for stem, (_, drive) in zip(stems, names, strict=True):
        if counts[stem.casefold()] > 1:
            stem = free_stem(f'{drive}_{stem}', taken)
        result.append(stem)
    return result


def free_stem(text: str, taken: set[str]) -> str:
    """Return a safe name that is not taken, and take it.

    Args:
        text: The wanted name; a number follows it where it is taken.
        taken: Names that are taken, with their case folded.
    """
    stem = name = safe_name(text)
    number = 2
    while name.casefold() in taken:
        name = safe_name(f'{stem}-{number}')
        number += 1
    taken.add(name.casefold())
    return name
