"""Read input and recorded output again, and make picture and video of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from demo_bag import DemoCamera
from demo_pictures import Pair, draw_sheet, evenly_spread, pair_frames
from demo_report import Moments
from demo_video import MAX_SECONDS, PairVideo

from sim2real_ros.data.bag_source import BagSource
from sim2real_ros.errors import DataError
from sim2real_ros.image import compress

TITLES = ('simulated', 'translated')
SLOWEST_HZ, FASTEST_HZ = 1.0, 60.0


@dataclass
class Pictures:
    """What was drawn.

    Attributes:
        files: Pictures by name.
        notes: Things to know about them.
        panels: For each row of the sheet its stamp, and where its two panels lie.
    """

    files: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    panels: list[dict[str, Any]] = field(default_factory=list)


def draw_pictures(
    camera: DemoCamera, recorded: Path, path: Path, sends: Moments, received: int, footer: str
) -> Pictures:
    """Write a sheet and a video of original and translated frames.

    Args:
        camera: What was played.
        recorded: Bag with the translated frames.
        path: Where to write, without suffix.
        sends: Of the camera.
        received: Number of translated frames.
        footer: Below the sheet.

    Returns:
        What was drawn, and why it is less than wanted.
    """
    result = Pictures()
    by_stamp = any(sends.stamps_ns)
    if not by_stamp and len(sends.stamps_ns) != received:
        result.notes.append('no pictures: frames are missing, and none has a stamp to pair it by')
        return result
    originals = BagSource(camera.bag, camera.topic)
    translated = BagSource(recorded, camera.image_out)
    pairs = pair_frames(originals, translated, by_stamp=by_stamp)
    video = _open_video(path, camera.size, playing_rate(sends), result)
    chosen = _look_through(pairs, evenly_spread(received), video)
    if chosen:
        start_ns = sends.stamps_ns[0] if by_stamp else chosen[0][0].stamp_ns
        sheet = draw_sheet(chosen, TITLES, footer, start_ns)
        result.files['picture'] = path.with_suffix('.png')
        result.files['picture'].write_bytes(compress(sheet.image, 'png')[0])
        result.panels = sheet.panels
    else:
        result.notes.append('no picture: no recorded frame has the stamp of one that was played')
    if video is not None:
        _finish_video(video, result)
    return result


def _look_through(pairs: Iterator[Pair], rows: list[int], video: PairVideo | None) -> list[Pair]:
    """Feed the video, and return the pairs with some indices."""
    chosen: list[Pair] = []
    for index, pair in enumerate(pairs):
        if index in rows:
            chosen.append(pair)
        if video is not None:
            video.add(pair)
        if index >= rows[-1] and (video is None or video.full()):
            break
    return chosen


def _open_video(
    path: Path, size: tuple[int, int], rate_hz: float, result: Pictures
) -> PairVideo | None:
    try:
        return PairVideo(path, TITLES, size, rate_hz)
    except DataError as error:
        result.notes.append(f'no video: {error}')
        return None


def _finish_video(video: PairVideo, result: Pictures) -> None:
    video.close()
    try:
        video.check()
    except DataError as error:
        result.notes.append(f'the video is damaged: {error}')
    result.files['video'] = video.path
    if not video.format.plays_in_browsers:
        result.notes.append(
            f'the video is {video.format.codec} in {video.format.suffix}, which browsers do not '
            f'play: this OpenCV writes no WebM'
        )
    if video.full():
        result.notes.append(f'the video ends after {MAX_SECONDS:g} s')


def playing_rate(sends: Moments) -> float:
    """Return the frames per second of the video: those of the stamps, else those of the play."""
    periods_ns = np.diff(np.asarray(sends.stamps_ns, np.float64))
    period_ns = float(np.median(periods_ns)) if len(periods_ns) else 0.0
    rate_hz = 1e9 / period_ns if period_ns > 0 else sends.rate_hz
    return min(max(rate_hz, SLOWEST_HZ), FASTEST_HZ)
