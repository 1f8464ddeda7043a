"""The words of the original test.py."""

import argparse

from sim2real_ros.training.seed_programs.training_words import (
    CUT_MODES,
    GENERATORS,
    PREPROCESS,
    CutMode,
    truth,
)

MODELS = ('test', 'cycle_gan', 'pix2pix', 'cut')

DESCRIPTION = """Translate test images with the networks of an experiment.

Takes the weights from <checkpoints_dir>/<name>/<epoch>_net_*.pth, whether tools/train.py has
written them or the original program, and writes <results_dir>/<name>/<phase>_<epoch>/index.html.
Which generator it is, is told from the weights."""

EXAMPLES = """examples:
  python tools/test.py --dataroot datasets/duckie --name duckie --model cycle_gan
  python tools/test.py --dataroot datasets/duckie/testA --name duckie --model test --no_dropout \\
      --model_suffix _A --preprocess none --num_test 100
"""


def parser_for_testing() -> argparse.ArgumentParser:
    """Return the description of the command line; an option that is not given is None."""
    parser = argparse.ArgumentParser(
        prog='test.py',
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_main(parser)
    _add_checked(parser)
    return parser


def _add_main(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--dataroot', required=True, help='images, or a data set with testA and testB, or test')
    add('--name', default='experiment_name', help='of the experiment')
    add('--checkpoints_dir', default='./checkpoints')
    add('--results_dir', default='./results/')
    add('--model', default='test', help=f'one of {", ".join(MODELS)} (default: %(default)s)')
    add('--model_suffix', default='', help='with --model test: _A for latest_net_G_A.pth')
    add('--epoch', default='latest')
    add('--phase', default='test')
    add('--num_test', type=int, default=50, help='so many images at most (default: %(default)s)')
    add('--eval', action='store_true', help='no dropout, stored statistics of batch norm')
    add('--direction', choices=('AtoB', 'BtoA'), default='AtoB')
    add('--preprocess', choices=PREPROCESS, default='resize_and_crop')
    add('--load_size', type=int)
    add('--crop_size', type=int)
    add('--aspect_ratio', type=float, default=1.0, help='of the images that are written')
    add('--max_dataset_size', type=float, default=float('inf'))
    add('--gpu_ids', help='-1 for the CPU')
    add('--no_dropout', nargs='?', const=True, type=truth, default=False)
    add('--suffix', default='', help='added to the name, such as {model}_{netG}')


def _add_checked(parser: argparse.ArgumentParser) -> None:
    """Declare what is known without being told, and is compared if it is told."""
    add = parser.add_argument
    add('--CUT_mode', choices=CUT_MODES, action=CutMode, help='chooses --model cut')
    add('--netG', choices=GENERATORS)
    add('--norm', '--normG', choices=('instance', 'batch', 'none'))
    add('--ngf', type=int)
    add('--input_nc', type=int)
    add('--output_nc', type=int)
    add('--dataset_mode', choices=('single', 'unaligned', 'aligned'))
    add('--load_iter', type=int, default=0, help='refused: weights are named by epoch')
    for name in (
        *('--serial_batches', '--no_flip', '--verbose', '--use_wandb'),
        *('--no_antialias', '--no_antialias_up'),
    ):
        add(name, action='store_true', help=argparse.SUPPRESS)
    for name in (
        *('--batch_size', '--num_threads', '--display_id', '--display_winsize'),
        *('--ndf', '--n_layers_D'),
    ):
        add(name, type=int, help=argparse.SUPPRESS)
    for name in ('--init_type', '--init_gain', '--netD', '--normD', '--wandb_project_name'):
        add(name, help=argparse.SUPPRESS)
