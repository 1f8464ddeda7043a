"""Gather what models have made of simulated frames.

--group makes a folder for each simulated frame: the frame, every model's result, and a bundle of
them side by side. --flat makes a data set of one model's results alone, named like the frames and
with their labels and masks, and says what is missing or superfluous. Both write a contact sheet
and index.html, a page to compare the pictures in a browser without a network.
"""

import argparse
from pathlib import Path

from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.options import add_jobs_option, add_output_options
from sim2real_ros.cli.progress import Progress, report_omissions
from sim2real_ros.data.collection import CollectOptions, collect

EXAMPLES = """examples:
  sim2real collect translated_a/ translated_b/ --sim sim_frames/ --group -o compared/
  sim2real collect translated_a/ --sim sim_frames/ --flat -o dataset_real/
  sim2real collect translated_a/ --group --video -o compared/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('results', type=Path, nargs='+', metavar='FOLDER', help='translated images')
    add(
        '--sim',
        type=Path,
        nargs='+',
        default=[],
        metavar='FOLDER',
        help='the frames that were translated (default: the folder that the manifests name)',
    )
    add_output_options(parser)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument('--group', dest='mode', action='store_const', const='group',
                      help='a folder for each simulated frame')  # fmt: skip
    mode.add_argument('--flat', dest='mode', action='store_const', const='flat',
                      help='the results alone, named like the frames, with labels')  # fmt: skip
    add('--model', default='', metavar='NAME', help='take the results of this model only')
    add('--video', nargs='?', const='video.mp4', default='', metavar='NAME.mp4',
        help='also write a video, side by side, into the output folder')  # fmt: skip
    add_jobs_option(parser)


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    options = CollectOptions.from_mapping(vars(args))
    with Progress({}) as progress:
        report = collect(args.results, args.output, options, sim=args.sim, force=args.force,
                         dry_run=args.dry_run, progress=progress)  # fmt: skip
    report_omissions(report.omissions)
    print(*report.describe(), sep='\n')
    return INCOMPLETE if report.omissions else None
