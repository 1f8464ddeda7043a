"""Names of images in data sets: what is layout in them, and what names the image itself."""

from pathlib import PurePosixPath

from sim2real_ros.labels.label_set import ImageLabels

IMAGE_SUFFIXES = frozenset({'.bmp', '.jpeg', '.jpg', '.png', '.ppm', '.tif', '.tiff', '.webp'})

SUBSET_KEYS = ('train', 'val', 'valid', 'validation', 'test', 'minival')
"""Names of subsets, in data.yaml and as folders."""

_ALIASES = {'valid': 'val', 'validation': 'val', 'training': 'train'}


def canonical_subset(name: str) -> str:
    """Return ``val`` for ``valid`` and ``validation``, other names as they are."""
    return _ALIASES.get(name.lower(), name)


def is_image(name: str) -> bool:
    """Tell by its suffix whether a file is an image."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def bare_name(image: str, subset: str) -> str:
    """Return the name of an image without the folders of its format's layout.

    ``images/train/a/b.png``, ``train/images/a/b.png``, ``obj_train_data/a/b.png`` and
    ``train/a/b.png`` of the subset ``train`` are all ``a/b.png``.

    Args:
        image: Path relative to the data set, with forward slashes.
        subset: Of the image; '' = none.
    """
    parts = list(PurePosixPath(image).parts)
    folders = parts[:-1]
    if 'images' in folders:
        del folders[len(folders) - 1 - folders[::-1].index('images')]
    if folders and _names_subset(folders[0], subset):
        del folders[0]
    return '/'.join([*folders, parts[-1]])


def possible_names(image: str, subset: str) -> list[str]:
    """Return the paths at which an image may lie in some layout, the likeliest first."""
    bare = bare_name(image, subset)
    names = [image, f'images/{bare}', bare]
    if subset:
        for alias in (subset, *(a for a, name in _ALIASES.items() if name == subset)):
            names += [f'images/{alias}/{bare}', f'{alias}/images/{bare}']
            names += [f'obj_{alias}_data/{bare}', f'{alias}/{bare}']
    return list(dict.fromkeys(names))


def subset_of(image: str) -> str:
    """Guess a subset from the first two folders of an image's path; '' = none."""
    folders = image.split('/')[:-1]
    found = (canonical_subset(part) for part in folders[:2] if part in SUBSET_KEYS)
    return next(found, '')


def image_of_label(name: str) -> str:
    """Return what the image of a label file is called, but for its suffix.

    ``labels/train/a.txt`` -> ``images/train/a.jpg``, ``a.txt`` -> ``a.jpg``.
    """
    *folders, file = name.split('/')
    if 'labels' in folders:
        folders[len(folders) - 1 - folders[::-1].index('labels')] = 'images'
    return '/'.join([*folders, f'{stem_of(file)}.jpg'])


def stem_of(name: str) -> str:
    """Return a path without the suffix of its file: ``a.b/c.d.png`` -> ``a.b/c.d``."""
    folder, slash, file = name.rpartition('/')
    stem, dot, _ = file.rpartition('.')
    return f'{folder}{slash}{stem}' if dot and stem else name


def with_suffix_of(name: str, other: str) -> str:
    """Return a path with the suffix of another one: ``a/b.jpg``, ``c.png`` -> ``a/b.png``."""
    return stem_of(name) + other.removeprefix(stem_of(other))


def bare_name_of(labels: ImageLabels) -> str:
    """Return ``bare_name`` of an image's labels."""
    return bare_name(labels.image, labels.subset)


def _names_subset(folder: str, subset: str) -> bool:
    if not subset:
        return False
    if folder.startswith('obj_') and folder.endswith('_data'):
        folder = folder[4:-5]
    return canonical_subset(folder) == canonical_subset(subset)
