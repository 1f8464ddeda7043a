"""Which images of a folder one camera took, one after the other."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from sim2real_ros.data.dataset.drive_order import Order, drives_of_names, sort_key
from sim2real_ros.translation.folder_content import FolderImage

_AFTER_LAST_NUMBER = re.compile(r'[^0-9]*$')

Camera = tuple[str, ...]


def drives_of_images(images: Sequence[FolderImage]) -> list[list[FolderImage]]:
    """Take the images of a folder apart by camera and drive, each drive in its order.

    The manifest tells both. Where it does not, or there is none, names are read: a drive lies in
    one folder, and its names differ in one number alone (``left_0001.png``, ``left_0002.png``).

    Args:
        images: In any order.

    Returns:
        The drives in the order of their names; every image is in one of them.
    """
    drives: dict[Camera, list[tuple[Order, FolderImage]]] = {}
    names = [image.name for image in images]
    for image, (drive, order) in zip(images, drives_of_names(names), strict=True):
        camera, order = _by_manifest(image) or _by_name(image.name, drive, order)
        drives.setdefault(camera, []).append((order, image))
    return [
        [image for _, image in sorted(drives[camera], key=_in_time)] for camera in sorted(drives)
    ]


def _by_manifest(image: FolderImage) -> tuple[Camera, Order] | None:
    """Return None where the manifest does not tell when the image was taken."""
    record = image.record
    if record is None or (record.stamp_ns is None and record.index is None):
        return None
    # Results of several models may lie beside each other, all of them with the same stamps.
    folder = PurePosixPath(image.name).parent.as_posix()
    camera = (folder, record.sequence, record.source, record.topic)
    return camera, (record.stamp_ns or 0, record.index or 0)


def _by_name(name: str, drive: str, order: Order) -> tuple[Camera, Order]:
    path = PurePosixPath(name)
    # Of 0001_left.png and 0001_right.png, which were taken by two cameras at one moment.
    camera = _AFTER_LAST_NUMBER.search(path.stem)
    return (path.parent.as_posix(), drive, camera[0] if camera else ''), order


def _in_time(taken: tuple[Order, FolderImage]) -> tuple[list[tuple[bool, int | str]], str]:
    order, image = taken
    return sort_key(order), image.name
