"""Train a generator that makes simulated images look real; the run can be killed and resumed.

METHOD is bilateral, cut, cyclegan, distil, fastcut, pix2pix, simgan or unit;
config/train/METHOD.yaml explains its values, --print-config shows all keys. The run folder gets
configuration, metrics, sample sheets and checkpoints.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from sim2real_ros.cli import INTERRUPTED
from sim2real_ros.cli.training_extra import training_extra
from sim2real_ros.cli.training_options import add_config_options, add_machine_options
from sim2real_ros.cli.training_progress import TrainingProgress, describe_end

EXAMPLES = """examples:
  sim2real train cyclegan --data dataset/ -o runs/duckie --set schedule.constant=50
  sim2real train cut --sim sim_frames/ --real real_frames/ -o runs/cut --crop 256x192 --minutes 90
  sim2real train --config my.yaml -o runs/x
  sim2real train --resume runs/x
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('method', nargs='?', default='', metavar='METHOD', help='what to train')
    parser.set_defaults(refuse=parser.error)
    where = parser.add_mutually_exclusive_group()
    where.add_argument('-o', '--output', type=Path, metavar='RUN', help='folder of a new run')
    where.add_argument('--resume', type=Path, metavar='RUN', help='go on with a run')
    add_config_options(parser)
    add('--force', action='store_true', help='replace an earlier run in the folder')
    add_machine_options(parser)
    add('--quiet', action='store_true', help='say nothing but the result')


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    if not (args.output or args.resume or args.print_config):
        args.refuse('one of -o/--output, --resume and --print-config is required')
    with training_extra():
        from sim2real_ros.cli.training_config import config_of
        from sim2real_ros.training.engine.configuration import to_yaml
        from sim2real_ros.training.engine.loop import train
        from sim2real_ros.training.engine.processes import Machine
    config = config_of(args)
    if args.print_config:
        print(to_yaml(config), end='')
        return None
    machine = Machine(args.device, args.devices, args.nodes, args.threads)
    begin = partial(train, config, args.resume or args.output, machine=machine)
    with TrainingProgress(config.method, quiet=args.quiet) as progress:
        done = begin(resume=bool(args.resume), force=args.force, progress=progress)
    if done.is_main:
        print(*describe_end(done), sep='\n', file=sys.stderr if done.stopped_by else sys.stdout)
    return INTERRUPTED if done.is_main and done.stopped_by == 'signal' else None
