"""Which camera_info belongs to an image: the nearest by stamp on the topic beside it."""

from bisect import bisect_left
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sim2real_ros.bags import CAMERA_INFO_TYPE, open_bag
from sim2real_ros.camera_model import CameraModel, image_camera
from sim2real_ros.errors import DataError

_Key = tuple[object, ...]
_LATER_NS = 10 * 10**9


class CameraTrack:
    """The calibrations of one camera over time; equal ones are kept once.

    Attributes:
        problem: Why messages of the topic could not be used; '' where all could.
    """

    def __init__(self) -> None:
        """Start without any."""
        self.problem = ''
        self._times: list[tuple[int, int]] = []
        self._models: list[CameraModel] = []
        self._numbers: dict[_Key, int] = {}
        self._is_sorted = True

    def add(self, stamp_ns: int, info: Any) -> None:
        """Take in a CameraInfo; an uncalibrated camera (K[0] = 0) says nothing.

        Raises:
            DataError: Its fields have wrong lengths or absurd values.
        """
        model = image_camera(info)
        if model.k[0] == 0:
            return
        key: _Key = (
            *(model.width, model.height, model.distortion_model),
            *(model.d, model.k, model.r, model.p),
        )
        if key not in self._numbers:
            self._numbers[key] = len(self._models)
            self._models.append(model)
        number = self._numbers[key]
        # Of a run of equal ones the first and the last say all.
        run = self._times[-2:]
        if len(run) == 2 and run[0][1] == run[1][1] == number and stamp_ns >= run[1][0]:
            self._times[-1] = (stamp_ns, number)
            return
        self._is_sorted = self._is_sorted and (not run or run[-1][0] <= stamp_ns)
        self._times.append((stamp_ns, number))

    def nearest(self, stamp_ns: int | None) -> tuple[int, CameraModel] | None:
        """Return the calibration nearest in time, and its number; None where there is none."""
        if not self._times or stamp_ns is None:
            return None
        if not self._is_sorted:
            self._times.sort()
            self._is_sorted = True
        after = bisect_left(self._times, (stamp_ns, -1))
        around = self._times[max(after - 1, 0) : after + 1]
        _, number = min(around, key=lambda each: abs(each[0] - stamp_ns))
        return number, self._models[number]


def read_camera_tracks(
    path: Path, topics: Collection[str], stop_ns: int | None = None
) -> dict[str, CameraTrack]:
    """Read the CameraInfo topics of a bag.

    Args:
        path: Of the bag.
        topics: As recorded.
        stop_ns: End of the images; infos recorded much later are not read. None = read all.

    Returns:
        A track for each of the topics.
    """
    tracks = {topic: CameraTrack() for topic in topics}
    if not tracks:
        return tracks
    with open_bag(path) as reader:
        wanted = [
            each
            for each in reader.connections
            if each.msgtype == CAMERA_INFO_TYPE and each.topic in tracks
        ]
        end_ns = None if stop_ns is None else stop_ns + _LATER_NS
        for message in reader.messages(wanted, stop_ns=end_ns):
            track = tracks[message.connection.topic]
            try:
                info = reader.deserialize(message)
                stamp = info.header.stamp
                stamp_ns = int(stamp.sec) * 10**9 + int(stamp.nanosec)
                track.add(stamp_ns or message.recorded_ns, info)
            except DataError as error:
                track.problem = track.problem or str(error)
    return tracks
