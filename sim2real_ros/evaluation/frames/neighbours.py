"""Tell which frames follow each other closely enough to speak of change over time."""

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.frame import RgbImage, SimFrame

MAX_GAP_NS = 500_000_000
"""Of frames with stamps; beyond it, too much of a scene has changed for optical flow."""

MAX_CHANGE_SHARE = 0.5
"""Of frames without stamps: neighbours differ by less than this share of what two frames of the
drive that lie further apart differ by."""

_SIDE_PX = 24
_SPREAD_FRAMES = 4


class NeighbourRule:
    """Decides, frame after frame in their order, whether each follows the one before.

    Drives must be equal. Stamps decide where both have them. Otherwise pictures do: a frame
    follows another one if they differ by less than half of what the frames some places apart
    differ by, twice in a row, so that pictures taken here and there are no film.
    """

    def __init__(self) -> None:
        """Start without a frame."""
        self._recent: list[npt.NDArray[np.float32]] = []
        self._drive: str | None = None
        self._stamp_ns = 0
        self._was_like_last = False

    def follows(self, frame: SimFrame) -> bool:
        """Tell whether ``frame`` follows the one of the last call."""
        thumbnail = _thumbnail(frame.image)
        same_drive = frame.drive == self._drive
        recent = self._recent if same_drive else []
        if frame.stamp_ns and self._stamp_ns and same_drive:
            verdict = 0 < frame.stamp_ns - self._stamp_ns <= MAX_GAP_NS
        else:
            is_like_last = _is_like_last(thumbnail, recent)
            verdict = is_like_last and self._was_like_last
            self._was_like_last = is_like_last
        self._recent = [*recent, thumbnail][-2 * _SPREAD_FRAMES :]
        self._drive, self._stamp_ns = frame.drive, frame.stamp_ns
        return verdict


def _thumbnail(image: RgbImage) -> npt.NDArray[np.float32]:
    small = cv2.resize(image, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _is_like_last(
    thumbnail: npt.NDArray[np.float32], recent: list[npt.NDArray[np.float32]]
) -> bool:
    if len(recent) <= _SPREAD_FRAMES:
        return False
    change = float(np.abs(thumbnail - recent[-1]).mean())
    apart = float(np.mean([np.abs(thumbnail - each).mean() for each in recent[:-_SPREAD_FRAMES]]))
    # A camera that stands still follows itself.
    return change < MAX_CHANGE_SHARE * apart or change < 1
