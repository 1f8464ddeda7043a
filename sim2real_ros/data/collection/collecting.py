"""collect: results of one or several models, gathered by the frames that they were made from."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real_ros.data.collection.index_page import INDEX_NAME, IndexEntry, index_page
from sim2real_ros.data.collection.matching import SIM_COLUMN, Frame, Matching, match_results
from sim2real_ros.data.collection.options import CollectOptions
from sim2real_ros.data.collection.video import rate_of, write_video
from sim2real_ros.data.collection.writing import (
    FlatWriter,
    GroupWriter,
    read_pictures,
    side_by_side,
)
from sim2real_ros.data.contact_sheet import contact_sheet, spread_evenly
from sim2real_ros.data.dataset.class_names import CLASSES_NAME, read_class_names
from sim2real_ros.data.dataset.listing import as_folders
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import (
    Manifest,
    ManifestRecord,
    Omission,
    OutputJob,
    atomic_path,
    ordered_map,
    sha256_of_file,
)
from sim2real_ros.image.encode_file import encode_file
from sim2real_ros.image.opencv_threads import one_opencv_thread

VERB = 'collect'
SHEET_NAME = 'contact_sheet.png'

_SHEET_ROWS = 8

ProgressReport = Callable[[str, int, int], None]
"""Told what is being done, how many frames are done, and of how many."""


@dataclass(frozen=True)
class CollectReport:
    """What was collected.

    Attributes:
        folder: Where it is.
        matching: All frames and their results.
        omissions: What is missing, superfluous or does not fit.
        manifest: Of the folder; None after a dry run.
        was_complete: Whether everything was there already.
    """

    folder: Path
    matching: Matching
    omissions: tuple[Omission, ...]
    manifest: Manifest | None = None
    was_complete: bool = False

    def describe(self) -> list[str]:
        """Say what was collected in a few lines of text."""
        frames = self.matching.frames
        lines = [f'note: {note}' for note in self.matching.notes]
        for column in self.matching.columns:
            count = sum(1 for frame in frames if column in frame.results)
            lines.append(f'{column}: results for {count} of {len(frames)} frames')
        if self.manifest is None:
            return [*lines, f'nothing written to {str(self.folder)!r} (dry run)']
        state = 'was complete already' if self.was_complete else 'complete'
        return [*lines, f'{str(self.folder)!r}: {len(self.manifest.records)} images, {state}']


def collect(
    results: Sequence[str | Path],
    output: str | Path,
    options: CollectOptions | None = None,
    *,
    sim: Sequence[str | Path] = (),
    force: bool = False,
    dry_run: bool = False,
    progress: ProgressReport | None = None,
) -> CollectReport:
    """Gather results by the simulated frames that they were made from.

    Args:
        results: Folders of translated images.
        output: Folder to fill.
        options: None = the defaults.
        sim: Folders of simulated images; () = those that the results' manifests name.
        force: Replace an earlier result.
        dry_run: Look at everything and write nothing.
        progress: Told how far the work has come.

    Raises:
        DataError: The input does not fit together, or the disk refuses.
        ImageError: There is no encoder for the video.
    """
    options = options or CollectOptions()
    results, sim, output = as_folders(results), as_folders(sim), Path(output)
    matching = match_results(results, sim, options.model, jobs=options.jobs)
    _check_columns(matching, options)
    named = {
        'results': list(map(str, results)),
        'sim': list(map(str, sim)),
        **options.fingerprint(),
    }
    job = OutputJob(output, VERB, named, matching.sources, force=force)
    if dry_run:
        return CollectReport(output, matching, matching.omissions)
    if options.video:
        _check_encoder()
    was_complete = job.complete
    with job, one_opencv_thread():
        if not was_complete:
            _Collection(job, matching, options, progress).write()
        manifest = job.finish()
    return CollectReport(output, matching, manifest.omissions, manifest, was_complete)


def _check_columns(matching: Matching, options: CollectOptions) -> None:
    if options.mode == 'flat' and len(matching.columns) > 1:
        names = ', '.join(map(repr, matching.columns))
        raise DataError(
            f'There are results of several models: {names}. The results of one alone can lie '
            'under the names of the frames: choose it (--model), or group them (--group).'
        )


def _check_encoder() -> None:
    """Find out whether videos can be written before the work begins."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            write_video(Path(folder) / 'trial.mp4', [np.zeros((64, 64, 3), np.uint8)], 24.0)
        except ImageError as error:
            raise ImageError(
                f'No video can be written here: {error}. Leave --video out; bundles and sheet '
                'show the same.'
            ) from error


class _Collection:
    """The writing of one output folder."""

    def __init__(
        self,
        job: OutputJob,
        matching: Matching,
        options: CollectOptions,
        progress: ProgressReport | None,
    ) -> None:
        self._job = job
        self._matching = matching
        self._options = options
        self._progress = progress
        self._frames = [frame for frame in matching.frames if frame.results]
        columns = matching.columns
        self._writer: GroupWriter | FlatWriter
        self.columns = columns
        if options.mode == 'group':
            self._writer = GroupWriter(job, self._frames, columns)
            if any(frame.is_sim for frame in self._frames):
                self.columns = (SIM_COLUMN, *columns)
        else:
            self._writer = FlatWriter(job, self._frames, columns[0])

    def write(self) -> None:
        """Write everything that is not there yet."""
        entries = [
            IndexEntry(self._writer.name_of(frame), self._files(records))
            for frame, records in self._write_frames()
            if records
        ]
        for number, omission in enumerate(self._matching.omissions):
            if self._job.finished(f'omission {number}') is None:
                self._job.commit(f'omission {number}', omission=omission)
        self._job.save_extra(INDEX_NAME, index_page(self.columns, entries))
        self._job.save_extra(SHEET_NAME, self._sheet())
        self._save_classes()
        if self._options.video:
            self._save_video()

    def _files(self, records: Sequence[ManifestRecord]) -> tuple[str | None, ...]:
        files = self._writer.files_of(records)
        return tuple(files.get(column) for column in self.columns)

    def _write_frames(self) -> Iterator[tuple[Frame, tuple[ManifestRecord, ...]]]:
        results = ordered_map(self._write_one, self._frames, workers=self._options.jobs)
        for number, (frame, written) in enumerate(zip(self._frames, results, strict=True), 1):
            key = self._writer.name_of(frame)
            if written is None:
                earlier = self._job.finished(key)
                records = earlier.records if earlier else ()
            else:
                records = written.records
                self._job.commit(key, records, written.omission(frame))
            if self._progress:
                self._progress('collected', number, len(self._frames))
            yield frame, records

    def _write_one(self, frame: Frame) -> Any:
        if self._job.is_finished(self._writer.name_of(frame)):
            return None
        return self._writer.write(frame)

    def _sheet(self) -> bytes:
        images: list[Any] = []
        captions: list[str] = []
        columns = (SIM_COLUMN, *self._matching.columns)
        for frame in spread_evenly(self._frames, _SHEET_ROWS):
            pictures, _ = read_pictures(frame, self._matching.columns)
            found = {each.column: each.rgb for each in pictures}
            images += [found.get(column) for column in columns]
            captions += [f'{column} {self._writer.name_of(frame)}' for column in columns]
        sheet = contact_sheet(images, captions, columns=len(columns), cell=(240, 180))
        return encode_file(sheet, 'png')

    def _save_classes(self) -> None:
        if self._options.mode == 'flat':
            labelled = [frame.listed for frame in self._frames if frame.is_sim]
            labelled += [image for frame in self._frames for image in frame.results.values()]
            names = read_class_names(image.root for image in labelled)
            if names:
                content = ''.join(f'{name}\n' for name in names)
                self._job.save_extra(CLASSES_NAME, content.encode('utf-8'))

    def _save_video(self) -> None:
        with atomic_path(self._job.path_of(self._options.video)) as path:
            write_video(path, self._rows(), rate_of(self._frames))
        self._job.note_extra(
            self._options.video, sha256_of_file(self._job.folder / self._options.video)
        )

    def _rows(self) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        results = ordered_map(
            lambda frame: read_pictures(frame, self._matching.columns)[0],
            self._frames,
            workers=self._options.jobs,
        )
        for number, pictures in enumerate(results, 1):
            if pictures:
                yield side_by_side([each.rgb for each in pictures])
            if self._progress:
                self._progress('video', number, len(self._frames))
