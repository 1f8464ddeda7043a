"""Which topics of a bag to extract: by name, by glob or by type."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sim2real_ros.bags import (
    CAMERA_INFO_TYPE,
    COMPRESSED_TYPE,
    BagReader,
    image_connections,
    open_bag,
)
from sim2real_ros.data.extraction.candidate import shown_text
from sim2real_ros.errors import DataError

_GLOB = frozenset('*?[')
_TRANSPORT = '/compressed'


@dataclass(frozen=True)
class ImageTopic:
    """One image topic of a bag.

    Attributes:
        name: As recorded, possibly without a leading slash. Not trusted.
        type: ``Image`` or ``CompressedImage``.
        count: Number of messages, None where only reading would tell.
        info_topic: CameraInfo topic of the same camera, as recorded; '' where there is none.
    """

    name: str
    type: str
    count: int | None
    info_topic: str = ''

    def describe(self) -> str:
        """Return one line for people."""
        count = 'unknown number of' if self.count is None else str(self.count)
        camera = f', camera_info on {self.info_topic}' if self.info_topic else ''
        return shown_text(f'{self.name} ({self.type}, {count} messages{camera})')


def list_topics(path: Path) -> tuple[ImageTopic, ...]:
    """Return the image topics of a bag, sorted by name.

    Raises:
        DataError: The bag cannot be read.
    """
    with open_bag(path) as reader:
        return topics_of(reader)


def topic_lines(paths: Iterable[Path]) -> list[str]:
    """Return the image topics of bags, one line for people each.

    Raises:
        DataError: One of them cannot be read.
    """
    lines = []
    for path in paths:
        topics = list_topics(path)
        lines += [f'{path}: {each.describe()}' for each in topics] or [f'{path}: no image topics']
    return lines


def topics_of(reader: BagReader) -> tuple[ImageTopic, ...]:
    """Return the image topics of an open bag, sorted by name."""
    infos = {each.topic for each in reader.connections if each.msgtype == CAMERA_INFO_TYPE}
    found: dict[str, ImageTopic] = {}
    for each in sorted(image_connections(reader), key=lambda c: (c.topic, c.msgtype)):
        before = found.get(each.topic)
        count = each.message_count
        if before is not None:
            both_known = before.count is not None and count is not None
            count = (before.count or 0) + (count or 0) if both_known else None
        kind = 'CompressedImage' if each.msgtype == COMPRESSED_TYPE else 'Image'
        found[each.topic] = ImageTopic(each.topic, kind, count, _info_topic(each.topic, infos))
    return tuple(found.values())


def _info_topic(image_topic: str, infos: set[str]) -> str:
    """Find ``camera_info`` in the namespace of the image topic, as image_transport does."""
    base = image_topic.rstrip('/').removesuffix(_TRANSPORT)
    wanted = f'{base.rpartition("/")[0]}/camera_info'.strip('/')
    return next((each for each in sorted(infos) if each.strip('/') == wanted), '')


def choose_topics(
    path: Path, topics: Sequence[ImageTopic], patterns: Sequence[str], message_type: str = ''
) -> tuple[ImageTopic, ...]:
    """Pick the topics to extract.

    Args:
        path: Of the bag, for messages.
        topics: All of its image topics.
        patterns: Names or globs, with or without leading slash; none = the only topic.
        message_type: ``Image`` or ``CompressedImage`` leaves out the other; '' leaves out none.

    Raises:
        DataError: There is none, there are several and none was asked for, or a pattern matches
            none.
    """
    listing = ', '.join(each.describe() for each in topics) or 'none'
    of_type = [each for each in topics if message_type in ('', each.type)]
    if not of_type:
        kind = message_type or 'Image or CompressedImage'
        raise DataError(f'The bag {str(path)!r} has no topic of type {kind}; images: {listing}.')
    if not patterns:
        if len(of_type) > 1:
            raise DataError(
                f'The bag {str(path)!r} has several image topics, choose with --topic (a glob '
                f"such as '*' takes several): {listing}."
            )
        return (of_type[0],)
    chosen: set[str] = set()
    for pattern in patterns:
        matches = _matches(pattern, of_type)
        if not matches:
            raise DataError(
                f'The bag {str(path)!r} has no image topic {pattern!r}; it has: {listing}.'
            )
        chosen |= matches
    return tuple(each for each in of_type if each.name in chosen)


def _matches(pattern: str, topics: Sequence[ImageTopic]) -> set[str]:
    wanted = pattern.strip('/')
    names = {each.name: each.name.strip('/') for each in topics}
    if wanted == '*':
        return set(names)
    # A topic may have a bracket in its name, and people name a camera without its transport.
    for exact in (wanted, wanted + _TRANSPORT):
        found = {name for name, plain in names.items() if plain == exact}
        if found:
            return found
    if not _GLOB & set(wanted):
        return set()
    return {name for name, plain in names.items() if fnmatchcase(plain, wanted)}
