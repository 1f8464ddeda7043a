"""Write the generator of a training run as a model file for the node.

The file is written only if ONNX Runtime computes what the trained network computes. A generator
that was trained on crops translates whole images: choose any size, or fix the one of the camera.
"""

import argparse

from sim2real_ros.cli.options import checkpoint_choice, size_or_any
from sim2real_ros.cli.training_extra import training_extra
from sim2real_ros.training.early_checks import check_export

EXAMPLES = """examples:
  sim2real export runs/x -o models/x.onnx
  sim2real export runs/x -o models/x_512x384.onnx --size 512x384 --which latest
  sim2real export runs/x -o models/x_fp16.onnx --fp16 --name "yard at dusk" --licence CC-BY-4.0
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('run', metavar='RUN', help='folder of the run')
    add('-o', '--output', required=True, metavar='FILE.onnx', help='model file to write')
    add('--which', type=checkpoint_choice, default='best', metavar='best|latest|STEP',
        help='checkpoint to take (default: %(default)s)')  # fmt: skip
    add_model_options(parser)
    add('--keep-region', action='store_true', help='leave what training did not look at '
        '(region_top, region_mask, skip_top) as it is; needs --size')  # fmt: skip
    add('--no-domain', dest='domain', action='store_false', help='do not look at the simulated '
        'images again to find by what the node recognises others')  # fmt: skip


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Declare what every verb that writes a network as a model has."""
    add = parser.add_argument
    add('--size', type=size_or_any, default=None, metavar='WxH|any',
        help='fix the size of the images, which is a little faster (default: any)')  # fmt: skip
    add('--fp16', action='store_true', help='compute in float16, for GPUs')
    add('--name', default='', help='of the model (default: that of the file)')
    add('--licence', default='', metavar='TEXT', help='for the card: terms of the model')
    add('--force', action='store_true', help='replace an existing model file')


def run(args: argparse.Namespace) -> None:
    """Run the verb."""
    region = args.keep_region
    check_export(args.run, args.output, args.size, keep_region=region, force=args.force)
    with training_extra():
        from sim2real_ros.training.export import RunExportOptions, export_run

    options = RunExportOptions(
        *(args.which, args.size, args.fp16, region),
        *(args.name, args.licence, args.force, args.domain),
    )
    exported = export_run(args.run, args.output, options)
    for note in exported.notes:
        print(f'note: {note}')
    print(f'difference to the trained network: {exported.parity}')
    print(f'wrote {exported.path} ({exported.card.source})')
