"""The options of ``fit-camera-effects``."""

import argparse

from sim2real_ros.baselines.camera_effects.effects import EFFECTS
from sim2real_ros.baselines.camera_effects.fit import DEFAULT_EFFECTS, FitOptions
from sim2real_ros.cli.options import image_size, positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('--sim', required=True, metavar='PATH', help='simulated: folder, video or bag')
    add('--real', required=True, metavar='PATH', help='real: folder, video or bag')
    add('-o', '--output', required=True, metavar='FILE.onnx', help='model file to write')
    add('--after', metavar='MODEL', help='.onnx file, or a shipped name, that comes first')
    add('--with', dest='added', action='append', choices=('white_balance',), default=[],
        help='fit this, too; colour models have done it already')  # fmt: skip
    add('--without', action='append', choices=DEFAULT_EFFECTS, default=[],
        help='leave this out; may be given several times')  # fmt: skip
    add('--strength', type=float, default=1.0, metavar='F', help='0..2 times what was found')
    add('--lens-distortion', nargs=2, type=float, default=(0.0, 0.0), metavar=('K1', 'K2'),
        help='MOVES PIXELS: camera_info and labels of the frames are wrong then')  # fmt: skip
    add('--size', type=image_size, metavar='WxH', help='compare at this (default: that of sim)')
    add('--topic', metavar='NAME', help='image topic of the simulated bag, if it has several')
    add('--real-topic', metavar='NAME', help='image topic of the real bag, if it has several')
    add('--max-frames', type=positive, default=100, metavar='N',
        help='of each, evenly spread (default: %(default)s)')  # fmt: skip
    add('--training-data', default='', metavar='TEXT', help='for the card; default: the paths')
    add('--licence', default='', metavar='TEXT', help='for the card: terms of the images')
    add('--preview', metavar='FILE.png', help='also write a sheet: sim | with effects | real')
    add('--force', action='store_true', help='replace an existing model file')


def fit_options(args: argparse.Namespace, size: tuple[int, int] | None) -> FitOptions:
    """Read how to fit.

    Args:
        args: As parsed.
        size: (width, height) to compare at; None = that of the simulated frames.

    Raises:
        ConfigError: A value is outside its meaning.
    """
    wanted = {*DEFAULT_EFFECTS, *args.added} - set(args.without)
    effects = tuple(effect for effect in EFFECTS if effect in wanted)
    k1, k2 = args.lens_distortion
    return FitOptions(effects, args.strength, size, (k1, k2))
