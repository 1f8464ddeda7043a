"""FolderInput and VideoInput: image files and videos, as candidates."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim2real_ros.data.extraction.candidate import (
    Candidate,
    Picture,
    Stream,
    plain_text,
    shown_text,
)
from sim2real_ros.data.extraction.options import ExtractOptions
from sim2real_ros.data.extraction.selection import Selector
from sim2real_ros.data.extraction.topics import ImageTopic
from sim2real_ros.data.folder_source import LINKED_FOLDER, FolderSource, linked_folders
from sim2real_ros.data.frame import from_opencv
from sim2real_ros.data.video_source import VideoSource
from sim2real_ros.errors import DataError
from sim2real_ros.files import sha256_of_bytes
from sim2real_ros.image.decode_file import decode_file


class VideoInput:
    """One video of the work.

    Attributes:
        path: Of the video.
        topics: One nameless entry.
        problems: What was damaged; complete when all candidates have been taken.
    """

    def __init__(self, path: Path, _: ExtractOptions) -> None:
        """Open the video once.

        Raises:
            DataError: OpenCV cannot open it.
        """
        self.path = path
        self.problems: list[str] = []
        self._source = VideoSource(path)
        self.topics = (ImageTopic('', 'video', self._source.info().frame_count),)

    def candidates(
        self, streams: Mapping[str, Stream], selectors: Mapping[int, Selector]
    ) -> Iterator[Candidate]:
        """Read the video; it is decoded here, since a frame needs those before it."""
        (stream,) = streams.values()
        selector = selectors[stream.number]

        def wanted(_: int, stamp_ns: int) -> bool | None:
            return selector.wants(stamp_ns, lambda: stamp_ns) if selector.open else None

        for index, stamp_ns, bgr in self._source.pick(wanted):
            where = shown_text(f'{stream.path} frame {index}')
            yield Candidate(stream, index, partial(_from_video, bgr, stamp_ns), where, index + 1)
        self.problems = [f'{each.where}: {each.reason}' for each in self._source.skipped]

    def beginning_ns(self) -> int:
        """Return the time that the first frame has."""
        return 0


class FolderInput:
    """One folder of the work, its subfolders included.

    Attributes:
        path: Of the folder.
        topics: One nameless entry.
        problems: Linked folders, which are left out; each file speaks for itself.
    """

    def __init__(self, path: Path, options: ExtractOptions) -> None:
        """List the files.

        Raises:
            DataError: There are none, or the options need to know when they were taken.
        """
        if options.needs_stamps:
            raise DataError(
                f'The images of {str(path)!r} have no stamps: leave out the options for time '
                'range, rate and names by stamp.'
            )
        self.path = path
        self._source = FolderSource(path, recursive=True)
        links = (self._source.name_of(each) for each in linked_folders(path))
        self.problems = [f'{each}: {LINKED_FOLDER}' for each in links]
        self.topics = (ImageTopic('', 'folder', len(self._source.files)),)

    def candidates(
        self, streams: Mapping[str, Stream], selectors: Mapping[int, Selector]
    ) -> Iterator[Candidate]:
        """Go through the files."""
        (stream,) = streams.values()
        selector = selectors[stream.number]
        for index, file in enumerate(self._source.files):
            if selector.wants(0, lambda: 0):
                name = plain_text(self._source.name_of(file))
                where = shown_text(str(file))
                load = partial(_from_file, file)
                yield Candidate(
                    stream,
                    index,
                    load,
                    where,
                    index + 1,
                    source_name=name,
                    problems=tuple(self.problems),
                )
            elif not selector.open:
                return

    def beginning_ns(self) -> int:
        """Return 0: files have no time."""
        return 0


def _from_video(bgr: npt.NDArray[np.uint8], stamp_ns: int) -> Picture:
    return Picture(from_opencv(bgr), stamp_ns)


def _from_file(file: Path) -> Picture:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f'the file cannot be read: {error.strerror or error}') from error
    rgb, encoding = decode_file(content)
    return Picture(rgb, encoding=encoding, sha256=sha256_of_bytes(content))
