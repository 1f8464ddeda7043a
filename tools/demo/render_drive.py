#!/usr/bin/env python3
"""Render the bundled demo drive: a camera on a small town's road, as a rosbag2 with masks."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from drive_camera import Camera, Intrinsics
from drive_output import BAG_NAME, MASKS_NAME, DriveFrame, check_output, write_drive
from drive_scene import build_scene

from sim2real_ros.errors import Sim2RealError

RATE_HZ = 10
START_NS = 1_700_000_000 * 1_000_000_000

EXAMPLES = """examples:
  render_drive.py --force                         renew the bundled drive
  render_drive.py --output /tmp/drive --frames 20 a short drive elsewhere
  render_drive.py --output /tmp/other --seed 7 --size 640x480
                                                  another town, larger pictures
"""


def main(argv: list[str] | None = None) -> int:
    """Run the program and return its exit status: 0, 1 for an error, 130 when interrupted."""
    options = _parser().parse_args(argv)
    intrinsics = Intrinsics(*options.size)
    try:
        check_output(options.output, force=options.force)
        with Camera(build_scene(options.seed), intrinsics, options.seed) as camera:
            frames = _with_progress(_render(camera, options.frames), options.frames)
            write_drive(
                options.output, frames, intrinsics, quality=options.quality, force=options.force
            )
    except (Sim2RealError, OSError) as error:
        print(f'render_drive: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nrender_drive: interrupted, nothing was written', file=sys.stderr)
        return 130
    for name in (BAG_NAME, MASKS_NAME):
        print(options.output / name)
    return 0


def _parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(
        prog='render_drive.py',
        description=f'{__doc__} Needs pybullet (pip install pybullet).',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    here = Path(__file__).resolve().parent
    whole = _bounded(1, 100_000)
    parser.add_argument(
        '--output',
        type=Path,
        default=here,
        metavar='FOLDER',
        help=f'receives {BAG_NAME}/ and {MASKS_NAME} (default: the folder of this program)',
    )
    parser.add_argument('--frames', type=whole, default=150, help='number at 10 Hz (default: 150)')
    parser.add_argument(
        '--size', type=_size, default=(512, 384), metavar='WxH', help='pixels (default: 512x384)'
    )
    parser.add_argument(
        '--seed', type=_bounded(0, 2**32 - 1), default=1, help='seed of the scene (default: 1)'
    )
    parser.add_argument(
        '--quality', type=_bounded(1, 100), default=86, help='JPEG quality (default: 86)'
    )
    parser.add_argument('--force', action='store_true', help='overwrite an earlier drive')
    return parser


def _bounded(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(
                f'found {text!r}, expected a whole number from {low} to {high}'
            )
        return number

    return read


def _size(text: str) -> tuple[int, int]:
    """Read a size such as 512x384."""
    width, _, height = text.partition('x')
    side = _bounded(32, 1280)  # the renderer makes three times as many pixels each way
    try:
        return side(width), side(height)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f'found {text!r}, expected WIDTHxHEIGHT, each from 32 to 1280'
        ) from error


def _render(camera: Camera, count: int) -> Iterator[DriveFrame]:
    """Yield the moments of the drive; each picture is rendered when it is asked for."""
    for number in range(count):
        rgb, labels = camera.render(number / RATE_HZ)
        yield DriveFrame(START_NS + number * 1_000_000_000 // RATE_HZ, rgb, labels)


def _with_progress(frames: Iterator[DriveFrame], count: int) -> Iterator[DriveFrame]:
    """Pass frames on and tell, about once a second, how many are done and how long it takes."""
    start = told = time.monotonic()
    end = '\r' if sys.stderr.isatty() else '\n'
    for number, frame in enumerate(frames, start=1):
        yield frame
        now = time.monotonic()
        if now - told >= 1.0 or number == count:
            told = now
            rate_hz = number / max(now - start, 1e-9)
            left_s = (count - number) / rate_hz
            line = f'{number}/{count} frames, {rate_hz:.1f} per second, {left_s:.0f} s left'
            last = '\n' if number == count else end
            print(f'{line:<60}', end=last, file=sys.stderr, flush=True)


if __name__ == '__main__':
    sys.exit(main())
