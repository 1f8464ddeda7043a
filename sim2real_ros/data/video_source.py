"""VideoSource: the frames of a video file, read with OpenCV."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.data.frame import Frame, Skipped, SourceInfo, from_opencv
from sim2real_ros.errors import DataError

VIDEO_SUFFIXES = frozenset({'.mp4', '.avi', '.mkv', '.mov', '.webm', '.m4v', '.mpg', '.mpeg'})


class VideoSource:
    """All frames of a video; stamps count from its beginning.

    Args:
        path: A video file.
        topic: Must be None; only bags have topics.

    Raises:
        DataError: OpenCV cannot open the file, or a topic was asked for.
    """

    def __init__(self, path: Path, topic: str | None = None) -> None:
        """Open the file once to see whether it can be read."""
        if topic is not None:
            raise DataError(
                f'{str(path)!r} is no bag, so it has no topic {topic!r}: leave it out.'
            )
        self.path = path
        self.skipped: list[Skipped] = []
        capture = self._open()
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        self._frame_count = count if count > 0 else None

    @staticmethod
    def accepts(path: Path) -> bool:
        """Accept files by their suffix."""
        return path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()

    def info(self) -> SourceInfo:
        """Describe the video; the count is what its container claims."""
        return SourceInfo('video', self.path, self._frame_count)

    def __iter__(self) -> Iterator[Frame]:
        """Read frame after frame; a video that ends early is noted in ``skipped``."""
        for _, stamp_ns, bgr in self.pick(lambda _, __: True):
            yield Frame(from_opencv(bgr), stamp_ns)

    def pick(
        self, wanted: Callable[[int, int], bool | None]
    ) -> Iterator[tuple[int, int, npt.NDArray[np.uint8]]]:
        """Read some of the frames.

        Args:
            wanted: Called with number and stamp (ns) of every frame before it is converted; None
                ends the reading.

        Yields:
            Number, stamp and pixels, BGR uint8 (H, W, 3), as `from_opencv` takes them.
        """
        self.skipped = []
        capture = self._open()
        rate = capture.get(cv2.CAP_PROP_FPS)
        index = 0
        try:
            while capture.grab():
                stamp_ns = round(index * 1e9 / rate) if rate > 0 else 0
                verdict = wanted(index, stamp_ns)
                if verdict is None:
                    return
                if verdict:
                    ok, bgr = capture.retrieve()
                    if not ok:
                        break
                    yield index, stamp_ns, bgr.astype(np.uint8, copy=False)
                index += 1
        finally:
            capture.release()
        if self._frame_count is not None and index < self._frame_count:
            reason = f'the video ends after {index} of the {self._frame_count} frames it claims'
            self.skipped.append(Skipped(f'frame {index}', reason))

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise DataError(
                f'OpenCV cannot open {str(self.path)!r}: it is damaged, or its codec is missing.'
            )
        return capture
