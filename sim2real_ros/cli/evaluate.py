"""Judge models and translated frames: how real they look, what moved, what perception makes of it.

SIM is a folder, bag or video of simulated frames, or a data set whose held-out frames are taken.
A CANDIDATE, which may be given a name (NAME=...), is a model that translates them here, or their
translations in a folder, bag or video. The output folder gets report.html to look at, results.json
and frames.jsonl to compute with, and table.md. Exit code 3: done, but something was left out.
"""

import argparse
import sys
from pathlib import Path

from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.evaluation_options import add_evaluation_options
from sim2real_ros.cli.progress import Progress
from sim2real_ros.evaluation.engine import (
    EvaluateOptions,
    Evaluation,
    check_output,
    write_evaluation,
)
from sim2real_ros.evaluation.report.tables import text_table

SHOWN = 3
"""Problems of each candidate; the report has all."""

EXAMPLES = """examples:
  sim2real evaluate sim_frames/ colour_transfer_duckietown --real real_frames/ -o evaluation/
  sim2real evaluate dataset/ cut=runs/cut.onnx cyclegan=runs/cyclegan.onnx -o evaluation/
  sim2real evaluate drive.mcap drive_real.mcap --masks masks/ --thresholds duckietown_real \\
      --real real.bag -o evaluation/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('sim', type=Path, metavar='SIM', help='folder, bag, video or data set')
    add('candidates', nargs='*', metavar='[NAME=]CANDIDATE',
        help='model, folder, bag or video; none: judge the simulated frames')  # fmt: skip
    add('-o', '--output', type=Path, required=True, metavar='FOLDER', help='for the report')
    add('--force', action='store_true', help='replace an earlier evaluation there')
    add_evaluation_options(parser)


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    options = EvaluateOptions.from_mapping(vars(args))
    check_output(args.output, options.sources, force=args.force)
    evaluation = Evaluation(options)
    with Progress({}) as progress:
        results = evaluation.run(progress)
    write_evaluation(results, args.output, with_plots=args.with_plots)
    print(text_table(results))
    columns = results.candidates
    told = [f'{each.name}: {text}' for each in columns for text in each.problems[:SHOWN]]
    for warning in (*results.warnings, *told):
        print(f'warning: {warning}', file=sys.stderr)
    print(f'Look at {args.output / "report.html"}')
    return INCOMPLETE if evaluation.is_incomplete else None
