"""A short video, original beside translated, in a format that browsers play."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from demo_pictures import Image, Pair, draw_text, fit_panel, panel_size, strip

from sim2real_ros.errors import DataError

# (fourcc, suffix), the best first. OpenCV's wheels carry no H.264 encoder; VP9 takes three times
# as long as VP8, and AVI with JPEG pictures plays nowhere but in video players.
FORMATS = (('VP80', '.webm'), ('VP90', '.webm'), ('MJPG', '.avi'))
MAX_SECONDS = 60.0
HEADING_PX = 32


@dataclass(frozen=True)
class VideoFormat:
    """A codec in a container, such as `VP80` in `.webm`."""

    codec: str
    suffix: str

    @property
    def plays_in_browsers(self) -> bool:
        """Tell whether a browser shows it."""
        return self.suffix == '.webm'


class PairVideo:
    """Writes pairs of frames; too long a drive is cut off."""

    def __init__(
        self, path: Path, titles: tuple[str, str], size: tuple[int, int], rate_hz: float
    ) -> None:
        """Choose the first format that really works here.

        Args:
            path: File to write; its suffix is replaced.
            titles: Above the two halves.
            size: (width, height) of the frames.
            rate_hz: Frames per second.

        Raises:
            DataError: OpenCV writes none of the formats.
        """
        self.frames = 0
        self.rate_hz = rate_hz
        # Video codecs want even numbers.
        width, height = panel_size(size)
        self._panel = width + width % 2, height + height % 2
        self._heading = heading(self._panel[0], titles)
        video_size = (self._heading.shape[1], self._heading.shape[0] + self._panel[1])
        self.format = choose_format(video_size)
        self.path = path.with_suffix(self.format.suffix)
        self._writer = open_writer(self.path, self.format, video_size, rate_hz)

    def full(self) -> bool:
        """Tell whether it is long enough."""
        return self.frames >= MAX_SECONDS * self.rate_hz

    def add(self, pair: Pair) -> None:
        """Append a pair, unless it is long enough."""
        if self.full():
            return
        halves = np.hstack([fit_panel(frame, self._panel) for frame in pair])
        picture = np.vstack([self._heading, halves])
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self.frames += 1

    def close(self) -> None:
        """Finish the file."""
        self._writer.release()

    def check(self) -> None:
        """Read the finished file again.

        Raises:
            DataError: It does not hold the frames that were written.
        """
        found = count_frames(self.path)
        if found != self.frames:
            raise DataError(f'{str(self.path)!r} has {found} frames instead of {self.frames}.')


def heading(panel_width: int, titles: tuple[str, str]) -> Image:
    """Return the line above the two halves, RGB."""
    result = strip(2 * panel_width, HEADING_PX)
    for column, title in enumerate(titles):
        left = column * panel_width + 10
        draw_text(result, title, (left, 21), 10, bold=True, width=panel_width - 20)
    return result


def choose_format(size: tuple[int, int]) -> VideoFormat:
    """Return the first of FORMATS in which a short film of this size survives.

    Raises:
        DataError: None does.
    """
    for codec, suffix in FORMATS:
        video = VideoFormat(codec, suffix)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f'trial{suffix}'
            writer = open_writer(path, video, size, 10.0)
            for level in (0, 128, 255):
                writer.write(np.full((size[1], size[0], 3), level, np.uint8))
            writer.release()
            if count_frames(path) == 3:
                return video
    names = ', '.join(f'{codec} in {suffix}' for codec, suffix in FORMATS)
    raise DataError(f'OpenCV {cv2.__version__} writes no video here; tried {names}.')


def open_writer(
    path: Path, video: VideoFormat, size: tuple[int, int], rate_hz: float
) -> cv2.VideoWriter:
    """Open a file for writing; whether that worked shows when it is read again."""
    with quiet_stderr():
        return cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*video.codec), rate_hz, size)


def count_frames(path: Path) -> int:
    """Return the number of frames that can be decoded."""
    with quiet_stderr():
        capture = cv2.VideoCapture(str(path))
        count = 0
        while capture.isOpened() and capture.read()[0]:
            count += 1
        capture.release()
    return count


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Silence FFmpeg, which grumbles about tags past all log levels, straight to the terminal."""
    saved = os.dup(2)
    try:
        with Path(os.devnull).open('wb') as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
