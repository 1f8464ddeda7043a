"""Write collected frames: grouped by simulated frame, or the results alone."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from sim2real_ros.data.collection.matching import BUNDLE, SIM_COLUMN, Frame
from sim2real_ros.data.dataset.frame_identity import relative_stem
from sim2real_ros.data.dataset.label_files import label_files_of
from sim2real_ros.data.dataset.listing import ListedImage
from sim2real_ros.data.dataset.measuring import read_image_bytes
from sim2real_ros.data.dataset.naming import free_stem, unique_stems
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import ManifestRecord, NameTable, Omission, OutputJob, safe_name
from sim2real_ros.image import resize
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.image.encode_file import encode_file

Image = npt.NDArray[np.uint8]

RESERVED = frozenset({'manifest.jsonl', 'index.html', 'contact_sheet.png', 'video.mp4'})
"""Names in the output folder that no frame may take."""


@dataclass(frozen=True)
class Written:
    """What became of one frame.

    Attributes:
        records: Its images in the output folder; () where none could be read.
        problems: What is missing or does not fit.
    """

    records: tuple[ManifestRecord, ...]
    problems: tuple[str, ...]

    def omission(self, frame: Frame) -> Omission | None:
        """Return the problems as a line of the manifest."""
        return (
            Omission(str(frame.listed.path), '; '.join(self.problems)) if self.problems else None
        )


@dataclass(frozen=True)
class _Picture:
    column: str
    image: ListedImage
    content: bytes
    rgb: Image


def read_pictures(frame: Frame, columns: Sequence[str]) -> tuple[list['_Picture'], list[str]]:
    """Read the pictures of a frame.

    Args:
        frame: The frame.
        columns: Of results that are wanted; the simulated image comes before them.

    Returns:
        The readable ones, and what is wrong with the others.
    """
    wanted = [(SIM_COLUMN, frame.listed)] if frame.is_sim else []
    wanted += [(column, frame.results[column]) for column in columns if column in frame.results]
    pictures, problems = [], []
    for column, image in wanted:
        try:
            content = read_image_bytes(image.path)
            pictures.append(_Picture(column, image, content, decode_file(content)[0]))
        except (DataError, ImageError) as error:
            problems.append(f'{str(image.path)!r}: {error}')
    return pictures, problems


def side_by_side(images: Sequence[Image]) -> Image:
    """Put pictures in a row, all at the size of the first."""
    size = images[0].shape[1], images[0].shape[0]
    return np.hstack([resize(image, size) for image in images])


class GroupWriter:
    """Gives every frame a folder: ``sim.png``, ``<model>.png`` ... and ``bundle.png``."""

    def __init__(self, job: OutputJob, frames: Sequence[Frame], columns: Sequence[str]) -> None:
        """Choose names for all folders and files."""
        self._job = job
        self._columns = columns
        names = unique_stems(
            [(frame.listed.name, frame.listed.place) for frame in frames], RESERVED
        )
        self._names = {id(frame): name for frame, name in zip(frames, names, strict=True)}
        table = NameTable()
        self._file_stems = {each: table.name_of(each) for each in (SIM_COLUMN, BUNDLE, *columns)}

    def name_of(self, frame: Frame) -> str:
        """Return the name of a frame, which is that of its folder."""
        return self._names[id(frame)]

    def files_of(self, records: Sequence[ManifestRecord]) -> dict[str, str]:
        """Return the files of a frame by column."""
        by_stem = {PurePosixPath(record.file).stem: record.file for record in records}
        stems = self._file_stems.items()
        return {column: by_stem[stem] for column, stem in stems if stem in by_stem}

    def write(self, frame: Frame) -> Written:
        """Write the pictures of a frame."""
        pictures, problems = read_pictures(frame, self._columns)
        if not any(each.column != SIM_COLUMN for each in pictures):
            return Written((), (*problems, 'no result could be read'))
        folder = self.name_of(frame)
        records = []
        for each in pictures:
            suffix = each.image.path.suffix.lower()
            file = f'{folder}/{self._file_stems[each.column]}{suffix}'
            records.append(_copy(self._job, each, file))
        bundle = side_by_side([each.rgb for each in pictures])
        saved = self._job.save(f'{folder}/{BUNDLE}.png', encode_file(bundle, 'png'))
        size = bundle.shape[1], bundle.shape[0]
        origin = dataclasses.replace(records[0], labels=(), model='', model_sha256='')
        records.append(dataclasses.replace(origin, **saved, size=size, subset=BUNDLE))
        return Written(tuple(records), tuple(problems))


class FlatWriter:
    """Writes the results of one model under the names of the frames, with the frames' labels."""

    def __init__(self, job: OutputJob, frames: Sequence[Frame], column: str) -> None:
        """Choose names for all images."""
        self._job = job
        self._column = column
        taken: dict[str, set[str]] = {}
        self._names: dict[int, str] = {}
        for frame in frames:
            *folders, stem = relative_stem(frame).split('/')
            folder = ''.join(f'{safe_name(each)}/' for each in folders)
            free = free_stem(stem, taken.setdefault(folder.casefold(), set()))
            self._names[id(frame)] = folder + free

    def name_of(self, frame: Frame) -> str:
        """Return the name of a frame: its path without the suffix."""
        return self._names[id(frame)]

    def files_of(self, records: Sequence[ManifestRecord]) -> dict[str, str]:
        """Return the file of a frame by column."""
        return {self._column: records[0].file} if records else {}

    def write(self, frame: Frame) -> Written:
        """Write the result of a frame with its labels."""
        pictures, problems = read_pictures(frame, [self._column])
        results = [each for each in pictures if each.column == self._column]
        if not results:
            return Written((), tuple(problems))
        sizes = [(each.rgb.shape[1], each.rgb.shape[0]) for each in pictures]
        if len(set(sizes)) > 1:
            problems.append(
                f'the result has {sizes[1][0]}x{sizes[1][1]} pixels, its frame '
                f'{sizes[0][0]}x{sizes[0][1]}: masks do not fit'
            )
        name = self.name_of(frame)
        suffix = results[0].image.path.suffix.lower()
        record = _copy(self._job, results[0], f'images/{name}{suffix}')
        labels, more = self._copy_labels(frame, name)
        record = dataclasses.replace(record, labels=labels)
        return Written((record,), (*problems, *more))

    def _copy_labels(self, frame: Frame, name: str) -> tuple[tuple[str, ...], list[str]]:
        """Copy the labels of the simulated image; those of the result where it has none."""
        problems = []
        images = [frame.listed] if frame.is_sim else []
        contents: dict[str, bytes] = {}
        try:
            found = map(label_files_of, (*images, frame.results[self._column]))
            read = [(label, label.read()) for each in found for label in each.files]
        except DataError as error:
            return (), [f'its labels are left out: {error}']
        for label, content in read:
            file = f'{label.kind}/{name}{label.suffix}'
            if contents.setdefault(file, content) != content:
                problems.append(f"{str(label.path)!r} differs from the frame's labels")
        for file, content in contents.items():
            self._job.save(file, content)
        return tuple(contents), problems


def _copy(job: OutputJob, picture: _Picture, file: str) -> ManifestRecord:
    image = picture.image
    saved = job.save(file, picture.content)
    origin = image.record or ManifestRecord(
        file, '', 0, source=str(image.root), source_name=image.name
    )
    size = picture.rgb.shape[1], picture.rgb.shape[0]
    # Labels and calibration stay behind, so the record must not name them.
    return dataclasses.replace(
        origin, **saved, size=size, labels=(), camera_info='', sequence=image.sequence
    )
