"""Make a data set for training out of folders of simulated and real images.

Images of a drive near in time are never on both sides of a split. `unpaired` gives trainA, testA,
trainB, testB (A = sim, B = real); `aligned` puts pairs side by side, `paired-folders` in A and B
under equal names; `detector` gives images/, labels/, data.yaml: all synthetic images and a share
of the real labelled ones (--real-fraction, rounded down, at least one) to train; real tests.
"""

import argparse
from functools import partial
from pathlib import Path

from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.options import add_jobs_option, add_output_options, image_gap, image_size
from sim2real_ros.cli.progress import Progress, report_omissions
from sim2real_ros.data.dataset import LAYOUTS, DatasetOptions, make_dataset, summary_lines
from sim2real_ros.data.dataset.real_share import SHARE_OF
from sim2real_ros.data.dataset.splitting import SPLITS

EXAMPLES = """examples:
  sim2real make-dataset --sim sim_frames/ --real real_frames/ -o dataset/
  sim2real make-dataset --sim sim_frames/ --real translated/ --layout aligned -o pairs/
  sim2real make-dataset --sim translated/ --real real_labelled/ --layout detector \\
      --real-fraction 0.01 -o detector_1_percent/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    default, add = DatasetOptions(), parser.add_argument
    part = partial(add, type=float, metavar='PART')
    add('--sim', type=Path, nargs='+', default=[], metavar='FOLDER', help='simulated images')
    add('--real', type=Path, nargs='+', default=[], metavar='FOLDER', help='real images')
    add_output_options(parser)
    add('--layout', choices=LAYOUTS, default=default.layout, help='default: %(default)s')
    part('--test-fraction', default=default.test_fraction, help='held out (default: %(default)s)')
    part('--val-fraction', default=default.val_fraction, help='of the rest (default: %(default)s)')
    add('--split', choices=SPLITS, default=default.split,
        help='hold out drives, blocks, or what suits (default: %(default)s)')  # fmt: skip
    add('--gap', type=image_gap, default=default.gap, metavar='N|Ns', help='images or seconds '
        f'(1.5s) left out on both sides of a block (default: {default.gap.images})')  # fmt: skip
    part('--real-fraction', help=f'real images of a detector (default: {default.real_share})')
    add('--real-fraction-of', choices=SHARE_OF, default=default.real_fraction_of,
        help='real images at hand, or mixed training set (default: %(default)s)')  # fmt: skip
    add('--seed', type=int, default=default.seed, metavar='N', help='default: %(default)s')
    add('--require-labels', action='store_true', help='leave out images without labels')
    add('--require-size', type=image_size, metavar='WxH', help='refuse images of other sizes')
    add('--link', action='store_true', help='hard links instead of copies of the images')
    add_jobs_option(parser)


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    options = DatasetOptions.from_mapping(vars(args))
    with Progress({}) as progress:
        report = make_dataset(args.sim, args.real, args.output, options, force=args.force,
                              dry_run=args.dry_run, progress=progress)  # fmt: skip
    report_omissions(report.omissions)
    print(*summary_lines(report.statistics), report.outcome, sep='\n')
    return INCOMPLETE if report.omissions else None
