"""ResizeOptions: what becomes of the images of a tree."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.image import PLACEMENTS
from sim2real_ros.image.encode_file import check_format
from sim2real_ros.image.limits import checked_size

SAME_FORMAT = 'same'


@dataclass(frozen=True)
class ResizeOptions:
    """What ``resize_images`` does.

    Attributes:
        size: (width, height) of the images; None keeps that of each.
        fit: ``stretch``, ``letterbox`` or ``crop``.
        format: ``png``, ``jpg``, ``webp``, or ``same`` to keep that of each (bmp becomes png).
        quality: Of jpg and webp, 1 to 100; None = 95, and files that need no change are copied.
        mask_folders: Names of folders whose images are masks, resized without mixing values; ``.``
            means the whole tree. Those of ``instances``, ids of objects, always are.

    Raises:
        DataError: On construction: a value that makes no sense.
    """

    size: tuple[int, int] | None = (512, 384)
    fit: str = 'stretch'
    format: str = SAME_FORMAT
    quality: int | None = None
    mask_folders: tuple[str, ...] = ('mask', 'masks')

    def __post_init__(self) -> None:
        """Check the values."""
        if self.fit not in PLACEMENTS:
            raise DataError(f'fit is {self.fit!r}, expected one of {", ".join(PLACEMENTS)}.')
        try:
            # Of the formats that may be meant by `same`, one has a quality.
            check_format('jpg' if self.format == SAME_FORMAT else self.format, self.quality)
            if self.size is not None:
                checked_size(*self.size, what='size')
        except ImageError as error:
            raise DataError(f'{error}.') from error

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'ResizeOptions':
        """Take the options out of a mapping that may hold other things too.

        Raises:
            DataError: A value makes no sense.
        """
        found = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        masks = found.get('mask_folders') or cls.mask_folders
        return cls(**{**found, 'mask_folders': tuple(masks)})
