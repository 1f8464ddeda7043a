"""ExtractOptions: what of the sources becomes an image, and how."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.image import PLACEMENTS
from sim2real_ros.image.encode_file import check_format
from sim2real_ros.image.limits import checked_size

NAMINGS = ('index', 'topic', 'stamp', 'frame')
"""Ways to name files: 000012, camera_image_000012, 1700000001200000000, frame_00000012."""

MESSAGE_TYPES = ('Image', 'CompressedImage')

ABSOLUTE_FROM_S = 1e8
"""Times from here on are Unix times; smaller ones count from the beginning (1e8 s is 3 years)."""


@dataclass(frozen=True)
class ExtractOptions:
    """What ``extract_frames`` takes and what it makes of it.

    Attributes:
        topics: Names or globs (``*`` also stands for slashes) of image topics; () = the only one.
        message_type: ``Image`` or ``CompressedImage`` takes only those; '' takes both.
        every: Take every n-th frame of the time range.
        rate_hz: Take so many frames per second of their stamps; 0 = all.
        start_s: Leave out what was recorded earlier: seconds from the beginning of the bag or
            video, or Unix time.
        end_s: Leave out what was recorded then or later.
        max_frames: Stop after so many images of a topic, video or folder; 0 = no limit.
        drop_similar: Drop an image whose hash differs from that of the last one that was kept in
            at most so many of its 64 bits; None keeps all.
        size: (width, height) of the images; None keeps that of each.
        fit: ``stretch``, ``letterbox`` or ``crop``.
        format: ``png``, ``jpg`` or ``webp``.
        quality: Of jpg and webp, 1 to 100. None = 95, and JPEGs that need no other change are
            taken as they are.
        names: One of ``NAMINGS``.

    Raises:
        DataError: On construction: a value that makes no sense.
    """

    topics: tuple[str, ...] = ()
    message_type: str = ''
    every: int = 1
    rate_hz: float = 0.0
    start_s: float | None = None
    end_s: float | None = None
    max_frames: int = 0
    drop_similar: int | None = None
    size: tuple[int, int] | None = (512, 384)
    fit: str = 'stretch'
    format: str = 'png'
    quality: int | None = None
    names: str = 'index'

    def __post_init__(self) -> None:
        """Check the values."""
        _one_of(self.names, NAMINGS, 'names')
        _one_of(self.fit, PLACEMENTS, 'fit')
        _one_of(self.message_type, ('', *MESSAGE_TYPES), 'type')
        if self.every < 1:
            raise DataError(f'every is {self.every}, expected 1 or more.')
        if self.max_frames < 0:
            raise DataError(f'max_frames is {self.max_frames}, expected 0 (all) or more.')
        if not 0 <= self.rate_hz <= 1e6:
            raise DataError(f'rate is {self.rate_hz} Hz, expected 0 (all) to a million.')
        if self.drop_similar is not None and not 0 <= self.drop_similar < 64:
            raise DataError(f'drop_similar is {self.drop_similar} bits, expected 0 to 63.')
        for name, time_s in (('start', self.start_s), ('end', self.end_s)):
            if time_s is not None and not (math.isfinite(time_s) and 0 <= time_s < 9e9):
                raise DataError(f'{name} is {time_s}, expected seconds from 0 on, or a Unix time.')
        try:
            check_format(self.format, self.quality)
            if self.size is not None:
                checked_size(*self.size, what='size')
        except ImageError as error:
            raise DataError(f'{error}.') from error

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'ExtractOptions':
        """Take the options out of a mapping that may hold other things too.

        Raises:
            DataError: A value makes no sense.
        """
        found = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        return cls(**{**found, 'topics': tuple(found.get('topics', ()))})

    @property
    def needs_stamps(self) -> bool:
        """Whether frames without a time cannot be treated."""
        given = self.start_s is not None or self.end_s is not None
        return given or self.rate_hz > 0 or self.names == 'stamp'

    def time_range_ns(self, beginning_ns: int) -> tuple[int, int | None]:
        """Return first and end (exclusive; None = no end) of the wanted time in nanoseconds.

        Args:
            beginning_ns: Time of the first message of the bag, 0 for videos.
        """
        start, end = (_absolute_ns(each, beginning_ns) for each in (self.start_s, self.end_s))
        return start if start is not None else -(2**63), end


def _absolute_ns(time_s: float | None, beginning_ns: int) -> int | None:
    if time_s is None:
        return None
    # Through text: 1700000000.1 has no exact double, but its shortest decimal is what was meant.
    time_ns = int(Decimal(repr(float(time_s))) * 10**9)
    return time_ns if time_s >= ABSOLUTE_FROM_S else beginning_ns + time_ns


def _one_of(value: str, choices: tuple[str, ...], name: str) -> None:
    if value not in choices:
        expected = ', '.join(each for each in choices if each)
        raise DataError(f'{name} is {value!r}, expected one of {expected}.')
