"""Recognise the simulated frame that an image was made from."""

from collections.abc import Callable, Hashable, Iterable
from pathlib import PurePosixPath
from typing import Generic, Protocol, TypeVar

from sim2real_ros.data.dataset.listing import ListedImage


class Identified(Protocol):
    """An image file whose checksum is known."""

    @property
    def listed(self) -> ListedImage:
        """The file."""

    @property
    def sha256(self) -> str:
        """Checksum of the file."""


def _checksum(image: Identified) -> Hashable:
    return image.sha256 or None


def _checksum_of_parent(image: Identified) -> Hashable:
    record = image.listed.record
    return record.parent_sha256 or None if record else None


def _recorded_frame(image: Identified) -> Hashable:
    record = image.listed.record
    if record is None or record.index is None:
        return None
    return record.source, record.topic, record.index


def relative_stem(image: Identified) -> str:
    """Return the path of an image without its suffix and without ``images/`` in front."""
    stem = PurePosixPath(image.listed.name).with_suffix('').as_posix()
    return stem.removeprefix('images/')


def _stem(image: Identified) -> Hashable:
    return PurePosixPath(image.listed.name).stem


def contradict(one: ListedImage, other: ListedImage) -> bool:
    """Tell whether the manifests forbid what equal names suggest.

    Every drive begins with the name 000000. Stamps decide where both are known: the same moment
    has them in a translated bag too, under another name. Without stamps, numbered frames of two
    sources or topics are strangers. Folders of images are named as they lie, which tells nothing.
    """
    if one.record is None or other.record is None:
        return False
    if one.stamp_ns is not None and other.stamp_ns is not None:
        return one.stamp_ns != other.stamp_ns
    if one.record.index is None or other.record.index is None:
        return False
    fields = ('source', 'topic', 'index')
    pairs = [(getattr(one.record, each), getattr(other.record, each)) for each in fields]
    return any(a != b for a, b in pairs if a != '' and b != '')


Key = Callable[[Identified], Hashable]

BY_PATH, BY_NAME = 'equal paths', 'equal file names'

_WAYS: tuple[tuple[str, Key, Key], ...] = (
    ('checksums in the manifest', _checksum, _checksum_of_parent),
    ('source, topic and number in the manifests', _recorded_frame, _recorded_frame),
    (BY_PATH, relative_stem, relative_stem),
    (BY_NAME, _stem, _stem),
)
"""Ways to recognise a frame, the surest first: what they are, keys of the frame and the image."""

T = TypeVar('T', bound=Identified)


class FrameMatcher(Generic[T]):
    """Finds the frame that an image was made from."""

    def __init__(self, frames: Iterable[T]) -> None:
        """Index the frames by everything that they can be recognised by."""
        self._tables: list[dict[Hashable, list[T]]] = [{} for _ in _WAYS]
        for frame in frames:
            for table, (_, key_of_frame, _) in zip(self._tables, _WAYS, strict=True):
                key = key_of_frame(frame)
                if key is not None:
                    table.setdefault(key, []).append(frame)

    def find(self, image: Identified) -> tuple[list[T], str]:
        """Return the frames that an image may be made from, and how they were recognised.

        One is the rule. None: nothing fits. Several: the names or manifests do not tell them
        apart. Frames that are equal, as a standing camera gives them, are told apart by name.
        """
        for table, (way, _, key_of_image) in zip(self._tables, _WAYS, strict=True):
            found = table.get(key_of_image(image), [])
            if way in (BY_PATH, BY_NAME):
                found = [each for each in found if not contradict(each.listed, image.listed)]
            if found:
                return _nearest(image, found), way
        return [], ''

    def namesakes(self, image: Identified) -> list[T]:
        """Return the frames of the same name, though their manifests may contradict."""
        return self._tables[-1].get(_stem(image), [])


def _nearest(image: Identified, found: list[T]) -> list[T]:
    for key in (_recorded_frame, relative_stem, _stem):
        if len(found) > 1 and key(image) is not None:
            found = [each for each in found if key(each) == key(image)] or found
    return found
