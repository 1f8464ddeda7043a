"""CameraInfo beside translated images: scaled where the size changes, paired by stamp."""

import threading
from collections import OrderedDict
from copy import deepcopy

from sensor_msgs.msg import CameraInfo

from sim2real_ros.camera_model import described_image_size, place_camera_info
from sim2real_ros.image import place

__all__ = ['CameraInfoPairing', 'Sizes', 'described_image_size', 'scale_camera_info']

_KEPT_STAMPS = 64
_MATCHES_TO_TRUST = 3

Sizes = tuple[tuple[int, int], tuple[int, int]]
"""(width, height) of an image on arrival, and as published."""


def scale_camera_info(
    info: CameraInfo, image_size: tuple[int, int], new_size: tuple[int, int]
) -> CameraInfo:
    """Describe the same camera after its images were resized, see ``place_camera_info``.

    Args:
        info: The original; left unchanged.
        image_size: (width, height) of the images it came with.
        new_size: (width, height) after the resize.

    Returns:
        ``info`` itself where nothing changes, else a scaled copy.
    """
    if image_size == new_size or 0 in image_size:
        return info
    return place_camera_info(info, place(image_size, new_size, 'stretch'))


class CameraInfoPairing:
    """Finds the CameraInfo to publish with every image, whichever of the two comes first.

    Drivers stamp both alike, but the order of arrival is open, and an image must not wait for
    its CameraInfo. An image published before its CameraInfo is therefore remembered, and the
    CameraInfo follows on arrival. Where a camera's stamps do not agree, the newest CameraInfo is
    published with the image's stamp. Thread-safe.
    """

    def __init__(self) -> None:
        """Start without history, trusting that stamps agree."""
        self._lock = threading.Lock()
        self._infos: OrderedDict[int, CameraInfo] = OrderedDict()
        self._newest: CameraInfo | None = None
        self._pending: tuple[int, Sizes] | None = None
        self._served_stamp_ns: int | None = None
        self._matches_in_row = _MATCHES_TO_TRUST

    def add_info(self, stamp_ns: int, info: CameraInfo) -> tuple[CameraInfo, Sizes] | None:
        """Take in a CameraInfo.

        Returns:
            (info, sizes of the image) where an image of this stamp is out without one.
        """
        with self._lock:
            self._newest = info
            if self._pending is not None and self._pending[0] == stamp_ns:
                sizes = self._pending[1]
                self._pending = None
                return info, sizes
            if stamp_ns == self._served_stamp_ns:
                # Too late to be used, but a sign that this camera's stamps do agree.
                self._served_stamp_ns = None
                self._matches_in_row += 1
                return None
            self._infos[stamp_ns] = info
            while len(self._infos) > _KEPT_STAMPS:
                self._infos.popitem(last=False)
            return None

    def add_image(self, stamp_ns: int, sizes: Sizes) -> CameraInfo | None:
        """Note that an image is being published.

        Args:
            stamp_ns: Its header stamp.
            sizes: Its sizes, handed back by ``add_info``.

        Returns:
            The CameraInfo to publish at once: that of the same stamp, or, for a camera whose
            stamps do not agree, the newest one with the image's stamp. None where it will follow,
            or where the camera has none.
        """
        with self._lock:
            if self._pending is not None or self._served_stamp_ns is not None:
                # The previous image never met its CameraInfo.
                self._matches_in_row = 0
            self._pending = self._served_stamp_ns = None
            exact = self._infos.pop(stamp_ns, None)
            if exact is not None:
                self._matches_in_row += 1
                return exact
            if self._newest is None or self._matches_in_row >= _MATCHES_TO_TRUST:
                self._pending = (stamp_ns, sizes)
                return None
            self._served_stamp_ns = stamp_ns
            return _restamped(self._newest, stamp_ns)


def _restamped(info: CameraInfo, stamp_ns: int) -> CameraInfo:
    copy = deepcopy(info)
    copy.header.stamp.sec, copy.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    return copy
