"""Turn box labels into masks and YOLO segmentation polygons, holes and several parts kept.

Writes a data set that Ultralytics can train with, images copied. GrabCut needs no weights.
"""

import argparse
import sys
from pathlib import Path

from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.cli.options import add_jobs_option, add_output_options
from sim2real_ros.cli.progress import Progress, report_omissions
from sim2real_ros.labels.formats import AUTO, FORMATS
from sim2real_ros.segmentation.boxes_to_masks import Masking
from sim2real_ros.segmentation.mask_options import MaskOptions
from sim2real_ros.segmentation.segmenters import SEGMENTERS

EXAMPLES = """examples:
  sim2real boxes-to-masks cvat_export.zip --images frames/ --masks -o cars/
  sim2real boxes-to-masks boxes/ --segmenter sam --encoder sam_encoder.onnx \\
      --decoder sam_decoder.onnx --previews 40 -o cars/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add, default = parser.add_argument, MaskOptions()
    add('labels', type=Path, metavar='LABELS', help='folder, zip or file with box labels')
    add_output_options(parser)
    add('--images', type=Path, metavar='PATH', help='folder or zip of images, if elsewhere')
    add('--format', choices=(AUTO, *FORMATS), default=default.format, help='of the labels')
    add('--segmenter', choices=SEGMENTERS, default=default.segmenter, help='default: %(default)s')
    for part in ('encoder', 'decoder'):
        add(f'--{part}', type=Path, metavar='FILE.onnx', help=f'the {part} of --segmenter sam')
    add('--redo', action='store_true', help='also replace polygons that are there')
    add('--min-area', dest='min_area_px', type=float, default=default.min_area_px, metavar='PX',
        help='drop smaller islands, fill smaller holes (default: %(default)g px)')  # fmt: skip
    add('--epsilon', dest='epsilon_px', type=float, default=default.epsilon_px, metavar='PX',
        help='simplify outlines by this much, 0 = exact (default: %(default)g)')  # fmt: skip
    add('--masks', action='store_true', help='also write PNG masks of classes and of instances')
    add('--previews', type=int, default=default.previews, metavar='N',
        help='pictures with the result drawn on (default: %(default)s)')  # fmt: skip
    add_jobs_option(parser)


def run(args: argparse.Namespace) -> int | None:
    """Run the verb."""
    options = MaskOptions.from_mapping(vars(args))
    given = {name: getattr(args, name) for name in ('images', 'jobs', 'force')}
    work = Masking(args.labels, args.output, options, **given)
    if args.dry_run:
        print(*work.describe(), sep='\n')
        return None
    with Progress({}) as progress:
        manifest = work.run(progress=progress)
    report_omissions(manifest.omissions)
    if warning := work.warning():
        print(f'warning: {warning}', file=sys.stderr)
    print(f'{len(manifest.records)} images in {args.output}')
    return INCOMPLETE if manifest.omissions else None
