"""BagInput: the wanted image topics of one bag, as candidates."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim2real_ros.bags import (
    COMPRESSED_TYPE,
    BagMessage,
    BagReader,
    image_connections,
    open_bag,
)
from sim2real_ros.data.extraction.candidate import (
    Candidate,
    Picture,
    Stream,
    plain_text,
    shown_text,
)
from sim2real_ros.data.extraction.options import ExtractOptions
from sim2real_ros.data.extraction.selection import Selector
from sim2real_ros.data.extraction.topics import choose_topics, topics_of
from sim2real_ros.errors import DataError
from sim2real_ros.image import decode, decompress
from sim2real_ros.image.decode_file import is_plain_jpeg

_JPEG_START = b'\xff\xd8'
# What a message of the right name with a definition of its own may end in.
_OTHER_FIELDS = (AttributeError, TypeError, ValueError)


class BagInput:
    """One bag of the work.

    Attributes:
        path: Of the bag.
        topics: The image topics to extract.
        problems: What was damaged in the bag; complete when all candidates have been taken.
    """

    def __init__(self, path: Path, options: ExtractOptions) -> None:
        """Open the bag once to choose the topics.

        Raises:
            DataError: It cannot be read or has not the wanted topics.
        """
        self.path = path
        self.problems: list[str] = []
        with open_bag(path) as reader:
            self.topics = choose_topics(
                path, topics_of(reader), options.topics, options.message_type
            )
            self._beginning_ns = reader.start_ns

    def beginning_ns(self) -> int:
        """Return the time of the first message."""
        if self._beginning_ns is not None:
            return self._beginning_ns
        with open_bag(self.path) as reader:
            return next((each.recorded_ns for each in reader.messages()), 0)

    def candidates(
        self, streams: Mapping[str, Stream], selectors: Mapping[int, Selector]
    ) -> Iterator[Candidate]:
        """Read the wanted messages of the bag, in the order of recording.

        Args:
            streams: By topic.
            selectors: By number of the stream; whoever decodes the candidates asks these, too.
        """
        with open_bag(self.path) as reader:
            yield from self._read(reader, streams, selectors)
            self.problems = list(reader.problems)

    def _read(
        self,
        reader: BagReader,
        streams: Mapping[str, Stream],
        selectors: Mapping[int, Selector],
    ) -> Iterator[Candidate]:
        wanted = [each for each in image_connections(reader) if each.topic in streams]
        stop_ns = next(iter(selectors.values())).stop_ns
        for seen, message in enumerate(reader.messages(wanted, stop_ns=stop_ns), 1):
            stream = streams[message.connection.topic]
            selector = selectors[stream.number]
            loader = _Loader(reader, message)
            if selector.wants(message.recorded_ns, loader.stamp_ns):
                index = selector.seen - 1
                where = f'{stream.path} {stream.topic} message {index}'
                recorded_ns = message.recorded_ns
                yield Candidate(
                    stream,
                    index,
                    loader,
                    shown_text(where),
                    seen,
                    recorded_ns,
                    problems=tuple(reader.problems),
                )
            elif not any(each.open for each in selectors.values()):
                return


class _Loader:
    """Decodes one message, at most once deserialised."""

    def __init__(self, reader: BagReader, message: BagMessage) -> None:
        self._reader = reader
        self._message = message

    @cached_property
    def _content(self) -> Any:
        return self._reader.deserialize(self._message)

    def stamp_ns(self) -> int:
        """Return the time of capture, or of recording where the message does not tell."""
        try:
            stamp = self._content.header.stamp
            stamp_ns = int(stamp.sec) * 10**9 + int(stamp.nanosec)
        except (DataError, *_OTHER_FIELDS):
            return self._message.recorded_ns
        return stamp_ns or self._message.recorded_ns

    def __call__(self) -> Picture:
        """Decode the message.

        Raises:
            DataError: It is damaged.
            ImageError: It holds no colour image.
        """
        content = self._content
        try:
            if self._message.connection.msgtype == COMPRESSED_TYPE:
                return self._from_compressed(content)
            rgb = np.ascontiguousarray(decode(content))
            return self._picture(rgb, content.header.frame_id, content.encoding)
        except _OTHER_FIELDS as error:
            raise DataError(f'The message has not the fields of an image: {error}.') from error

    def _from_compressed(self, content: Any) -> Picture:
        raw = decompress(content.data, content.format)
        jpeg = None
        if raw.encoding == 'rgb8' and bytes(content.data[:2]) == _JPEG_START:
            original = bytes(content.data)
            jpeg = original if is_plain_jpeg(original) else None
        rgb = np.ascontiguousarray(decode(raw))
        return self._picture(rgb, content.header.frame_id, content.format, jpeg)

    def _picture(
        self, rgb: npt.NDArray[np.uint8], frame_id: str, encoding: str, jpeg: bytes | None = None
    ) -> Picture:
        texts = plain_text(frame_id), plain_text(encoding)
        return Picture(rgb, self.stamp_ns(), *texts, jpeg)
