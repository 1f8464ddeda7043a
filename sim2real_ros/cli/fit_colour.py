"""Fit a colour transfer between simulated and real images, and write it as a model file.

The map is found in closed form from the colour statistics of the two, in one pass, without
training. It moves colours only; shapes stay as they are.
"""

import argparse

from sim2real_ros.baselines.colour_fit import FitOptions, fit_colour, write_colour_model
from sim2real_ros.baselines.colour_space import COLOUR_SPACES
from sim2real_ros.baselines.colour_transfer import METHODS
from sim2real_ros.baselines.export import check_writable
from sim2real_ros.baselines.preview import check_preview_path, write_preview
from sim2real_ros.cli.progress import Progress, report_skipped
from sim2real_ros.data import Spread, open_source

EXAMPLES = """examples:
  sim2real fit-colour --sim sim_frames/ --real real_frames/ --output models/colour.onnx
  sim2real fit-colour --sim drive.mcap --real real.bag --method coral --skip-top 0.5 \\
      --output coral.onnx --preview sheet.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('--sim', required=True, metavar='PATH', help='simulated: folder, video or bag')
    add('--real', required=True, metavar='PATH', help='real: folder, video or bag')
    add('-o', '--output', required=True, metavar='FILE.onnx', help='model file to write')
    add('--method', choices=METHODS, default='reinhard', help='default: %(default)s')
    add('--space', choices=COLOUR_SPACES, default='', help='default: the best for the method')
    add('--topic', metavar='NAME', help='image topic of the simulated bag, if it has several')
    add('--real-topic', metavar='NAME', help='image topic of the real bag, if it has several')
    add('--max-frames', type=int, default=0, metavar='N', help='of each, evenly spread (0: all)')
    add('--skip-top', type=float, default=0.0, metavar='PART', help='0.5 = ignore upper half')
    add('--training-data', default='', metavar='TEXT', help='for the card; default: the paths')
    add('--licence', default='', metavar='TEXT', help='for the card: terms of the images')
    add('--preview', metavar='FILE.png', help='also write a sheet: sim | translated | real')
    add('--force', action='store_true', help='replace an existing model file')


def run(args: argparse.Namespace) -> None:
    """Run the verb."""
    check_writable(args.output, force=args.force)
    if args.preview:
        check_preview_path(args.preview)
    sim, real = open_source(args.sim, args.topic), open_source(args.real, args.real_topic)
    frames = Spread(sim, args.max_frames), Spread(real, args.max_frames)
    options = FitOptions(args.method, args.space, skip_top=args.skip_top)
    with Progress({'sim': frames[0].expected, 'real': frames[1].expected}) as progress:
        fit = fit_colour(*frames, options, progress)
    report_skipped('sim', sim.skipped)
    report_skipped('real', real.skipped)
    data = args.training_data or f'sim: {args.sim}; real: {args.real}'
    write_colour_model(fit, args.output, data, args.licence, force=args.force)
    if args.preview:
        write_preview(fit, args.preview)
    for name, value in fit.metrics.items():
        print(f'{name:32}{value:g}')
    print(f'wrote {args.output}')
