"""Translate a folder tree of images into another, with labels and manifest."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sim2real_ros.errors import BackendError, DataError, ImageError, Sim2RealError
from sim2real_ros.files import (
    ManifestRecord,
    Omission,
    OutputJob,
    ordered_map,
    sha256_of_bytes,
)
from sim2real_ros.image.opencv_threads import one_opencv_thread
from sim2real_ros.runtime.model_file import ModelFile
from sim2real_ros.translation.camera_turns import CameraTurns, FrameTurn
from sim2real_ros.translation.folder_content import (
    FolderContent,
    FolderImage,
    notes_about,
    read_folder,
)
from sim2real_ros.translation.folder_drives import drives_of_images
from sim2real_ros.translation.image_file import FORMAT_OF_SUFFIX, translate_file
from sim2real_ros.translation.model_pool import (
    FailureGuard,
    ModelPool,
    fingerprint,
    without_effect,
)
from sim2real_ros.translation.options import TranslateOptions
from sim2real_ros.translation.report import ProgressCallback, TranslationReport, printable

MAX_FILE_BYTES = 2**30
VERB = 'translate'


@dataclass(frozen=True)
class _Outcome:
    record: ManifestRecord | None = None
    error: Sim2RealError | None = None


class FolderTranslation:
    """A folder, or one image file, on its way to an output folder."""

    kind = 'folder'

    def __init__(
        self, source: Path, output: Path, model: ModelFile, options: TranslateOptions
    ) -> None:
        """Look at source and output; nothing is written yet.

        Raises:
            DataError: There is nothing to translate, or the output is not free.
        """
        if options.output_size == 'model':
            raise DataError(
                'The images of a folder keep their size, as their labels do. Translate at the '
                'size of the input, then use `sim2real resize-images` on the result.'
            )
        if source.is_file() and output.suffix.lower() in FORMAT_OF_SUFFIX and not output.is_dir():
            raise DataError(
                f'The output {str(output)!r} would be a folder, even for one image: the result '
                'lies in it under the name of the source. Give the name of a folder, without '
                f'{output.suffix!r}.'
            )
        self._source = source
        self._model = model
        self._options = options
        self._content: FolderContent = read_folder(source, options.only, options.image_format)
        _check_apart(source, self._content.root, output)
        self._notes = notes_about(self._content)
        settings = fingerprint(model, options)
        self._job = OutputJob(output, VERB, settings, [source], force=options.force)
        self.total: int | None = len(self._content.images)

    def describe(self) -> list[str]:
        """Say what would be done."""
        content = self._content
        labels = sum(len(image.labels) for image in content.images) + len(content.copied)
        state = 'complete already' if self._job.complete else 'would be written'
        return [
            f'{len(content.images)} images of {str(self._source)!r} through '
            f'{self._model.card.name}',
            f'{labels} label, mask and calibration files copied',
            *(f'left out: {each.where}: {each.reason}' for each in content.refused),
            *self._notes,
            *without_effect(self._model, self._options),
            f'{str(self._job.folder)!r}: {state}',
        ]

    def run(self, progress: ProgressCallback | None = None) -> TranslationReport:
        """Translate what an earlier run has not finished.

        Raises:
            Sim2RealError: The model does not work, or the disk refuses.
        """
        was_complete = self._job.complete
        hints: tuple[str, ...] = ()
        with self._job, one_opencv_thread():
            if not was_complete:
                hints = self._translate(progress)
                for name in self._content.copied:
                    self._job.save_extra(name, self._read(name))
            manifest = self._job.finish()
        problems = tuple(f'{each.where}: {each.reason}' for each in manifest.omissions)
        return TranslationReport(
            self._job.folder, len(manifest.records), problems, was_complete, self._notes, hints
        )

    def _translate(self, progress: ProgressCallback | None) -> tuple[str, ...]:
        """Do all images; return the hints of the model."""
        pool = ModelPool.load(self._model, self._options)
        guard = FailureGuard()
        for omission in self._content.refused:
            if self._job.finished(omission.where) is None:
                self._job.commit(omission.where, omission=omission)
        results = ordered_map(
            lambda each: (each[0], self._outcome(*each)),
            self._turns(pool),
            workers=self._options.jobs,
        )
        for done, (image, outcome) in enumerate(results, 1):
            self._commit(image, outcome, guard)
            if progress is not None:
                progress(self.kind, done)
        return pool.hints

    def _turns(self, pool: ModelPool) -> Iterator[tuple[FolderImage, FrameTurn]]:
        """Yield all images; with smoothing, drive by drive and in the order of each."""
        images = self._content.images
        if not pool.smooths:
            turns = CameraTurns(pool)
            yield from ((image, turns.next()) for image in images)
            return
        for drive in drives_of_images(images):
            is_done = all(self._job.is_finished(image.name) for image in drive)
            turns = CameraTurns(pool, has_memory=not is_done)
            yield from ((image, turns.next()) for image in drive)

    def _commit(self, image: FolderImage, outcome: _Outcome | None, guard: FailureGuard) -> None:
        if outcome is None:
            finished = self._job.finished(image.name)
            if finished is not None and finished.records:
                guard.note_success()
        elif outcome.record is not None:
            guard.note_success()
            self._job.commit(image.name, [outcome.record])
        elif outcome.error is not None:
            guard.check(outcome.error)
            omission = Omission(image.name, str(outcome.error))
            self._job.commit(image.name, omission=omission)

    def _outcome(self, image: FolderImage, turn: FrameTurn) -> _Outcome | None:
        """Translate and save one image, in any thread; None where an earlier run has done so."""
        is_finished = self._job.is_finished(image.name)
        if is_finished and not turn.has_followers:
            return None
        stamp_ns = image.record.stamp_ns if image.record else None
        stamp_s = None if stamp_ns is None else stamp_ns / 1e9
        quality = self._options.quality
        try:
            with turn:
                content = self._read(image.name)
                labels = {name: self._read(name) for name in image.labels}
                translated = translate_file(content, turn, *image.formats, quality, stamp_s)
        except (ImageError, BackendError, _UnreadableError) as error:
            return None if is_finished else _Outcome(error=error)
        if is_finished:
            return None
        saved = self._job.save(image.target, translated.content)
        for name, label in labels.items():
            self._job.save(name, label)
        origin = image.record or ManifestRecord(
            image.name, '', 0, source=printable(self._source), source_name=image.name
        )
        record = dataclasses.replace(
            origin,
            **saved,
            size=translated.size,
            labels=image.labels,
            # It told the look of the original.
            perceptual_hash='',
            parent_sha256=sha256_of_bytes(content),
            model=self._model.card.name,
            model_sha256=self._model.sha256,
        )
        return _Outcome(record)

    def _read(self, name: str) -> bytes:
        path = self._content.root / name
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise _UnreadableError(f'{name!r} is larger than {MAX_FILE_BYTES} bytes')
            return path.read_bytes()
        except OSError as error:
            raise _UnreadableError(f'{name!r}: {error.strerror or error}') from error


class _UnreadableError(DataError):
    """A file of the source cannot be read; a DataError of the output is another matter."""


def _check_apart(source: Path, root: Path, output: Path) -> None:
    """Make sure that nothing of the source can be overwritten or read as a result of its own."""
    inner, outer = output.resolve(), root.resolve()
    if inner == outer or (source.is_dir() and outer in inner.parents):
        raise DataError(
            f'The output {str(output)!r} lies inside {str(root)!r}, which is read: choose a '
            'folder outside of it.'
        )
