"""Write label sets: into a folder that can be resumed, a zip, or one JSON file."""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.files import (
    ManifestRecord,
    Omission,
    OutputJob,
    atomic_path,
    path_inside,
    safe_relative_path,
    sha256_of_file,
    write_atomically,
)
from sim2real_ros.labels.coco import coco_file
from sim2real_ros.labels.formats import FORMATS
from sim2real_ros.labels.image_index import FoundImage, ImageIndex
from sim2real_ros.labels.image_names import with_suffix_of
from sim2real_ros.labels.label_set import ImageLabels, LabelSet
from sim2real_ros.labels.losses import LEFT_OUT, losses
from sim2real_ros.labels.output_file import SHAPES, OutputFile, WriteOptions
from sim2real_ros.labels.tree import FolderTree, open_tree

IMAGES = ('none', 'copy', 'link')
"""What becomes of the images: left where they are, copied, or hard links that take no room."""

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_PACKED = frozenset({'.png', '.jpg', '.jpeg', '.webp'})


@dataclass(frozen=True)
class Written:
    """What was written, or would be.

    Attributes:
        path: Folder or file.
        images: Number of images labelled.
        instances: Number of instances in the result.
        left_out: Number of instances that the format has no place for.
        losses: What the format cannot hold.
        missing: Images that were to be copied and were not found.
    """

    path: Path
    images: int
    instances: int
    left_out: int = 0
    losses: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=())


def write_labels(
    label_set: LabelSet,
    path: Path | str,
    format: str,  # noqa: A002
    options: WriteOptions | None = None,
    *,
    images: str = 'none',
    sources: Sequence[Path | str] = (),
    force: bool = False,
    dry_run: bool = False,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> Written:
    """Write a label set.

    Args:
        label_set: What to write.
        path: A new folder; or a file ``.zip``, or ``.json`` for COCO, that appears only complete.
        format: Key of ``FORMATS``.
        options: How shapes are written; None = all that is known.
        images: One of ``IMAGES``; they get the names and places that the format wants.
        sources: Folders or zips in which the images are, the labels' own first.
        force: Replace an earlier result.
        dry_run: Only check and count.
        progress: Called with a word, the number of images written and the number of all.

    Raises:
        DataError: Something is there already, the format cannot hold the labels, two images would
            have the same name, or the disk refuses.
    """
    path, options = Path(path), options or WriteOptions()
    _check(path, format, options, images)
    count = sum(len(labels.instances) for labels in label_set.images)
    found = losses(label_set, format, options)
    texts, left_out = [f'{n} {text}' for text, n in found.items()], found.get(LEFT_OUT, 0)
    if path.suffix.lower() == '.json' and any(labels.subset for labels in label_set.images):
        texts.append('subsets are left out: one .json has none, a folder or .zip has them')
    with ExitStack() as stack:
        wanted = sources if images != 'none' else ()
        index = ImageIndex([stack.enter_context(open_tree(Path(each))) for each in wanted])
        label_set = _named_like_files(label_set, format, index)
        targets = _targets(label_set, format)
        content = _Content(label_set, format, options, targets, index, images, progress)
        if path.suffix.lower() in ('.zip', '.json'):
            if path.exists() and not force:
                raise DataError(
                    f'{str(path)!r} exists: choose another name, or replace it (--force).'
                )
            if not dry_run:
                (_write_zip if path.suffix.lower() == '.zip' else _write_json)(content, path)
        else:
            _write_folder(content, path, [Path(each) for each in sources], force, dry_run)
    missing = tuple(content.missing)
    return Written(path, len(label_set.images), count - left_out, left_out, tuple(texts), missing)


def digest_of(label_set: LabelSet) -> str:
    """Return a checksum of everything that a label set says, to tell it from any other."""
    digest = hashlib.sha256(repr(label_set.classes).encode('utf-8', 'surrogatepass'))
    for labels in label_set.images:
        digest.update(repr((labels.image, labels.size, labels.subset)).encode())
        for each in labels.instances:
            shape = [len(part.holes) for part in each.parts]
            digest.update(repr((each.class_id, each.box, each.score, each.crowd, shape)).encode())
            for part in each.parts:
                for ring in part.rings:
                    digest.update(repr(ring.shape).encode() + ring.tobytes())
    return digest.hexdigest()


@dataclass
class _Content:
    """What is to be written, wherever it goes."""

    label_set: LabelSet
    format: str
    options: WriteOptions
    targets: list[str]
    index: ImageIndex
    images: str
    progress: Callable[[str, int, int | None], None] | None
    missing: list[str] = field(default_factory=list)

    def files(self) -> Iterator[OutputFile]:
        return FORMATS[self.format].files(self.label_set, self.options)

    def image(self, number: int) -> FoundImage | None:
        """Find an image to copy; None where there is none or none is wanted."""
        if self.progress is not None:
            self.progress('write', number + 1, len(self.targets))
        if self.images == 'none':
            return None
        labels = self.label_set.images[number]
        found = self.index.find(labels.image, labels.subset)
        if found is None:
            self.missing.append(labels.image)
        return found


def _check(path: Path, name: str, options: WriteOptions, images: str) -> None:
    for value, known, what in (
        (name, tuple(FORMATS), 'format'),
        (options.shapes, SHAPES, 'kind of shapes'),
        (images, IMAGES, 'treatment of images'),
    ):
        if value not in known:
            raise DataError(f'unknown {what} {value!r}, expected one of {", ".join(known)}')
    if not 0 <= options.background <= 255:
        raise DataError(f'the background {options.background} is no id of an 8-bit mask (0..255)')
    if path.suffix.lower() == '.json' and (name != 'coco' or images != 'none'):
        raise DataError(
            f'{str(path)!r}: only COCO without images is one .json file; give a folder or a .zip.'
        )


def _named_like_files(label_set: LabelSet, name: str, index: ImageIndex) -> LabelSet:
    """Give images the suffixes of their files, and in `yolo` a subset if others have one."""
    has_subsets = name == 'yolo' and any(labels.subset for labels in label_set.images)
    images = []
    for labels in label_set.images:
        safe_relative_path(labels.image, 'image')
        found = index.find(labels.image, labels.subset)
        image = with_suffix_of(labels.image, found.name) if found else labels.image
        subset = labels.subset or ('train' if has_subsets else '')
        images.append(replace(labels, image=image, subset=subset))
    return replace(label_set, images=tuple(images))


def _targets(label_set: LabelSet, name: str) -> list[str]:
    """Return where the images go, after making sure that no two meet, with or without suffix."""
    targets = [FORMATS[name].image_name(labels) for labels in label_set.images]
    taken: dict[str, ImageLabels] = {}
    for target, labels in zip(targets, label_set.images, strict=True):
        safe_relative_path(target, 'image')
        if any(ord(character) < 32 for character in target):
            raise DataError(f'The image {target[:200]!r} has control characters in its name.')
        stem = target.rpartition('.')[0].casefold()
        if stem in taken:
            raise DataError(
                f'{taken[stem].image!r} and {labels.image!r} would both become {target!r} and '
                'share one label file: rename one of them.'
            )
        taken[stem] = labels
    return targets


def _write_json(content: _Content, path: Path) -> None:
    write_atomically(path, coco_file(content.label_set, content.options))


def _write_zip(content: _Content, path: Path) -> None:
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, 'w') as archive:
        for file in content.files():
            _add(archive, file.name, file.content)
        for number in range(len(content.targets)):
            found = content.image(number)
            if found is not None:
                _add(archive, content.targets[number], found.read())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a member; the same content gives the same bytes at any time on any machine."""
    member = zipfile.ZipInfo(name, _ZIP_TIME)
    member.create_system, member.external_attr = 3, 0o644 << 16
    packed = Path(name).suffix.lower() in _PACKED
    archive.writestr(
        member, content, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED, compresslevel=6
    )


def _write_folder(
    content: _Content, path: Path, sources: list[Path], force: bool, dry_run: bool
) -> None:
    options = {
        'format': content.format,
        **asdict(content.options),
        'images': content.images,
        'labels': digest_of(content.label_set),
    }
    used = sources if content.images != 'none' else []
    job = OutputJob(path, 'labels convert', options, used, force=force)
    if dry_run or job.complete:
        return
    with job:
        groups = groupby(content.files(), key=lambda file: file.image)
        current = next(groups, None)
        for number in range(len(content.targets)):
            files: list[OutputFile] = []
            if current is not None and current[0] == number:
                files = list(current[1])
                current = next(groups, None)
            _save_image(job, content, number, files)
        for file in current[1] if current is not None else ():
            job.save_extra(file.name, file.content)
        job.finish()


def _save_image(job: OutputJob, content: _Content, number: int, files: list[OutputFile]) -> None:
    """Save the label files of an image and the image, if it is wanted and there."""
    found, key = content.image(number), content.targets[number]
    if found is None:
        for file in files:
            job.save_extra(file.name, file.content)
        if content.images != 'none' and job.finished(key) is None:
            name = content.label_set.images[number].image
            job.commit(key, (), Omission(name, 'the image was not found'))
        return
    if job.finished(key) is not None:
        return
    for file in files:
        job.save(file.name, file.content)
    saved = _linked(job.folder, key, found) if content.images == 'link' else None
    saved = saved or job.save(key, found.read())
    labels = content.label_set.images[number]
    record = ManifestRecord(
        **saved,
        size=labels.size,
        source=str(found.tree.path),
        source_name=found.name,
        labels=tuple(file.name for file in files),
        subset=labels.subset,
    )
    job.commit(key, [record])


def _linked(folder: Path, name: str, found: FoundImage) -> dict[str, Any] | None:
    """Make a hard link; None where the image is in a zip or on another disk."""
    if not isinstance(found.tree, FolderTree):
        return None
    source, target = found.tree.path / found.name, path_inside(folder, name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        os.link(source.resolve(), target)
        size = target.stat().st_size
    except OSError:
        return None
    return {'file': name, 'sha256': sha256_of_file(target), 'bytes': size}
