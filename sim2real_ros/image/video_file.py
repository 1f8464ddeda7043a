"""Write RGB frames as a video file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from sim2real_ros.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

VIDEO_CODECS = {'.mp4': 'mp4v', '.mov': 'mp4v', '.avi': 'MJPG'}
"""Codec by suffix of the file; all come with OpenCV's wheels."""


class VideoFile:
    """A video being written with OpenCV; it has no sound.

    Args:
        path: The file; its suffix chooses container and codec.
        rate_hz: Frames per second.
        size: (width, height) in pixels; both even, as the codecs share colour between pixels.

    Raises:
        ImageError: No such suffix, an odd size, or OpenCV refuses.
    """

    def __init__(self, path: Path, rate_hz: float, size: tuple[int, int]) -> None:
        """Open the file."""
        codec = VIDEO_CODECS.get(path.suffix.lower())
        if codec is None:
            known = ', '.join(VIDEO_CODECS)
            raise ImageError(f'cannot write videos of kind {path.suffix!r}; expected {known}')
        if size[0] % 2 or size[1] % 2:
            raise ImageError(
                f'frames are {size[0]}x{size[1]} pixels, and the codec {codec} would cut off what '
                'is odd: write single images instead'
            )
        if not rate_hz > 0:
            raise ImageError(f'frame rate is {rate_hz}, expected more than 0')
        self.size = size
        self.count = 0
        self._path = path
        fourcc = cv2.VideoWriter.fourcc(*codec)
        self._writer = cv2.VideoWriter(str(path), fourcc, rate_hz, size)
        if not self._writer.isOpened():
            raise ImageError(
                f'OpenCV cannot write {path.suffix} videos of {size[0]}x{size[1]} pixels at '
                f'{rate_hz:g} frames per second'
            )

    def write(self, rgb: NDArray[np.uint8]) -> None:
        """Append a frame.

        Args:
            rgb: uint8, (H, W, 3), RGB, of the video's size.

        Raises:
            ImageError: It has another size, which OpenCV would silently drop.
        """
        if rgb.shape != (self.size[1], self.size[0], 3):
            raise ImageError(f'frame has shape {rgb.shape} in a video of {self.size} pixels')
        self._writer.write(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        self.count += 1

    def close(self) -> None:
        """Finish the file.

        Raises:
            ImageError: Not all frames are in it; OpenCV tells nobody that a disk is full.
        """
        self._writer.release()
        capture = cv2.VideoCapture(str(self._path))
        found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
        if found != self.count:
            raise ImageError(
                f'the video holds {found} of {self.count} frames: is the disk full? Make room '
                'and run the command again'
            )
