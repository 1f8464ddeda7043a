"""List the images of a folder, and the drives that they belong to, by manifest or by name."""

import os
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

from sim2real_ros.data.dataset.drive_order import Order, drives_of_names
from sim2real_ros.errors import DataError
from sim2real_ros.files import (
    MANIFEST_NAME,
    Manifest,
    ManifestRecord,
    Omission,
    path_inside,
    read_manifest,
)
from sim2real_ros.files.output_job import JOURNAL_NAME

IMAGE_SUFFIXES = frozenset({'.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.tif', '.tiff', '.webp'})
"""What counts as an image: all that pytorch-CycleGAN reads, and webp."""

LABEL_FOLDERS = frozenset({'label', 'labels', 'mask', 'masks'})
"""Folders that hold no pictures, whatever their files end in."""

_PARENTS_WITH_MANIFEST = 3


@dataclass(frozen=True)
class ListedImage:
    """An image file and what is known about it before it is opened.

    Attributes:
        root: Folder that images and labels lie in.
        name: Path of the image relative to ``root``, with forward slashes.
        sequence: Name of its drive.
        order: Sorts the images of a drive.
        record: Its line of the manifest, None where there is no manifest.
    """

    root: Path
    name: str
    sequence: str
    order: Order
    record: ManifestRecord | None = None

    @property
    def path(self) -> Path:
        """The image file."""
        return self.root / self.name

    @property
    def place(self) -> str:
        """Name of the folder that the image lies in, and of the one above."""
        parts = self.path.absolute().parent.parts[1:]
        return '_'.join([each for each in parts if each != 'images'][-2:])

    @property
    def stamp_ns(self) -> int | None:
        """Time of capture, None where it is unknown."""
        return self.record.stamp_ns if self.record else None


@dataclass(frozen=True)
class Listing:
    """The images of some folders.

    Attributes:
        images: In the order of the folders and of their names or manifests.
        notes: What was guessed or passed over, for people.
        manifests: The manifests that were found.
        omissions: Files whose names cannot be used.
    """

    images: tuple[ListedImage, ...]
    notes: tuple[str, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    omissions: tuple[Omission, ...] = ()


def as_folders(folders: str | Path | Iterable[str | Path]) -> list[Path]:
    """Take folders as callers from Python give them: one or several, texts or paths."""
    several = [folders] if isinstance(folders, str | Path) else folders
    return [Path(each) for each in several]


def list_images(folders: Sequence[Path]) -> Listing:
    """List the images of folders and of all folders in them.

    A manifest in a folder, in one above it or in one below it tells which files are the images
    and which drive each is from. Elsewhere every image file counts, and drives are guessed from
    the numbers in the names. What a manifest lists besides its images, such as contact sheets and
    previews, is no image.

    Raises:
        DataError: A folder does not exist, holds no image, unfinished work or grouped results, or
            its manifest is damaged.
    """
    images: list[ListedImage] = []
    notes: list[str] = []
    manifests: list[Manifest] = []
    omissions: list[Omission] = []
    for folder, title in zip(folders, _titles(folders), strict=True):
        if not folder.is_dir():
            raise DataError(f'{str(folder)!r} is no folder; expected a folder of images.')
        before = len(images)
        for found in _list_folder(folder, title):
            images += found.images
            notes += found.notes
            manifests += found.manifests
            omissions += found.omissions
        if len(images) == before:
            endings = ', '.join(sorted(IMAGE_SUFFIXES))
            raise DataError(f'No images in {str(folder)!r} or below: expected {endings}.')
    unique = {image.path.resolve(): image for image in reversed(images)}
    if len(unique) < len(images):
        notes.append(f'{len(images) - len(unique)} files lie in two of the folders: taken once')
    return Listing(
        tuple(reversed(unique.values())), tuple(notes), tuple(manifests), tuple(omissions)
    )


def sources_beside(folders: Iterable[Path], images: Iterable[ListedImage]) -> list[Path]:
    """List labels and manifests that belong to images and lie outside of the given folders.

    Args:
        folders: What was given.
        images: What was found there.
    """
    given = [folder.resolve() for folder in folders]
    roots = sorted({image.root for image in images})
    outside = [root for root in roots if not any(map(root.resolve().is_relative_to, given))]
    names = ('labels', 'masks', 'classes.txt', MANIFEST_NAME)
    return [root / name for root in outside for name in names if (root / name).exists()]


def _titles(folders: Sequence[Path]) -> list[str]:
    """Name folders by as few of their last parts as tell them apart, wherever they lie.

    Drives are named by them, and the seeded choices follow the names.
    """
    paths = [folder.absolute() for folder in folders]
    titles = ['']
    for count in range(1, max((len(path.parts) for path in paths), default=0) + 1):
        titles = ['/'.join(path.parts[-count:]) for path in paths]
        if len(set(titles)) == len(set(paths)):
            break
    return titles[: len(paths)]


def _list_folder(folder: Path, title: str) -> Iterator[Listing]:
    by_products: set[Path] = set()
    for root in (folder, *folder.absolute().parents[:_PARENTS_WITH_MANIFEST]):
        if (root / MANIFEST_NAME).is_file():
            inside = '' if root == folder else f'{folder.absolute().relative_to(root)}/'
            listing = _list_manifest(root, inside.replace(os.sep, '/'))
            if listing.images or root == folder:
                yield listing
                return
            by_products |= {root / name for each in listing.manifests for name in each.files}
    yield from _list_tree(folder, title, by_products)


def _list_manifest(root: Path, inside: str) -> Listing:
    """Take the images of a manifest whose files lie in one folder of it."""
    manifest = read_manifest(root)
    records = [record for record in manifest.records if record.file.startswith(inside)]
    if records and manifest.verb == 'collect' and manifest.options.get('mode') == 'group':
        raise DataError(
            f'{str(root)!r} holds results grouped for comparison (sim2real collect --group): '
            'simulated images, results and bundles side by side. Expected images of one kind: '
            'gather them with sim2real collect --flat, and give that folder.'
        )
    named = [(record.source, record.source_name) for record in records]
    by_source: dict[str, list[str]] = {}
    for source, name in named:
        if name:
            by_source.setdefault(source, []).append(name)
    guessed = {
        (source, name): drive
        for source, names in by_source.items()
        for name, drive in zip(names, drives_of_names(names), strict=True)
    }
    images = []
    for number, record in enumerate(records):
        path_inside(root, record.file)
        drive, order = guessed.get((record.source, record.source_name), ('', (number,)))
        sequence = record.sequence or ' '.join(filter(None, [record.source, record.topic, drive]))
        if record.stamp_ns is not None or record.index is not None:
            order = (record.stamp_ns or 0, record.index or 0, number)
        images.append(ListedImage(root, record.file, sequence, order, record))
    return Listing(tuple(images), (), (manifest,))


def _list_tree(folder: Path, title: str, by_products: Set[Path]) -> Iterator[Listing]:
    names: list[str] = []
    passed: list[str] = []
    for place, folders, files in os.walk(folder):
        here = Path(place)
        if here != folder and MANIFEST_NAME in files:
            folders.clear()
            yield _list_manifest(here, '')
            continue
        if JOURNAL_NAME in files:
            raise DataError(
                f'{str(here)!r} is unfinished: run the command that fills it once more.'
            )
        passed += [each for each in folders if each.lower() in LABEL_FOLDERS]
        folders[:] = sorted(
            each for each in folders if each.lower() not in LABEL_FOLDERS and each[0] != '.'
        )
        names += [
            (here / file).relative_to(folder).as_posix()
            for file in files
            if Path(file).suffix.lower() in IMAGE_SUFFIXES
            and file[0] != '.'
            and here.absolute() / file not in by_products
        ]
    if names:
        readable = [name for name in names if _is_text(name)]
        refused = tuple(
            Omission(
                (folder / name).as_posix().encode('utf-8', 'replace').decode(),
                'its name is no UTF-8 text: rename it',
            )
            for name in sorted(names)
            if not _is_text(name)
        )
        listing = _list_names(folder, title, sorted(readable), passed)
        yield replace(listing, omissions=refused)


def _is_text(name: str) -> bool:
    return not any(0xD800 <= ord(letter) < 0xE000 for letter in name)


def _list_names(folder: Path, title: str, names: list[str], passed: list[str]) -> Listing:
    drives = drives_of_names(names)
    root, inside = _labelled_root(folder)
    images = tuple(
        ListedImage(root, inside + name, f'{title}/{drive}', order)
        for name, (drive, order) in zip(names, drives, strict=True)
    )
    count = len({image.sequence for image in images})
    note = (
        f'{str(folder)!r} has no manifest: {count} {"drive" if count == 1 else "drives"} guessed '
        f'from the numbers in {len(names)} file names'
    )
    notes = [note]
    if passed:
        notes.append(f'{str(folder)!r}: no images are taken from {", ".join(sorted(set(passed)))}')
    return Listing(images, tuple(notes))


def _labelled_root(folder: Path) -> tuple[Path, str]:
    """Return the folder that has labels/ beside images/, and the way down from it."""
    has_labels = any((folder / each).is_dir() for each in ('labels', 'masks'))
    for inner in () if has_labels else (folder, *folder.parents):
        if inner.name == 'images':
            return inner.parent, f'{folder.relative_to(inner.parent).as_posix()}/'
    return folder, ''
