"""Resize one image of a tree with the label files that belong to it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from sim2real_ros.data.resizing.options import SAME_FORMAT, ResizeOptions
from sim2real_ros.data.resizing.tree import TreeImage
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import ManifestRecord, Omission, OutputJob, path_inside, sha256_of_bytes
from sim2real_ros.image import Placement, place, place_image, place_mask
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.image.difference_hash import difference_hash
from sim2real_ros.image.encode_file import encode_file, encode_mask
from sim2real_ros.image.palette_png import decode_ids, palette_of, with_palette
from sim2real_ros.labels import ImageLabels, format_yolo_text, parse_yolo_text, place_labels

_FORMATS = {'.png': 'png', '.jpg': 'jpg', '.jpeg': 'jpg', '.webp': 'webp', '.bmp': 'png'}


@dataclass(eq=False)
class Resized:
    """What became of one image.

    Attributes:
        record: Its line in the manifest; None where it could not be read.
        omissions: What could not be taken along.
    """

    record: ManifestRecord | None = None
    omissions: list[Omission] = field(default_factory=list)


def shown_path(path: Path) -> str:
    """Return a path as text that any file can hold."""
    return str(path).encode('utf-8', 'backslashreplace').decode('utf-8')


def file_format(name: str, options: ResizeOptions) -> str:
    """Return the format that an image is written in."""
    suffix = PurePosixPath(name).suffix.lower()
    return _FORMATS[suffix] if options.format == SAME_FORMAT else options.format


def target_name(name: str, options: ResizeOptions) -> str:
    """Return the wanted name of a resized image: its own, with another suffix where need be."""
    path, wanted = PurePosixPath(name), file_format(name, options)
    keeps = _FORMATS[path.suffix.lower()] == wanted and path.suffix.lower() != '.bmp'
    return name if keeps else str(path.with_suffix(f'.{wanted}'))


class ImageResizer:
    """Resizes the images of one tree; thread-safe."""

    def __init__(
        self,
        root: Path,
        options: ResizeOptions,
        job: OutputJob,
        cameras: Mapping[str, tuple[int, int]],
    ) -> None:
        """Prepare.

        Args:
            root: The tree.
            options: What to do.
            job: Where results go.
            cameras: The calibrations that were taken along, and the size of the images in the
                tree that each describes.
        """
        self._root = root
        self._options = options
        self._job = job
        self._cameras = cameras

    def resize(self, image: TreeImage, target: str) -> Resized:
        """Resize one image and its labels.

        Args:
            image: The image.
            target: Name of the result, relative to the output folder.

        Raises:
            DataError: The disk refuses.
        """
        done = Resized()
        try:
            content = self._read(image.name)
            rgb, encoding = decode_file(content)
            placement = self._placement((rgb.shape[1], rgb.shape[0]))
            result = self._encode(image, content, place_image(rgb, placement), placement)
        except (DataError, ImageError) as error:
            done.omissions.append(Omission(image.name, str(error)))
            done.omissions += [Omission(each, 'its image is left out') for each in image.labels]
            return done
        labels = [self._label(each, image, target, placement, done) for each in image.labels]
        known = self._known(image, content, encoding, rgb, done)
        saved = self._job.save(target, result)
        described = self._cameras.get(known.camera_info) == placement.original_size
        done.record = dataclasses.replace(
            known,
            **saved,
            size=placement.size,
            original_size=known.original_size or placement.original_size,
            placement=_joined(known.placement, '' if placement.is_identity else self._options.fit),
            labels=tuple(each for each in labels if each),
            camera_info=known.camera_info if described else '',
            parent_sha256=sha256_of_bytes(content),
        )
        return done

    def _known(
        self,
        image: TreeImage,
        content: bytes,
        encoding: str,
        rgb: npt.NDArray[np.uint8],
        done: Resized,
    ) -> ManifestRecord:
        """Return what is known about an image already: its provenance, or just the file."""
        record = image.record
        if record is not None and record.sha256 == sha256_of_bytes(content):
            return record
        if record is not None:
            reason = 'differs from its line in the manifest, whose other fields are left out'
            done.omissions.append(Omission(image.name, reason))
        return ManifestRecord(
            image.name,
            '',
            0,
            source=shown_path(self._root),
            source_name=image.name,
            encoding=encoding,
            perceptual_hash=f'{difference_hash(rgb):016x}',
        )

    def resize_mask(self, name: str) -> bytes:
        """Return a resized mask as a PNG file.

        Raises:
            DataError: It cannot be read.
            ImageError: It is no mask.
        """
        content = self._read(name)
        mask = decode_ids(content)
        placement = self._placement((mask.shape[1], mask.shape[0]))
        is_png = PurePosixPath(name).suffix.lower() == '.png'
        return _place_mask(content, mask, placement, copy=is_png)

    def _placement(self, size: tuple[int, int]) -> Placement:
        return place(size, self._options.size or size, self._options.fit)

    def _encode(
        self,
        image: TreeImage,
        content: bytes,
        rgb: npt.NDArray[np.uint8],
        placement: Placement,
    ) -> bytes:
        wanted = file_format(image.name, self._options)
        same = target_name(image.name, self._options) == image.name
        if same and placement.is_identity and self._options.quality is None:
            return content
        quality = None if wanted == 'png' else self._options.quality
        return encode_file(rgb, wanted, quality)

    def _label(
        self, name: str, image: TreeImage, target: str, placement: Placement, done: Resized
    ) -> str:
        path = PurePosixPath(name)
        result_name = str(path.with_name(PurePosixPath(target).stem + path.suffix))
        try:
            if path.suffix == '.txt':
                result = self._text_label(name, image, placement, done)
            else:
                result = self._mask_label(name, placement)
        except (DataError, ImageError) as error:
            done.omissions.append(Omission(name, str(error)))
            return ''
        self._job.save(result_name, result)
        return result_name

    def _text_label(
        self, name: str, image: TreeImage, placement: Placement, done: Resized
    ) -> bytes:
        content = self._read(name)
        whole = (0, 0, *placement.original_size)
        if placement.taken == whole and placement.placed == (0, 0, *placement.size):
            # Its numbers are parts of the image's sides, which stretching does not change.
            return content
        size = placement.original_size
        instances, problems = parse_yolo_text(content, size, name)
        done.omissions += [
            Omission(f'{name} line {each.line}', each.text)
            for each in problems
            if not each.is_warning
        ]
        placed = place_labels(ImageLabels(image.name, size, instances), placement)
        # One by one, so that a box stays a box and a polygon a polygon.
        lines = (
            format_yolo_text(
                dataclasses.replace(placed, instances=(each,)), polygons=bool(each.parts)
            )
            for each in placed.instances
        )
        return b''.join(lines)

    def _mask_label(self, name: str, placement: Placement) -> bytes:
        content = self._read(name)
        return _place_mask(content, decode_ids(content), placement)

    def _read(self, name: str) -> bytes:
        try:
            return path_inside(self._root, name, 'file').read_bytes()
        except OSError as error:
            raise DataError(f'the file cannot be read: {error.strerror or error}') from error


def _place_mask(
    content: bytes, mask: npt.NDArray[Any], placement: Placement, *, copy: bool = True
) -> bytes:
    """Return a resized mask as PNG; it keeps its palette, and its bytes where nothing changes."""
    placed = place_mask(mask, placement)
    if placement.is_identity and copy:
        return content
    colours = palette_of(content)
    result = encode_mask(placed)
    return with_palette(result, list(colours)) if int(placed.max()) < len(colours) else result


def _joined(before: str, now: str) -> str:
    """Say how an image was fitted that had been fitted before; only stretching twice is one."""
    if before == now == 'stretch':
        return now
    return '+'.join(each for each in (before, now) if each)
