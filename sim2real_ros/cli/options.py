"""Options that the verbs share, so that they read alike everywhere."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sim2real_ros.files import default_workers

if TYPE_CHECKING:
    from sim2real_ros.data.dataset.splitting import Gap
    from sim2real_ros.training.engine.run import Which


def add_output_options(
    parser: argparse.ArgumentParser, *, what: str = 'folder to fill', required: bool = True
) -> None:
    """Declare ``-o/--output``, ``--force`` and ``--dry-run``."""
    add = parser.add_argument
    add('-o', '--output', type=Path, required=required, metavar='PATH', help=what)
    add('--force', action='store_true', help='replace an earlier result there')
    add('--dry-run', action='store_true', help='say what would be done, and write nothing')


def add_jobs_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Declare ``--jobs``."""
    parser.add_argument(
        '--jobs',
        type=positive,
        default=default_workers(),
        metavar='N',
        help='threads (default: one per CPU)',
    )


def positive(text: str) -> int:
    """Read a positive whole number.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not re.fullmatch(r'0*[1-9]\d{0,8}', text):
        raise argparse.ArgumentTypeError(f'{text!r} is no positive whole number')
    return int(text)


def id_list(text: str) -> tuple[int, ...]:
    """Read ``5,6`` as ids of a mask.

    Raises:
        argparse.ArgumentTypeError: It is no such list.
    """
    ids = [int(each) for each in text.split(',') if re.fullmatch(r'\d{1,3}', each)]
    if len(ids) < len(text.split(',')) or max(ids) > 255:
        raise argparse.ArgumentTypeError(f'{text!r} is no list of ids of 0..255; expected 5,6')
    return tuple(ids)


def image_gap(text: str) -> 'Gap':
    """Read ``10`` as a number of images, ``1.5s`` as seconds.

    Raises:
        argparse.ArgumentTypeError: It is neither.
    """
    # Verbs without gaps need not load what this is of.
    from sim2real_ros.data.dataset.splitting import Gap

    if re.fullmatch(r'\d{1,9}', text):
        return Gap(images=int(text))
    if re.fullmatch(r'\d{1,9}(\.\d{1,9})?s', text):
        return Gap(images=0, seconds=float(text[:-1]))
    raise argparse.ArgumentTypeError(f'{text!r} is no gap; expected images (10) or seconds (1.5s)')


def image_size(text: str) -> tuple[int, int]:
    """Read ``512x384`` as (width, height).

    Raises:
        argparse.ArgumentTypeError: It is no such size.
    """
    match = re.fullmatch(r'([1-9]\d{0,4})[xX]([1-9]\d{0,4})', text)
    if not match:
        raise argparse.ArgumentTypeError(f'{text!r} is no size; expected WIDTHxHEIGHT: 512x384')
    return int(match[1]), int(match[2])


def size_or_any(text: str) -> tuple[int, int] | None:
    """Read ``512x384`` as (width, height), ``any`` as None.

    Raises:
        argparse.ArgumentTypeError: It is neither.
    """
    return None if text == 'any' else image_size(text)


def checkpoint_choice(text: str) -> 'Which':
    """Read ``best``, ``latest`` or a number of steps.

    Raises:
        argparse.ArgumentTypeError: It is none of them.
    """
    if text == 'best':
        return 'best'
    if text == 'latest':
        return 'latest'
    if re.fullmatch(r'\d{1,12}', text):
        return int(text)
    raise argparse.ArgumentTypeError(f'{text!r} is none of best, latest and a number of steps')
