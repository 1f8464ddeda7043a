"""Manifests: what a folder of images holds and where every image comes from.

A manifest is a file of JSON lines, ``manifest.jsonl``: first the job that made the folder, then
one line per image. It is the interface between the offline tools: they follow it instead of
guessing from file names.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.files.atomic_write import atomic_path
from sim2real_ros.files.safe_name import safe_relative_path

MANIFEST_NAME = 'manifest.jsonl'
MANIFEST_VERSION = 1
MAX_LINE_CHARS = 2**26
"""The first line names all files that are no images, and there may be one for each image."""


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """One image of a folder.

    Everything but ``file`` and its checksum may be unknown; what a tool does not know it leaves
    at its default, and what it copies from the manifest of its input it keeps.

    Attributes:
        file: Path of the image relative to the manifest, with forward slashes.
        sha256: Checksum of the file.
        bytes: Size of the file.
        size: (width, height) in pixels.
        source: Bag, video or folder that the frame was first taken from, as it was named.
        source_name: File of a source folder, relative to it.
        topic: ROS topic as recorded.
        index: Number of the frame in its source: of the message in its topic, of the video frame.
        stamp_ns: Time of capture; of the header, else of recording; None where unknown.
        recorded_ns: Time of recording in the bag.
        frame_id: Coordinate frame of the camera.
        encoding: Of the message: ``bgr8``, or the format string of a compressed image.
        original_size: (width, height) in the source.
        placement: How the original was fitted: ``stretch``, ``letterbox``, ``crop``, '' = as is.
        camera_info: YAML file that describes the camera at ``size``, relative to the manifest.
        perceptual_hash: 64-bit difference hash, 16 hexadecimal digits.
        labels: Label files of this image alone, relative to the manifest.
        domain: ``sim`` or ``real``.
        subset: ``train``, ``test`` ...
        sequence: Name of the drive that the frame belongs to.
        parent_sha256: Checksum of the image that this one was made from.
        model: Name of the model that translated it.
        model_sha256: Checksum of that model's file.
    """

    file: str
    sha256: str
    bytes: int
    size: tuple[int, int] | None = None
    source: str = ''
    source_name: str = ''
    topic: str = ''
    index: int | None = None
    stamp_ns: int | None = None
    recorded_ns: int | None = None
    frame_id: str = ''
    encoding: str = ''
    original_size: tuple[int, int] | None = None
    placement: str = ''
    camera_info: str = ''
    perceptual_hash: str = ''
    labels: tuple[str, ...] = ()
    domain: str = ''
    subset: str = ''
    sequence: str = ''
    parent_sha256: str = ''
    model: str = ''
    model_sha256: str = ''

    def __post_init__(self) -> None:
        """Refuse paths that leave the folder."""
        for name in (self.file, *self.labels, *filter(None, [self.camera_info])):
            safe_relative_path(name, 'file of the manifest')

    def to_json(self) -> dict[str, Any]:
        """Return the fields that say something, in their order."""
        return {
            each.name: getattr(self, each.name)
            for each in dataclasses.fields(self)
            if each.default is dataclasses.MISSING or getattr(self, each.name) != each.default
        }


@dataclass(frozen=True, slots=True)
class Omission:
    """Something that should have become an image and did not, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """The content of a manifest file.

    Attributes:
        verb: The tool that made the folder: ``extract-frames`` ...
        fingerprint: Checksum of verb, options and state of the sources.
        options: The options of the tool.
        sources: What was read, each with its path and size.
        files: Checksums by name of the files that are no images of the set: classes, sheets ...
        omissions: What is missing, and why.
        records: The images, in order.
        version: Of the manifest's format.
    """

    verb: str
    fingerprint: str = ''
    options: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Mapping[str, Any], ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    omissions: tuple[Omission, ...] = ()
    records: tuple[ManifestRecord, ...] = ()
    version: int = MANIFEST_VERSION

    def write(self, folder: Path) -> Path:
        """Write ``manifest.jsonl`` into a folder, atomically, and return its path.

        Raises:
            DataError: The disk refuses.
        """
        header = {
            each.name: getattr(self, each.name)
            for each in dataclasses.fields(self)
            if each.name not in ('records', 'omissions')
        }
        header['omissions'] = [dataclasses.asdict(each) for each in self.omissions]
        path = folder / MANIFEST_NAME
        with atomic_path(path) as temporary, temporary.open('w', encoding='utf-8') as file:
            file.write(json_line({'manifest': 'sim2real_ros', **header}))
            # One by one: there may be hundreds of thousands.
            for record in self.records:
                file.write(json_line(record.to_json()))
        return path


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of a folder.

    Args:
        path: The folder or the manifest file in it.

    Raises:
        DataError: There is none, it is damaged, or it names files outside its folder.
    """
    file = path / MANIFEST_NAME if path.is_dir() else path
    lines = read_json_lines(file)
    if not lines or lines[0].pop('manifest', None) != 'sim2real_ros':
        raise DataError(f'{str(file)!r} is no manifest of sim2real_ros: its first line is wrong.')
    header, where = lines[0], f'{str(file)!r}, line 1'
    if header.get('version') != MANIFEST_VERSION:
        raise DataError(
            f'{where}: version {header.get("version")!r}, expected {MANIFEST_VERSION}: another '
            'release made it; run the tool that made the folder again.'
        )
    try:
        omissions = tuple(Omission(**each) for each in header.pop('omissions', []))
        records = [
            record_from_json(line, f'{str(file)!r}, line {number}')
            for number, line in enumerate(lines[1:], 2)
        ]
        header['sources'] = tuple(_checked_header(header).get('sources', ()))
        manifest = Manifest(omissions=omissions, records=tuple(records), **header)
        for name in manifest.files:
            safe_relative_path(name, 'file of the manifest')
    except (TypeError, AttributeError) as error:
        raise DataError(f'{where}: {error}.') from error
    return manifest


def _checked_header(header: Mapping[str, Any]) -> Mapping[str, Any]:
    sources, files = header.get('sources', []), header.get('files', {})
    if not isinstance(sources, list) or not all(isinstance(each, dict) for each in sources):
        raise TypeError('"sources" must be a list of objects')
    if not isinstance(files, dict) or not all(isinstance(each, str) for each in files.values()):
        raise TypeError('"files" must be an object of checksums by name')
    return header


def record_from_json(line: Mapping[str, Any], where: str) -> ManifestRecord:
    """Check one line of a manifest.

    Raises:
        DataError: A field is unknown or of a wrong type, or a path is unsafe.
    """
    try:
        return from_mapping(ManifestRecord, line, where)
    except ConfigError as error:
        raise DataError(str(error)) from error


def json_line(value: Mapping[str, Any]) -> str:
    """Write a mapping as one line of JSON, always in the same way."""
    return json.dumps(value, ensure_ascii=False, separators=(', ', ': ')) + '\n'


def read_json_lines(file: Path, *, tolerate_torn_end: bool = False) -> list[dict[str, Any]]:
    """Read a file of JSON objects, one per line.

    Args:
        file: The file.
        tolerate_torn_end: Leave out a last line that a killed process did not finish.

    Raises:
        DataError: The file cannot be read, or a line is no JSON object.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f'Cannot read {str(file)!r}: {error.strerror or error}.') from error
    raw = content.split(b'\n')
    torn = raw.pop()
    if torn and not tolerate_torn_end:
        raw.append(torn)
    return list(_parse_lines(raw, file))


def _parse_lines(raw: Iterable[bytes], file: Path) -> Iterable[dict[str, Any]]:
    for number, line in enumerate(raw, 1):
        try:
            value = json.loads(line)
            if not isinstance(value, dict) or len(line) > MAX_LINE_CHARS:
                raise ValueError('expected one JSON object of reasonable length')
        except (ValueError, RecursionError) as error:
            raise DataError(f'{str(file)!r}, line {number} is damaged: {error}.') from error
        yield value
