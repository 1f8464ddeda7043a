"""Train on X, test on Y: how much of the gap between simulation and reality is closed?

Three detectors, which you have trained on simulated, on translated and on real images, find
objects in the same labelled real images. Each is an ONNX file with a YAML file that describes it.
Any other perception can be compared by its scores per image (--scores, JSON).
"""

import argparse
from pathlib import Path

from sim2real_ros import labels
from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.progress import Progress
from sim2real_ros.errors import ConfigError
from sim2real_ros.evaluation.gap.comparison_text import (
    check_comparison_output,
    comparison_markdown,
    write_comparison,
)
from sim2real_ros.evaluation.gap.detector_comparison import TRAININGS, compare_detector_files
from sim2real_ros.evaluation.gap.score_files import compare_score_files

EXAMPLES = """examples:
  sim2real compare-detectors --sim sim.yaml --translated cut.yaml --real real.yaml \\
      --test real_labelled/ -o compared/
  sim2real compare-detectors --scores sim.json cut.json real.json --better lower -o compared/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    for name in TRAININGS:
        add(f'--{name}', type=Path, metavar='YAML', help=f'detector trained on {name} images')
    add('--test', type=Path, metavar='PATH', help='labelled real images: folder, zip or .json')
    add('--boxes-format', choices=('auto', *labels.FORMATS), default='auto', help='of the labels')
    add('--images', type=Path, metavar='PATH', help='of --test, if not with the labels')
    add('--scores', type=Path, nargs=3, metavar='JSON', help='in place of detectors: a score per '
        'image of the perception made with sim, translated and real images')  # fmt: skip
    add('--better', choices=('higher', 'lower'), help='which scores are good (default: as the '
        'files of --scores say, else higher)')  # fmt: skip
    add('-o', '--output', type=Path, required=True, metavar='FOLDER', help='for the result')
    add('--force', action='store_true', help='replace an earlier comparison there')


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    paths = {name: getattr(args, name) for name in TRAININGS}
    needed = [*paths.values(), args.test]
    if any(needed) if args.scores else not all(needed):
        raise ConfigError('Give --sim, --translated, --real and --test, or --scores alone.')
    test = None if args.scores else labels.LabelSource(args.test, args.boxes_format, args.images)
    check_comparison_output(args.output, test.inputs() if test else [], force=args.force)
    with Progress({}) as progress:
        found = (compare_detector_files(paths, test, progress=progress) if test else
                 compare_score_files(args.scores, args.better))  # fmt: skip
    write_comparison(found, args.output)
    print(comparison_markdown(found), f'wrote {args.output}', sep='\n')
    return None if found.is_complete else INCOMPLETE
