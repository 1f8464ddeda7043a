"""Open the sources of an extraction and give every stream its name and folder."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from sim2real_ros.bags import accepts_bag
from sim2real_ros.data.extraction.bag_input import BagInput
from sim2real_ros.data.extraction.candidate import Candidate, Stream
from sim2real_ros.data.extraction.file_inputs import FolderInput, VideoInput
from sim2real_ros.data.extraction.names import UniqueNames
from sim2real_ros.data.extraction.options import ExtractOptions
from sim2real_ros.data.extraction.selection import Selector
from sim2real_ros.data.extraction.topics import ImageTopic
from sim2real_ros.data.folder_source import FolderSource, refuse_folder_of_bags
from sim2real_ros.data.video_source import VideoSource
from sim2real_ros.errors import DataError
from sim2real_ros.files import safe_name


class Input(Protocol):
    """One bag, video or folder of the work."""

    path: Path
    problems: list[str]

    @property
    def topics(self) -> tuple[ImageTopic, ...]:
        """Return what is extracted; one nameless entry outside bags."""

    def beginning_ns(self) -> int:
        """Return the time that ``start_s`` and ``end_s`` count from."""

    def candidates(
        self, streams: Mapping[str, Stream], selectors: Mapping[int, Selector]
    ) -> Iterator[Candidate]:
        """Go through the wanted frames in order."""


def open_inputs(sources: Sequence[str | Path], options: ExtractOptions) -> list[Input]:
    """Open bags, videos, folders and images.

    Raises:
        DataError: One of them does not exist, is given twice, or cannot be read.
    """
    paths = [Path(each).expanduser() for each in sources]
    if not paths:
        raise DataError('There is nothing to extract: name a bag, a video or a folder.')
    if len({each.resolve() for each in paths}) < len(paths):
        raise DataError('A source is given twice: name each only once.')
    return [_open_input(each, options) for each in paths]


def _open_input(path: Path, options: ExtractOptions) -> Input:
    if not path.exists():
        raise DataError(f'{str(path)!r} does not exist: expected a folder, image, video or bag.')
    if accepts_bag(path):
        return BagInput(path, options)
    # Before what is said of topics and stamps, which those bags may well have.
    refuse_folder_of_bags(path)
    if options.topics or options.message_type:
        raise DataError(f'{str(path)!r} is no bag, so it has no topics: leave out topic and type.')
    if VideoSource.accepts(path):
        return VideoInput(path, options)
    if FolderSource.accepts(path):
        return FolderInput(path, options)
    raise DataError(
        f'{str(path)!r} is no source of frames: expected a ROS 1 .bag, a ROS 2 bag (.mcap, .db3 '
        'or its folder), a video (.mp4, .avi ...), an image or a folder of images.'
    )


def streams_of(inputs: Sequence[Input]) -> list[dict[str, Stream]]:
    """Return the streams of each input, by topic.

    Images of several inputs go into a folder for each, and so do those of several topics.
    """
    several_topics = any(len(each.topics) > 1 for each in inputs)
    sources, labels = UniqueNames(), UniqueNames()
    found: list[dict[str, Stream]] = []
    number = 0
    for each in inputs:
        path = each.path.resolve()
        source = sources.take(safe_name(path.name if path.is_dir() else path.stem, 'source'))
        topics = UniqueNames()
        streams: dict[str, Stream] = {}
        for topic in each.topics:
            name = topics.take(safe_name(topic.name, 'topic')) if topic.name else source
            parts = [source] if len(inputs) > 1 else []
            if several_topics and topic.name:
                parts.append(name)
            streams[topic.name] = Stream(
                number=number,
                path=each.path,
                label=labels.take(safe_name('_'.join(parts) or name)),
                name=name,
                folder=''.join(f'{part}/' for part in parts),
                topic=topic.name,
                info_topic=topic.info_topic,
                count=topic.count,
                sequence='' if isinstance(each, FolderInput) else source,
            )
            number += 1
        found.append(streams)
    return found
