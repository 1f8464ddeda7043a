"""Fit colour thresholds to labelled frames, and see how well they do in other domains.

Thresholds are HSV ranges, one box for each colour: the best of all boxes for the frames that they
are fitted on. They are scored on held-out frames. Defaults of numbers are in brackets. Exit code
3: done, but frames were left out.
"""

import argparse
import sys

from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.options import add_jobs_option, add_output_options, positive
from sim2real_ros.cli.progress import Progress
from sim2real_ros.evaluation.colours.calibrate import DEFAULT_START, CalibrateOptions, Calibrating
from sim2real_ros.evaluation.colours.calibration_files import write_calibration

EXAMPLES = """examples:
  sim2real calibrate-colours sim_frames/ --masks masks/ -o calibration/
  sim2real calibrate-colours sim=frames/ translated/ cut=runs/cut.onnx real=real_frames/ \\
      --thresholds duckietown_sim -o calibration/
  sim2real calibrate-colours drive/ --masks masks/ --start robot.yaml --apply-to cut.onnx -o out/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('sources', nargs='+', metavar='[NAME=]SOURCE', help='folder, bag or video with masks; '
        'from the second on also a model: the first source translated by it')  # fmt: skip
    add('--name', default='', help='of the first source (default: by its path)')
    add('--masks', metavar='FOLDER', help='masks, named like the images (default: beside them)')
    add('--start', default=DEFAULT_START, metavar='FILE.yaml', help='thresholds in use, with '
        'colours and mask ids; a file or shipped name (default: %(default)s)')  # fmt: skip
    add('--thresholds', action='append', default=[], metavar='NAME|YAML',
        help='more thresholds to score; repeatable')  # fmt: skip
    add('--apply-to', nargs='+', default=[], metavar='[NAME=]SOURCE',
        help='score all thresholds there too, without fitting')  # fmt: skip
    add('--test-fraction', type=float, default=0.25, metavar='PART', help='held-out part (0.25)')
    add('--beta', type=float, default=1.0, metavar='N', help='of F-beta; above 1: recall (1)')
    add('--skip-top', type=float, default=0.25, metavar='PART', help='of the top to ignore (0.25)')
    add('--topic', metavar='NAME', help='image topic of bags that have several')
    add('--max-frames', type=positive, default=0, metavar='N', help='of each source (all)')
    add_output_options(parser)
    add_jobs_option(parser)


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    work = Calibrating(CalibrateOptions.from_mapping(vars(args)), args.output, force=args.force)
    if args.dry_run:
        print(*work.describe(), sep='\n')
        return None
    with Progress({}) as progress:
        lines, problems = write_calibration(work, progress)
    print(*lines, f'wrote {work.job.folder}', sep='\n')
    for problem in problems:
        print(f'warning: {problem}', file=sys.stderr)
    return INCOMPLETE if problems else None
