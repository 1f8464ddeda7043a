"""SourceWork: the extraction of one source, with decoding and encoding spread over threads."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sim2real_ros.data.extraction.camera_files import CameraFiles
from sim2real_ros.data.extraction.camera_tracks import read_camera_tracks
from sim2real_ros.data.extraction.candidate import (
    Candidate,
    Picture,
    Stream,
    plain_text,
    shown_text,
)
from sim2real_ros.data.extraction.inputs import Input
from sim2real_ros.data.extraction.names import ImageNames
from sim2real_ros.data.extraction.options import ExtractOptions
from sim2real_ros.data.extraction.selection import Selector
from sim2real_ros.errors import Sim2RealError
from sim2real_ros.files import ManifestRecord, Omission, OutputJob, ordered_map
from sim2real_ros.image import Placement, place, place_image
from sim2real_ros.image.difference_hash import difference_hash
from sim2real_ros.image.encode_file import encode_file

Report = Callable[[str, int, int | None, int], None]
"""Called with the source's name, the numbers of frames read, to be read (None: unknown), kept."""


@dataclass(eq=False)
class _Item:
    """A candidate on its way, and what becomes of it."""

    candidate: Candidate
    finished: bool
    picture: Picture | None = None
    problem: str = ''
    image_hash: int = 0
    name: str = ''
    placement: Placement | None = None
    camera_info: str = ''
    notes: list[Omission] = field(default_factory=list)
    record: ManifestRecord | None = None
    state: Any = None
    kept: int = 0

    @property
    def key(self) -> str:
        """Return the item's name in the journal."""
        return f'{self.candidate.stream.number} {self.candidate.index}'


class SourceWork:
    """The extraction of one source: read | decode, in threads | choose | write, in threads | note.

    Reading and choosing take place in the caller's thread and in order, so the result does not
    depend on the threads.
    """

    def __init__(
        self,
        job: OutputJob,
        source: Input,
        streams: dict[str, Stream],
        options: ExtractOptions,
        cameras: CameraFiles,
    ) -> None:
        """Prepare to extract the streams (by topic) of a source into a job's folder."""
        self._job = job
        self._source = source
        self._streams = streams
        self._options = options
        self._cameras = cameras
        timed = options.start_s is not None or options.end_s is not None
        beginning_ns = source.beginning_ns() if timed else 0
        numbers = [each.number for each in streams.values()]
        self._selectors = {each: Selector(options, beginning_ns) for each in numbers}
        self._names = {each.number: ImageNames(each, options.names) for each in streams.values()}
        self._last: Candidate | None = None

    def run(self, jobs: int, progress: Report | None) -> None:
        """Extract everything that is not finished yet."""
        infos = {each.info_topic for each in self._streams.values() if each.info_topic}
        stop_ns = next(iter(self._selectors.values())).stop_ns
        tracks = read_camera_tracks(self._source.path, infos, stop_ns)
        self._cameras.use(tracks)
        for topic, track in tracks.items():
            if track.problem:
                where = f'{self._source.path} {topic}'
                self._note(f'{self._prefix} info {topic}', where, track.problem)
        counts = [each.count for each in self._streams.values()]
        total = None if None in counts else sum(each or 0 for each in counts)
        candidates = self._source.candidates(self._streams, self._selectors)
        ahead = jobs + 2
        with (
            closing(
                ordered_map(self._decode, map(self._take, candidates), workers=jobs, ahead=ahead)
            ) as decoded,
            closing(
                ordered_map(self._write, self._choose(decoded), workers=jobs, ahead=ahead)
            ) as written,
        ):
            for item in written:
                self._commit(item)
                if progress:
                    progress(self._source.path.name, item.candidate.seen, total, item.kept)
        # How far the reader has run ahead of the last image wanted depends on the threads.
        problems = self._last.problems if self._last else self._source.problems
        for number, problem in enumerate(problems):
            self._note(f'{self._prefix} problem {number}', str(self._source.path), problem)

    def _take(self, candidate: Candidate) -> _Item:
        item = _Item(candidate, False)
        item.finished = self._job.is_finished(item.key)
        return item

    def _decode(self, item: _Item) -> _Item:
        if item.finished:
            return item
        try:
            item.picture = item.candidate.load()
            item.image_hash = difference_hash(item.picture.rgb)
        except Sim2RealError as error:
            item.problem = str(error)
        return item

    def _choose(self, items: Iterator[_Item]) -> Iterator[_Item]:
        """Decide in order what is kept, and give it its name."""
        for item in items:
            number = item.candidate.stream.number
            selector = self._selectors[number]
            if not selector.open:
                continue
            if item.finished:
                self._choose_again(item)
            elif item.picture is not None and selector.keeps(item.image_hash):
                height, width = item.picture.rgb.shape[:2]
                self._prepare(item, (width, height), item.picture.stamp_ns)
            item.kept = sum(each.kept for each in self._selectors.values())
            if not any(each.open for each in self._selectors.values()):
                self._last = item.candidate
            yield item

    def _choose_again(self, item: _Item) -> None:
        """Repeat the decisions about an item that an earlier run has finished."""
        finished = self._job.finished(item.key)
        if finished is None or finished.state is None:
            return
        image_hash, size, stamp_ns = finished.state
        self._selectors[item.candidate.stream.number].keeps(int(image_hash, 16))
        self._prepare(item, (size[0], size[1]), stamp_ns)

    def _prepare(self, item: _Item, size: tuple[int, int], stamp_ns: int | None) -> None:
        stream = item.candidate.stream
        item.state = (f'{item.image_hash:016x}', size, stamp_ns)
        item.name = self._names[stream.number].next(item.candidate.index, stamp_ns)
        item.placement = place(size, self._options.size or size, self._options.fit)
        item.camera_info, note = self._cameras.file_for(stream, stamp_ns, item.placement)
        item.notes += [note] if note else []

    def _write(self, item: _Item) -> _Item:
        picture, placement = item.picture, item.placement
        item.picture = None
        if picture is None or placement is None:
            return item
        options, stream = self._options, item.candidate.stream
        try:
            content = self._encode(picture, placement)
        except Sim2RealError as error:
            item.problem = str(error)
            return item
        saved = self._job.save(f'images/{stream.folder}{item.name}.{options.format}', content)
        item.record = ManifestRecord(
            **saved,
            size=placement.size,
            source=plain_text(str(stream.path)),
            source_name=item.candidate.source_name,
            topic=plain_text(stream.topic),
            index=item.candidate.index,
            stamp_ns=picture.stamp_ns,
            recorded_ns=item.candidate.recorded_ns,
            frame_id=picture.frame_id,
            encoding=picture.encoding,
            original_size=placement.original_size,
            placement='' if placement.is_identity else options.fit,
            camera_info=item.camera_info,
            perceptual_hash=f'{item.image_hash:016x}',
            sequence=stream.sequence,
            parent_sha256=picture.sha256,
        )
        return item

    def _encode(self, picture: Picture, placement: Placement) -> bytes:
        options = self._options
        as_it_is = options.format == 'jpg' and options.quality is None and placement.is_identity
        if as_it_is and picture.jpeg is not None:
            return picture.jpeg
        return encode_file(place_image(picture.rgb, placement), options.format, options.quality)

    def _commit(self, item: _Item) -> None:
        for number, note in enumerate(item.notes):
            self._note(f'{item.key} note {number}', note.where, note.reason)
        if item.finished:
            self._job.finished(item.key)
        else:
            where, reason = item.candidate.where, shown_text(item.problem)
            omission = Omission(where, reason) if reason else None
            records = [item.record] if item.record else []
            self._job.commit(item.key, records, omission, item.state)

    def _note(self, key: str, where: str, reason: str) -> None:
        if self._job.finished(key) is None:
            self._job.commit(key, omission=Omission(shown_text(where), shown_text(reason)))

    @property
    def _prefix(self) -> str:
        return f'source {next(iter(self._selectors))}'
