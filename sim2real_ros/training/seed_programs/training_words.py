"""The words of the original train.py: every option that people have in their scripts."""

import argparse
from typing import Any

from sim2real_ros.errors import ConfigError

MODELS = ('cycle_gan', 'pix2pix', 'cut')
GENERATORS = ('resnet_9blocks', 'resnet_6blocks', 'unet_256', 'unet_128')
CUT_MODES = ('CUT', 'cut', 'FastCUT', 'fastcut')
PREPROCESS = ('resize_and_crop', 'crop', 'scale_width', 'scale_width_and_crop', 'none')

DESCRIPTION = """Train with the options of pytorch-CycleGAN-and-pix2pix and CUT.

The same training as `sim2real train`, under the names that scripts for those programs use. What
has another meaning here is said; what has none is refused. Options that are left out have the
defaults of the original."""

EXAMPLES = """examples:
  python tools/train.py --dataroot datasets/duckie --name duckie --model cycle_gan --direction AtoB
  python tools/train.py --dataroot datasets/pairs --name pairs --model pix2pix --norm instance
  python tools/train.py --dataroot datasets/duckie --name duckie --model cycle_gan --continue_train
"""


def parser_for_training() -> argparse.ArgumentParser:
    """Return the description of the command line; an option that is not given is None."""
    parser = argparse.ArgumentParser(
        prog='train.py',
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_basic(parser)
    _add_networks(parser)
    _add_data(parser)
    _add_schedule(parser)
    _add_losses(parser)
    _add_reports(parser)
    return parser


def experiment_name(words: argparse.Namespace) -> str:
    """Return the name of the experiment, with the suffix whose ``{options}`` are filled in.

    Raises:
        ConfigError: The suffix names what is no option.
    """
    if not words.suffix:
        return str(words.name)
    try:
        return f'{words.name}_{words.suffix.format_map(vars(words))}'
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        raise ConfigError(
            f'--suffix {words.suffix!r}: expected names of options in braces, such as '
            f'{{model}}_{{batch_size}}; {error} is none.'
        ) from error


class CutMode(argparse.Action):
    """``--CUT_mode``, which also chooses the model: it is the usual one of CUT's programs."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Take it over; a model that was named before, other than the usual one, stays."""
        namespace.CUT_mode = values
        if namespace.model == parser.get_default('model'):
            namespace.model = 'cut'


def truth(text: str) -> bool:
    """Read ``True`` or ``False``, as CUT's options are given.

    Raises:
        argparse.ArgumentTypeError: It is neither.
    """
    known = {'true': True, 'yes': True, '1': True, 'false': False, 'no': False, '0': False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f'{text!r} is neither True nor False')
    return known[text.lower()]


def _add_basic(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--dataroot', required=True, help='data set: trainA, trainB, testA, testB, or train, test')
    add('--name', default='experiment_name', help='of the experiment (default: %(default)s)')
    add('--checkpoints_dir', default='./checkpoints', help='its folder goes there')
    add('--model', default='cycle_gan', help=f'one of {", ".join(MODELS)} (default: %(default)s)')
    add('--gpu_ids', help='0 or 0,1 for GPUs, -1 for the CPU')
    add('--continue_train', action='store_true', help='go on from the latest checkpoint')
    add('--force', action='store_true', help='replace an earlier experiment of this name')
    add('--suffix', default='', help='added to the name, such as {model}_{netG}')
    add('--epoch', default='latest', help='only latest')
    add('--load_iter', type=int, default=0, help='only 0')
    add('--phase', default='train', help='only train')
    add('--verbose', action='store_true', help='also say how large the networks are')


def _add_networks(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--input_nc', type=int, help='only 3')
    add('--output_nc', type=int, help='only 3')
    add('--ngf', type=int, help='filters of the generator')
    add('--ndf', type=int, help='filters of the discriminator')
    add('--netG', choices=GENERATORS)
    add('--netD', choices=('basic', 'n_layers', 'pixel'))
    add('--n_layers_D', type=int, help='with --netD n_layers')
    add('--norm', '--normG', choices=('instance', 'batch', 'none', 'sync_batch', 'sync_instance'))
    add('--normD', choices=('instance', 'batch', 'none'))
    add('--init_type', '--init_G', choices=('normal', 'xavier', 'kaiming', 'orthogonal'))
    add('--init_gain', type=float)
    add('--no_dropout', nargs='?', const=True, type=truth, help='leave dropout out')
    add('--no_antialias', action='store_true', help='CUT: strided convolutions')
    add('--no_antialias_up', action='store_true', help='CUT: transposed convolutions')


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--dataset_mode', choices=('unaligned', 'aligned', 'single', 'colorization', 'template'))
    add('--direction', choices=('AtoB', 'BtoA'))
    add('--serial_batches', action='store_true', help='refused: batches are drawn by the seed')
    add('--num_threads', '--nThreads', type=int)
    add('--batch_size', type=int)
    add('--load_size', type=int)
    add('--crop_size', type=int)
    add('--max_dataset_size', type=float)
    add('--preprocess', choices=PREPROCESS)
    add('--no_flip', action='store_true', default=None)


def _add_schedule(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--n_epochs', '--niter', type=int)
    add('--n_epochs_decay', '--niter_decay', type=int)
    add('--epoch_count', type=int, help='not needed: a run knows its epoch')
    add('--beta1', type=float)
    add('--beta2', type=float)
    add('--lr', type=float)
    add('--lr_policy', choices=('linear', 'step', 'plateau', 'cosine'))
    add('--lr_decay_iters', type=int)


def _add_losses(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--gan_mode', choices=('vanilla', 'lsgan', 'wgangp'))
    add('--pool_size', type=int)
    add('--lambda_A', type=float)
    add('--lambda_B', type=float)
    add('--lambda_identity', type=float)
    add('--lambda_L1', type=float)
    add('--CUT_mode', choices=CUT_MODES, action=CutMode, help='chooses --model cut')
    add('--lambda_GAN', type=float)
    add('--lambda_NCE', type=float)
    add('--nce_idt', type=truth, nargs='?', const=True)
    add('--nce_layers', help='0,4,8,12,16')
    add('--nce_T', type=float)
    add('--num_patches', type=int)
    add('--netF', choices=('mlp_sample', 'sample', 'reshape'))
    add('--netF_nc', type=int)
    add('--flip_equivariance', type=truth, nargs='?', const=True)


def _add_reports(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--display_freq', type=int, default=400, help='images between sample sheets')
    add('--print_freq', type=int, default=100, help='images between lines of loss_log.txt')
    add('--save_latest_freq', type=int, default=5000, help='images between latest_net_*.pth')
    add('--save_epoch_freq', type=int, default=5, help='epochs between <epoch>_net_*.pth')
    for name in ('--save_by_iter', '--use_wandb', '--no_html'):
        add(name, action='store_true', help=argparse.SUPPRESS)
    for name in (
        *('--display_id', '--display_server', '--display_env', '--display_port'),
        *('--display_ncols', '--display_winsize', '--update_html_freq', '--wandb_project_name'),
    ):
        add(name, help=argparse.SUPPRESS)
