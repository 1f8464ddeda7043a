"""Options about which frames are taken, and about the images that are made of them."""

import argparse

from sim2real_ros.cli.options import image_size, positive
from sim2real_ros.data.extraction.options import MESSAGE_TYPES, NAMINGS
from sim2real_ros.image import PLACEMENTS
from sim2real_ros.image.encode_file import FILE_FORMATS


def add_frame_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that choose among the frames of a source."""
    add = parser.add_argument
    add('--topic', dest='topics', action='append', default=[], metavar='NAME|GLOB',
        help="may be given several times; '*' takes all (default: the only one)")  # fmt: skip
    add('--type', dest='message_type', choices=MESSAGE_TYPES, default='', help='only such topics')
    add('--every', type=positive, default=1, metavar='N', help='take every n-th frame')
    add('--rate', dest='rate_hz', type=float, default=0.0, metavar='HZ',
        help='frames per second, by their stamps')  # fmt: skip
    add('--start', dest='start_s', type=float, metavar='S',
        help='seconds from the beginning of the bag or video, or a Unix time')  # fmt: skip
    add('--end', dest='end_s', type=float, metavar='S',
        help='alike; what was recorded from then on is left out')  # fmt: skip
    add('--max-frames', type=positive, default=0, metavar='N', help='of each topic or file')
    add('--drop-similar', type=int, metavar='BITS', help='drop an image that differs from the '
        'last one kept in at most so many of 64 bits of its hash; try 2')  # fmt: skip
    add('--names', choices=NAMINGS, default='index', help='000012, camera_image_000012, '
        '1700000001200000000 or frame_00000012 (default: %(default)s)')  # fmt: skip


def add_image_options(parser: argparse.ArgumentParser, *, keep_format: bool = False) -> None:
    """Declare ``--size``, ``--fit``, ``--format`` and ``--quality``.

    Args:
        parser: The verb's.
        keep_format: Whether there is, and by default, the choice ``same``.
    """
    add = parser.add_argument
    formats = (*(('same',) if keep_format else ()), *FILE_FORMATS)
    add('--size', type=size_or_original, default=(512, 384), metavar='WxH',
        help='of the images (default: 512x384); `original` keeps them')  # fmt: skip
    add('--fit', choices=PLACEMENTS, default='stretch', help='where the shape differs: stretch '
        '(default), letterbox = add borders, crop = cut borders off')  # fmt: skip
    add('--format', choices=formats, default=formats[0], help='default: %(default)s')
    add('--quality', type=positive, metavar='N', help='of jpg and webp, 1 to 100 (default: 95)')


def size_or_original(text: str) -> tuple[int, int] | None:
    """Read ``512x384`` as (width, height), and ``original`` as None.

    Raises:
        argparse.ArgumentTypeError: It is neither.
    """
    return None if text == 'original' else image_size(text)
