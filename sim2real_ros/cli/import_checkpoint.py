"""Turn a generator of the original CycleGAN, pix2pix or CUT programs into a model file.

Which generator it is, is told from the names and shapes of the weights. Nothing in the file is
run: a checkpoint that holds more than weights is refused.
"""

import argparse

from sim2real_ros.cli.export import add_model_options
from sim2real_ros.cli.training_extra import training_extra
from sim2real_ros.training.early_checks import check_import

EXAMPLES = """examples:
  sim2real import-checkpoint checkpoints/yard/latest_net_G_A.pth -o models/yard.onnx
  sim2real import-checkpoint latest_net_G.pth -o facades.onnx --generator unet_256 --size 256x256
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    add = parser.add_argument
    add('checkpoint', metavar='FILE.pth', help='such as latest_net_G_A.pth')
    add('-o', '--output', required=True, metavar='FILE.onnx', help='model file to write')
    add('--generator', default='auto', metavar='NAME', help='auto, resnet_9blocks, '
        'resnet_6blocks, unet_256 or unet_128 (default: auto)')  # fmt: skip
    add('--norm', choices=('auto', 'instance', 'batch', 'none'), default='auto',
        help='default: auto')  # fmt: skip
    add('--no-dropout', action='store_true', help='make sure that it was trained without dropout')
    add('--key', default='', metavar='NAME', help='generator to take from a file with several')
    add('--batch-norm', choices=('image', 'stored'), default='image', help='statistics of batch '
        'norm: of the image, as the original test.py, or stored, as with its --eval')  # fmt: skip
    add('--training-data', default='', metavar='TEXT', help='for the card')
    add_model_options(parser)


def run(args: argparse.Namespace) -> None:
    """Run the verb."""
    check_import(args.checkpoint, args.output, force=args.force)
    with training_extra():
        from sim2real_ros.training.checkpoint_import import (
            ImportOptions,
            LoadOptions,
            import_checkpoint,
        )
    dropout = False if args.no_dropout else None
    load = LoadOptions(args.generator, args.norm, dropout, args.key, args.batch_norm)
    model = (args.size, args.fp16, args.name, args.training_data, args.licence, args.force)
    options = ImportOptions(load, *model)
    exported, architecture = import_checkpoint(args.checkpoint, args.output, options)
    print(f'found {architecture}')
    print(f'difference to the network in torch: {exported.parity}')
    print(f'wrote {exported.path}')
