"""resize_images: a folder tree of images becomes one of another size, labels included."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim2real_ros.camera_model import (
    camera_info_from_yaml,
    camera_info_to_yaml,
    place_camera_info,
)
from sim2real_ros.data.resizing.data_yaml import place_elsewhere
from sim2real_ros.data.resizing.one_image import ImageResizer, Resized, target_name
from sim2real_ros.data.resizing.options import ResizeOptions
from sim2real_ros.data.resizing.tree import Tree, TreeImage, mask_target, read_tree
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import (
    Manifest,
    Omission,
    OutputJob,
    default_workers,
    ordered_map,
    sha256_of_bytes,
)
from sim2real_ros.image import place
from sim2real_ros.image.opencv_threads import one_opencv_thread
from sim2real_ros.labels.image_names import stem_of

VERB = 'resize-images'

Report = Callable[[str, int, int | None], None]
"""Called with the folder's name, and the numbers of images done and to be done."""


def resize_images(
    source: str | Path,
    output: str | Path,
    options: ResizeOptions | None = None,
    *,
    jobs: int | None = None,
    force: bool = False,
    progress: Report | None = None,
) -> Manifest:
    """Resize the images of a folder tree, with masks, YOLO labels and camera_info.

    A repeated call with the same arguments goes on where an earlier one was interrupted.

    Args:
        source: The tree; its manifest, where it has one, is carried on.
        output: Folder to fill with the same tree and a manifest.
        options: What to do; None = stretch to 512x384, formats kept.
        jobs: Threads; None = one per CPU.
        force: Replace an earlier result in the folder.
        progress: Called after every image.

    Returns:
        The manifest, which also lists what could not be read.

    Raises:
        DataError: The source cannot be read at all, the folder holds something else, or the disk
            is full.
    """
    resizing = Resizing(source, output, options or ResizeOptions(), force=force)
    return resizing.run(jobs=jobs, progress=progress)


class Resizing:
    """The work of ``resize_images``, planned but not begun.

    Attributes:
        tree: What is resized.
        notes: What people should know about the result.
        job: The output folder.
    """

    def __init__(
        self,
        source: str | Path,
        output: str | Path,
        options: ResizeOptions,
        *,
        force: bool = False,
    ) -> None:
        """Look at source and output; nothing is written.

        Raises:
            DataError: As in ``resize_images``.
        """
        root, output = Path(source).expanduser(), Path(output).expanduser()
        self._options = options
        self.tree = read_tree(root, options.mask_folders)
        self.notes = _notes(self.tree)
        self.job = OutputJob(output, VERB, dataclasses.asdict(options), [root], force=force)
        self._targets = _target_names(self.tree.images, options)

    def describe(self) -> list[str]:
        """Return lines for people: what would be done, and whereto."""
        tree = self.tree
        labels = sum(len(each.labels) for each in tree.images)
        lines = [
            f'{tree.root}: {len(tree.images)} images with {labels} label files, '
            f'{len(tree.masks)} other masks, {len(tree.cameras)} camera_info -> {self.job.folder}'
        ]
        lines += [f'note: {each}' for each in self.notes]
        if self.job.complete:
            lines.append(f'{self.job.folder} is complete already; nothing is left to do')
        return lines

    def run(self, *, jobs: int | None = None, progress: Report | None = None) -> Manifest:
        """Do the work, see ``resize_images``."""
        with self.job as job:
            if not job.complete:
                with one_opencv_thread():
                    self._run(job, jobs or default_workers(), progress)
            return job.finish()

    def _run(self, job: OutputJob, jobs: int, progress: Report | None) -> None:
        tree = self.tree
        for omission in tree.omissions:
            self._note(f'tree {omission.where} {omission.reason}', omission)
        cameras = self._resize_cameras(job)
        for name in tree.copied:
            job.save_extra(name, (tree.root / name).read_bytes())
        resizer = ImageResizer(tree.root, self._options, job, cameras)
        done, total = 0, len(tree.images) + len(tree.masks)

        def resize(image: TreeImage) -> Resized | None:
            target = self._targets[image.name]
            return None if job.is_finished(image.name) else resizer.resize(image, target)

        def resize_mask(name: str) -> tuple[str, str] | None:
            return None if self._has_mask(name) else self._resize_mask(resizer, name)

        results = ordered_map(resize, tree.images, workers=jobs)
        for image, resized in zip(tree.images, results, strict=True):
            self._commit_image(image.name, resized)
            done += 1
            if progress:
                progress(tree.root.name, done, total)
        masks = ordered_map(resize_mask, tree.masks, workers=jobs)
        for name, mask in zip(tree.masks, masks, strict=True):
            self._commit_mask(name, mask)
            done += 1
            if progress:
                progress(tree.root.name, done, total)

    def _commit_image(self, key: str, resized: Resized | None) -> None:
        if resized is None:
            finished = self.job.finished(key)
            for number in range(finished.state if finished else 0):
                self.job.finished(f'{key} note {number}')
            return
        for number, omission in enumerate(resized.omissions):
            self._note(f'{key} note {number}', omission)
        records = [resized.record] if resized.record else []
        self.job.commit(key, records, state=len(resized.omissions))

    def _has_mask(self, name: str) -> bool:
        return self.job.is_finished(name) and (self.job.folder / mask_target(name)).is_file()

    def _resize_mask(self, resizer: ImageResizer, name: str) -> tuple[str, str]:
        """Return the checksum of the result, or '' and why there is none."""
        try:
            content = resizer.resize_mask(name)
        except (DataError, ImageError) as error:
            return '', str(error)
        self.job.save(mask_target(name), content)
        return sha256_of_bytes(content), ''

    def _commit_mask(self, name: str, mask: tuple[str, str] | None) -> None:
        """Masks are no images of the set: the manifest lists them among the other files."""
        finished = self.job.finished(name) if mask is None else None
        sha256, reason = (finished.state, '') if finished else mask or ('', '')
        if sha256:
            self.job.note_extra(mask_target(name), sha256)
        if finished is None:
            omission = Omission(name, reason) if reason else None
            self.job.commit(name, omission=omission, state=sha256)

    def _resize_cameras(self, job: OutputJob) -> dict[str, tuple[int, int]]:
        """Take the calibrations along; return the size of the images that each describes."""
        described = {}
        for name in self.tree.cameras:
            try:
                text = (self.tree.root / name).read_bytes().decode('utf-8')
                camera = camera_info_from_yaml(text, name)
                size = camera.width, camera.height
                placement = place(size, self._options.size or size, self._options.fit)
                result = camera_info_to_yaml(place_camera_info(camera, placement))
            except (DataError, UnicodeDecodeError, OSError) as error:
                self._note(f'camera {name}', Omission(name, str(error)))
                continue
            job.save_extra(name, result.encode('utf-8'))
            described[name] = size
        return described

    def _note(self, key: str, omission: Omission) -> None:
        if self.job.finished(key) is None:
            self.job.commit(key, omission=omission)


def _notes(tree: Tree) -> tuple[str, ...]:
    notes = [place_elsewhere(tree.root, name) for name in tree.copied]
    if tree.sheets:
        notes.append(
            f'{len(tree.sheets)} pictures that the manifest lists beside its images are left out, '
            f'{tree.sheets[0]!r} first; if they are masks, name their folder with --masks'
        )
    return tuple(filter(None, notes))


def _target_names(images: tuple[TreeImage, ...], options: ResizeOptions) -> dict[str, str]:
    """Give each image a name of its own; those that keep theirs come first.

    A new name does not become that of another image's labels either.
    """
    wanted = {each.name: target_name(each.name, options) for each in images}
    taken = {name for name, target in wanted.items() if name == target}
    stems = {stem_of(name) for name in wanted}
    targets: dict[str, Any] = {}
    for name, target in wanted.items():
        base, number, free = stem_of(target), 2, target
        while free != name and free in taken:
            stem, suffix = f'{base}-{number}', target.removeprefix(base)
            free = target if stem in stems else stem + suffix
            number += 1
        taken.add(free)
        stems.add(stem_of(free))
        targets[name] = free
    return targets
