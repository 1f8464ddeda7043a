"""Translate a video into a video, or into a folder of its frames."""

from pathlib import Path
from typing import Any

import cv2

from sim2real_ros.data import Frame
from sim2real_ros.data.video_source import VideoSource
from sim2real_ros.errors import BackendError, DataError, ImageError, Sim2RealError
from sim2real_ros.files import ManifestRecord, Omission, OutputJob, atomic_path, ordered_map
from sim2real_ros.image.encode_file import encode_file
from sim2real_ros.image.opencv_threads import one_opencv_thread
from sim2real_ros.image.video_file import VIDEO_CODECS, VideoFile
from sim2real_ros.runtime.model_file import ModelFile
from sim2real_ros.runtime.pixel_format import RgbImage
from sim2real_ros.translation.camera_turns import CameraTurns, FrameTurn
from sim2real_ros.translation.folder import VERB
from sim2real_ros.translation.model_pool import (
    FailureGuard,
    ModelPool,
    fingerprint,
    without_effect,
)
from sim2real_ros.translation.options import TranslateOptions
from sim2real_ros.translation.report import (
    ProblemList,
    ProgressCallback,
    TranslationReport,
    printable,
)


class VideoTranslation:
    """A video on its way to another one, of the same rate and without sound.

    A video file cannot be continued: after an accident the work begins anew. A folder of frames
    (``FramesTranslation``) is taken up where it was.
    """

    kind = 'video'

    def __init__(
        self, source: Path, output: Path, model: ModelFile, options: TranslateOptions
    ) -> None:
        """Look at source and output; nothing is written yet.

        Raises:
            DataError: The video cannot be opened, or the output is no place for one.
        """
        if output.suffix.lower() not in VIDEO_CODECS:
            raise DataError(
                f'{str(output)!r} is no video file: expected a name that ends in '
                f'{", ".join(VIDEO_CODECS)}, or --frames for a folder of images.'
            )
        if output.exists() and not options.force:
            raise DataError(f'{str(output)!r} exists: choose another name, or --force.')
        if output.exists() and output.samefile(source):
            raise DataError(f'{str(output)!r} is the source: choose another name.')
        self._video = VideoSource(source)
        self._rate_hz = _rate_of(source)
        self._output = output
        self._model = model
        self._options = options
        self.total = self._video.info().frame_count

    def describe(self) -> list[str]:
        """Say what would be done."""
        return [
            f'{self.total or "?"} frames of {str(self._video.path)!r} at {self._rate_hz:g} Hz '
            f'through {self._model.card.name}',
            *without_effect(self._model, self._options),
            f'{str(self._output)!r}: would be written, without sound',
        ]

    def run(self, progress: ProgressCallback | None = None) -> TranslationReport:
        """Translate the whole video.

        Raises:
            Sim2RealError: The model does not work, or the disk refuses.
        """
        pool = ModelPool.load(self._model, self._options)
        problems = ProblemList()
        with one_opencv_thread(), atomic_path(self._output) as temporary:
            try:
                done = self._write(temporary, pool, problems, progress)
            except ImageError as error:
                raise DataError(f'Cannot write {str(self._output)!r}: {error}.') from error
        for each in self._video.skipped:
            problems.add(f'{each.where}: {each.reason}')
        return TranslationReport(self._output, done, problems.sentences(), hints=pool.hints)

    def _write(
        self,
        path: Path,
        pool: ModelPool,
        problems: ProblemList,
        progress: ProgressCallback | None,
    ) -> int:
        guard = FailureGuard()
        video: VideoFile | None = None
        turns = CameraTurns(pool)
        results = ordered_map(
            lambda each: _result(*each),
            ((frame, turns.next()) for frame in self._video),
            workers=self._options.jobs,
        )
        for index, (image, error) in enumerate(results):
            if error is None:
                guard.note_success()
            else:
                guard.check(error)
                problems.add(f'frame {index} stays as it was: {error}')
            if video is None:
                video = VideoFile(path, self._rate_hz, (image.shape[1], image.shape[0]))
            video.write(image)
            if progress is not None:
                progress(self.kind, index + 1)
        if video is None:
            raise DataError(f'{str(self._video.path)!r} has no readable frame.')
        video.close()
        return video.count


class FramesTranslation:
    """A video on its way to a folder of its frames."""

    kind = 'video'

    def __init__(
        self, source: Path, output: Path, model: ModelFile, options: TranslateOptions
    ) -> None:
        """Look at source and output; nothing is written yet.

        Raises:
            DataError: The video cannot be opened, or the output is not free.
        """
        self._video = VideoSource(source)
        self._model = model
        self._options = options
        self._format = options.image_format or 'png'
        settings = fingerprint(model, options)
        self._job = OutputJob(output, VERB, settings, [source], force=options.force)
        self.total = self._video.info().frame_count

    def describe(self) -> list[str]:
        """Say what would be done."""
        state = 'complete already' if self._job.complete else 'would be written'
        return [
            f'{self.total or "?"} frames of {str(self._video.path)!r} through '
            f'{self._model.card.name}, each to images/frame_00000000.{self._format} ...',
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
            manifest = self._job.finish()
        problems = tuple(f'{each.where}: {each.reason}' for each in manifest.omissions)
        return TranslationReport(
            self._job.folder, len(manifest.records), problems, was_complete, hints=hints
        )

    def _translate(self, progress: ProgressCallback | None) -> tuple[str, ...]:
        """Do all frames; return the hints of the model."""
        pool = ModelPool.load(self._model, self._options)
        guard = FailureGuard()
        turns = CameraTurns(pool)
        outcomes = ordered_map(
            lambda each: self._outcome(*each),
            ((index, frame, turns.next()) for index, frame in enumerate(self._video)),
            workers=self._options.jobs,
        )
        for index, outcome in enumerate(outcomes):
            key = str(index)
            if isinstance(outcome, Sim2RealError):
                guard.check(outcome)
                self._job.commit(key, omission=Omission(f'frame {index}', str(outcome)))
            elif outcome is not None:
                self._job.commit(key, [outcome])
                guard.note_success()
            elif (finished := self._job.finished(key)) and finished.records:
                guard.note_success()
            if progress is not None:
                progress(self.kind, index + 1)
        for each in self._video.skipped:
            if self._job.finished(each.where) is None:
                self._job.commit(each.where, omission=Omission(each.where, each.reason))
        return pool.hints

    def _outcome(
        self, index: int, frame: Frame, turn: FrameTurn
    ) -> ManifestRecord | Sim2RealError | None:
        is_finished = self._job.is_finished(str(index))
        if is_finished and not turn.has_followers:
            return None
        result, error = _result(frame, turn)
        if is_finished:
            return None
        if error is not None:
            return error
        quality = None if self._format == 'png' else self._options.quality
        content = encode_file(result, self._format, quality)
        name = f'images/frame_{index:08d}.{self._format}'
        saved: dict[str, Any] = self._job.save(name, content)
        return ManifestRecord(
            **saved,
            size=(result.shape[1], result.shape[0]),
            source=printable(self._video.path),
            index=index,
            stamp_ns=frame.stamp_ns,
            original_size=(frame.image.shape[1], frame.image.shape[0]),
            model=self._model.card.name,
            model_sha256=self._model.sha256,
        )


def _result(frame: Frame, turn: FrameTurn) -> tuple[RgbImage, Sim2RealError | None]:
    """Translate a frame; where that fails, return what there was, and the error."""
    try:
        with turn:
            return turn.translate(frame.image, frame.stamp_ns / 1e9), None
    except (ImageError, BackendError) as error:
        return frame.image, error


def _rate_of(path: Path) -> float:
    capture = cv2.VideoCapture(str(path))
    rate_hz = float(capture.get(cv2.CAP_PROP_FPS))
    capture.release()
    if not 0 < rate_hz < 10_000:
        raise DataError(
            f'The video {str(path)!r} does not tell its frame rate ({rate_hz:g}): translate it '
            'to single images (--frames).'
        )
    return rate_hz
