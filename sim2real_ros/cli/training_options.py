"""Options of `train` for frequent settings; each stands for a key of the configuration."""

import argparse
import math
from pathlib import Path

from sim2real_ros.cli.options import image_size, positive

PRECISIONS = ('auto', 'fp32', 'bf16-mixed', 'fp16-mixed')


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that change the configuration."""
    add = parser.add_argument
    add('--config', type=Path, metavar='FILE', help='YAML of what differs from the defaults')
    add('--set', dest='overrides', action='append', default=[], metavar='KEY=VALUE',
        help='any key: generator.filters=32; may be given several times')  # fmt: skip
    add('--print-config', action='store_true',
        help='print all keys and values as YAML, and train nothing; needs no -o')  # fmt: skip
    add(
        '--data', metavar='FOLDER', help='data set with trainA/ (sim) and trainB/ (real), or pairs'
    )
    add('--sim', metavar='FOLDER', help='simulated images, instead of --data')
    add('--real', metavar='FOLDER', help='real images, instead of --data')
    length = parser.add_mutually_exclusive_group()
    length.add_argument('--epochs', type=positive, metavar='N', help='length; the share with a '
                        'falling rate stays')  # fmt: skip
    length.add_argument('--steps', type=positive, metavar='N', help='length, likewise')
    add('--minutes', type=minutes, metavar='N', help='stop after this time, with a checkpoint')
    add('--batch-size', type=positive, metavar='N', help='images per step and process')
    add('--crop', type=image_size, metavar='WxH', help='size of the crops: 256x256; images are '
        'scaled to 286/256 of it first, unless data.load_size is set')  # fmt: skip
    add('--load', type=image_size, metavar='WxH', help='size that images are scaled to first')
    add('--generator', metavar='NAME', help='resnet, unet, mobile_unet, ...')
    add('--precision', choices=PRECISIONS, help='default: auto')
    add('--seed', type=int, metavar='N', help='of everything random')


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say on what to train."""
    add = parser.add_argument
    add('--device', choices=('auto', 'cpu', 'cuda'), default='auto', help='default: %(default)s')
    add('--devices', type=positive, default=1, metavar='N', help='processes that train together')
    add('--nodes', type=positive, default=1, metavar='N', help='machines that train together')
    add('--threads', type=positive, default=0, metavar='N',
        help='CPU threads of each; fewer if others use the cores')  # fmt: skip


def minutes(text: str) -> float:
    """Read a positive time.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f'{text!r} is no number of minutes above 0')
    return value
