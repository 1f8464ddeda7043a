"""Translate the camera topics of a bag; everything else in it is passed on byte for byte."""

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from sim2real_ros import __version__
from sim2real_ros.bags import BagConnection, BagMessage, BagReader, open_bag, rewrite_bag
from sim2real_ros.bags.reader import BAG_SUFFIXES
from sim2real_ros.errors import BackendError, DataError, ImageError
from sim2real_ros.files import sha256_of_bytes
from sim2real_ros.files.source_stamp import fingerprint_source
from sim2real_ros.image.opencv_threads import one_opencv_thread
from sim2real_ros.runtime.model_file import ModelFile
from sim2real_ros.translation.bag_message import (
    image_size,
    translate_camera_info,
    translate_message,
)
from sim2real_ros.translation.bag_stream import Ready, Work, in_order
from sim2real_ros.translation.bag_topics import camera_namespace, choose_topics
from sim2real_ros.translation.camera_turns import CameraTurns, FrameTurn
from sim2real_ros.translation.frame_cache import CHANGED, FAILED, UNCHANGED, Entry, FrameCache
from sim2real_ros.translation.model_pool import (
    FailureGuard,
    ModelPool,
    fingerprint,
    without_effect,
)
from sim2real_ros.translation.options import TranslateOptions
from sim2real_ros.translation.report import ProblemList, ProgressCallback, TranslationReport

Size = tuple[int, int]
Outcome = tuple[Entry, Exception | None, bool]
"""What became of an image, why it failed, and whether an earlier run has worked it out."""


class BagTranslation:
    """A bag on its way to another one of the same kind."""

    kind = 'bag'

    def __init__(
        self, source: Path, output: Path, model: ModelFile, options: TranslateOptions
    ) -> None:
        """Look at source and output; nothing is written yet.

        Raises:
            DataError: The bag cannot be read, has no such topic, or the output is not free.
        """
        _check_kind(source, output)
        self._source = source
        self._output = output
        self._model = model
        self._options = options
        with open_bag(source) as reader:
            self._topics = choose_topics(reader, options.topics)
            self._others = len(reader.connections) - len(self._topics.images)
        self.total = self._topics.total
        state = {
            'source': fingerprint_source(source),
            'output': output.name,
            'options': fingerprint(model, options),
            'version': __version__,
        }
        text = json.dumps(state, sort_keys=True)
        self._cache = FrameCache(output, sha256_of_bytes(text.encode()))
        # A run that was killed between its last two steps has left its cache beside the bag.
        self._is_complete = output.exists() and self._cache.is_ours and not self._cache.replaces
        if output.exists() and not options.force and not self._is_complete:
            raise DataError(
                f'{str(output)!r} exists: choose another name, or replace it (--force).'
            )

    def describe(self) -> list[str]:
        """Say what would be done."""
        images = [
            f'{each.topic!r}: {_count(each)} {each.msgtype.rpartition("/")[2]} messages through '
            f'{self._model.card.name}'
            for each in self._topics.images
        ]
        infos = [f'{each.topic!r}: scaled to the size of the images' for each in self._infos()]
        return [
            *images,
            *infos,
            *self._topics.left_alone,
            *without_effect(self._model, self._options),
            f'{self._others - len(infos)} other connections: passed on',
            f'{str(self._output)!r}: would be written',
        ]

    def run(self, progress: ProgressCallback | None = None) -> TranslationReport:
        """Write the bag, with what an earlier run has translated already.

        Raises:
            Sim2RealError: The model does not work, or the disk refuses.
        """
        if self._is_complete and not self._options.force:
            self._cache.remove()
            return TranslationReport(self._output, self.total or 0, was_complete=True)
        pool = ModelPool.load(self._model, self._options)
        with self._cache, one_opencv_thread(), open_bag(self._source) as reader:
            stream = _Stream(reader, pool, self._options, self._cache, progress)
            stream.images = {each.id for each in self._topics.images}
            stream.infos = {each.id for each in self._infos()}
            problems = rewrite_bag(
                self._source, self._output, stream.change, force=self._options.force
            )
            self._cache.remove()
        return TranslationReport(
            self._output,
            stream.translated,
            (*problems, *stream.problems.sentences()),
            notes=self._topics.left_alone,
            hints=pool.hints,
        )

    def _infos(self) -> tuple[BagConnection, ...]:
        return self._topics.infos if self._options.output_size == 'model' else ()


class _Stream:
    """The messages of the bag on their way through."""

    def __init__(
        self,
        reader: BagReader,
        pool: ModelPool,
        options: TranslateOptions,
        cache: FrameCache,
        progress: ProgressCallback | None,
    ) -> None:
        self.images: set[int] = set()
        self.infos: set[int] = set()
        self.problems = ProblemList()
        self.translated = 0
        self._done = 0
        self._reader = reader
        self._pool = pool
        self._options = options
        self._cache = cache
        self._progress = progress
        self._guard = FailureGuard()
        self._sizes: dict[str, dict[int, Size]] = {}
        self._cameras: dict[str, CameraTurns] = {}

    def change(self, messages: Iterator[BagMessage]) -> Iterator[BagMessage]:
        """Yield the messages of the new bag, in the order of the old one."""
        if self.infos:
            self._look_at_sizes()
        works = map(self._work, messages)
        for message, outcome in in_order(works, self._options.jobs):
            if outcome is None:
                yield message
                continue
            changed = self._finish(message, *outcome)
            if changed is not None:
                yield changed

    def _look_at_sizes(self) -> None:
        """Learn the size of each camera's first image, which may follow its camera_info."""
        for connection in self._reader.connections:
            if connection.id in self.images:
                first = next(self._reader.messages([connection]), None)
                if first is not None:
                    self._note_size(first)

    def _note_size(self, message: BagMessage) -> None:
        size = image_size(self._reader, message)
        if size is not None:
            space = camera_namespace(message.connection)
            self._sizes.setdefault(space, {})[message.connection.id] = size

    def _work(self, message: BagMessage) -> Work[Outcome]:
        """Decide what is to be done for a message; called in the order of the bag."""
        if message.connection.id in self.infos:
            return Work(self._scaled(message))
        if message.connection.id not in self.images:
            return Work(message)
        if self.infos:
            self._note_size(message)
        cached = self._cache.take(message.raw)
        if cached is not None and not self._pool.smooths:
            return Work(message, Ready((cached, None, True)))
        return Work(message, self._task(message, cached))

    def _task(self, message: BagMessage, cached: Entry | None) -> Callable[[], Outcome]:
        """Return the work on a message; what is cached is done again for the frames after it."""
        topic = message.connection.topic
        turn = self._cameras.setdefault(topic, CameraTurns(self._pool)).next()

        def translate() -> Outcome:
            entry, error = self._translated(message, turn)
            return (entry, error, False) if cached is None else (cached, None, True)

        return translate

    def _translated(self, message: BagMessage, turn: FrameTurn) -> tuple[Entry, Exception | None]:
        source_crc = zlib.crc32(message.raw)
        try:
            with turn:
                raw = translate_message(self._reader, message, turn, self._options.quality)
        except (DataError, ImageError, BackendError) as error:
            return Entry(FAILED, source_crc, str(error).encode()), error
        if raw is message.raw:
            return Entry(UNCHANGED, source_crc), None
        return Entry(CHANGED, source_crc, raw), None

    def _finish(
        self, message: BagMessage, entry: Entry, error: Exception | None, cached: bool
    ) -> BagMessage | None:
        """Take note of a finished image, in the order of the bag; return what is to be written."""
        if error is not None:
            self._guard.check(error)
        if not cached:
            self._cache.append(entry)
        self._done += 1
        if self._progress is not None:
            self._progress(BagTranslation.kind, self._done)
        if entry.kind == FAILED:
            return self._failed(message, entry.content.decode('utf-8', 'replace'))
        self.translated += 1
        self._guard.note_success()
        return message._replace(raw=entry.content) if entry.kind == CHANGED else message

    def _failed(self, message: BagMessage, reason: str) -> BagMessage | None:
        dropped = self._options.on_failure == 'drop'
        became = 'is dropped' if dropped else 'stays as it was'
        topic = message.connection.topic
        self.problems.add(f'{topic!r}, message at {message.recorded_ns} ns {became}: {reason}')
        return None if dropped else message

    def _scaled(self, message: BagMessage) -> BagMessage:
        sizes = self._sizes.get(camera_namespace(message.connection), {})
        try:
            raw = translate_camera_info(self._reader, message, self._pool, [*sizes.values()])
        except DataError as error:
            topic = message.connection.topic
            self.problems.add(f'{topic!r}, message at {message.recorded_ns} ns: {error}')
            return message
        return message._replace(raw=raw)


def _check_kind(source: Path, output: Path) -> None:
    """Make sure that the new bag's name promises what it will be."""
    expected = _bag_suffix(source) if source.is_file() else ''
    if _bag_suffix(output) != expected:
        what = f'a file {expected}' if expected else 'a folder, without such a suffix'
        raise DataError(
            f'{str(output)!r} cannot hold this bag, which keeps the format that it has: expected '
            f'{what}, as {str(source)!r} is.'
        )


def _bag_suffix(path: Path) -> str:
    """Return the longest suffix that tells a bag's format; '' where there is none."""
    name = path.name.lower().removesuffix('.active')
    return max((s for s in BAG_SUFFIXES if name.endswith(s)), key=len, default='')


def _count(connection: BagConnection) -> str:
    return '?' if connection.message_count is None else str(connection.message_count)
