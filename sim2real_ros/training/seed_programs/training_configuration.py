"""From the words of the original train.py to a configuration."""

import json
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.batches.sources import find_sources
from sim2real_ros.training.engine.configuration import changed_config, load_config
from sim2real_ros.training.engine.processes import Machine
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.options import TrainingConfig
from sim2real_ros.training.seed_programs.training_words import experiment_name

METHOD_OF_MODEL = {'cycle_gan': 'cyclegan', 'pix2pix': 'pix2pix', 'cut': 'cut'}

Values = dict[str, Any]

_NETG: Mapping[str, Values] = {
    'resnet_9blocks': {'name': 'resnet', 'blocks': 9},
    'resnet_6blocks': {'name': 'resnet', 'blocks': 6},
    'unet_256': {'name': 'unet', 'depth': 8},
    'unet_128': {'name': 'unet', 'depth': 7},
}
_NETD = {'basic': 'patch', 'n_layers': 'patch', 'pixel': 'pixel'}
_GAN_MODES = {'lsgan': 'lsgan', 'vanilla': 'vanilla', 'wgangp': 'wgan'}

_PLAIN = {
    'dataroot': 'data.root',
    'direction': 'data.direction',
    'batch_size': 'batch_size',
    'ngf': 'generator.filters',
    'ndf': 'discriminator.filters',
    'n_layers_D': 'discriminator.layers',
    'n_epochs': 'schedule.constant',
    'n_epochs_decay': 'schedule.decay',
    'lr_policy': 'schedule.policy',
    'lr_decay_iters': 'schedule.decay_interval',
    'lr': 'optimiser.learning_rate',
}
"""Options whose values are taken as they are, whatever is trained."""

_OF_MODELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    'pool_size': ('pool_size', ('cycle_gan',)),
    'lambda_A': ('cycle_weight', ('cycle_gan',)),
    'lambda_B': ('cycle_weight_real', ('cycle_gan',)),
    'lambda_identity': ('identity_weight', ('cycle_gan',)),
    'lambda_L1': ('l1_weight', ('pix2pix',)),
    'lambda_GAN': ('adversarial_weight', ('cut',)),
    'lambda_NCE': ('nce_weight', ('cut',)),
    'nce_idt': ('nce_identity', ('cut',)),
    'nce_T': ('nce_temperature', ('cut',)),
    'num_patches': ('nce_patches', ('cut',)),
    'netF_nc': ('nce_width', ('cut',)),
    'flip_equivariance': ('flip_equivariance', ('cut',)),
}
"""Options of single models."""

_UNUSED_POOL = ('pool_size', 0)
"""What the original's scripts for pix2pix say, though it has no pool."""

_USUAL_LAMBDA_B = 10.0

_DISPLAY = (
    *('display_id', 'display_server', 'display_env', 'display_port', 'display_ncols'),
    *('display_winsize', 'update_html_freq', 'no_html'),
)
_DATASET_MODES = {'cycle_gan': 'unaligned', 'cut': 'unaligned', 'pix2pix': 'aligned'}


@dataclass(frozen=True)
class SeedTraining:
    """What the words ask for.

    Attributes:
        config: The configuration.
        machine: On what to train.
        folder: Of the experiment.
        epoch_interval: Number of epochs between weights that are kept.
        notes: What is done otherwise than the original would.
    """

    config: TrainingConfig
    machine: Machine
    folder: Path
    epoch_interval: int
    notes: tuple[str, ...]


def seed_training(words: Namespace) -> SeedTraining:
    """Translate the words of the original into ours.

    Args:
        words: As ``parser_for_training`` reads them.

    Raises:
        ConfigError: A word asks for what there is not here; the message says what there is.
        DataError: The data set cannot be read.
    """
    _refuse(words)
    values = {**_plain(words), **_networks(words), **_data(words), **_losses(words)}
    method = METHOD_OF_MODEL[words.model]
    if (words.CUT_mode or '').lower() == 'fastcut':
        method = 'fastcut'
    overrides = [f'{key}={json.dumps(value)}' for key, value in values.items()]
    config = _with_intervals(load_config(method, None, overrides), words)
    return SeedTraining(
        config,
        _machine(words.gpu_ids),
        Path(words.checkpoints_dir) / experiment_name(words),
        max(1, words.save_epoch_freq),
        tuple(_notes(words)),
    )


def _given(words: Namespace, names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, getattr(words, name)) for name in names if getattr(words, name) is not None)


def _refuse(words: Namespace) -> None:
    """Refuse what would have to be ignored.

    Raises:
        ConfigError: There is such a word.
    """
    model = words.model
    if model not in METHOD_OF_MODEL:
        raise ConfigError(
            f'--model {model}: expected one of {", ".join(METHOD_OF_MODEL)}. More can be trained '
            f'by `sim2real train`: {", ".join(METHODS)}.'
        )
    for name, value in _given(words, _OF_MODELS):
        if not _has_meaning(name, model) and (name, value) != _UNUSED_POOL:
            raise ConfigError(f'--{name} has no meaning for --model {model}: leave it out.')
    grey = [n for n in ('input_nc', 'output_nc') if getattr(words, n) not in (None, 3)]
    expected_mode = _DATASET_MODES[model]
    reasons = {
        f'--{"".join(grey[:1])}: grey images are trained on as RGB; leave it out': bool(grey),
        '--serial_batches: the order is drawn from the seed, leave it out': words.serial_batches,
        '--save_by_iter: leave it out, --save_latest_freq keeps the latest': words.save_by_iter,
        '--lr_policy plateau: expected linear, step or cosine': words.lr_policy == 'plateau',
        f'--norm {words.norm}: batches are not spread over GPUs, expected instance, batch or '
        'none': str(words.norm).startswith('sync_'),
        f'--dataset_mode {words.dataset_mode}: --model {model} takes {expected_mode} data, that '
        'is what it gets': words.dataset_mode not in (None, expected_mode),
        f'--phase {words.phase}: training images are those of phase train': words.phase != 'train',
        f'--epoch {words.epoch}: training goes on from the latest': words.epoch != 'latest',
        '--load_iter: training goes on from the latest': words.load_iter != 0,
        f'--netF {words.netF}: expected mlp_sample': words.netF not in (None, 'mlp_sample'),
        '--n_layers_D: expected with --netD n_layers': words.n_layers_D is not None
        and words.netD != 'n_layers',
        f'--CUT_mode: has no meaning for --model {model}': words.CUT_mode is not None
        and model != 'cut',
        f'--no_antialias, --no_antialias_up: have no meaning for --model {model}': model != 'cut'
        and (words.no_antialias or words.no_antialias_up),
    }
    found = [reason for reason, applies in reasons.items() if applies]
    if found:
        raise ConfigError(f'{"; ".join(found)}.')


def _plain(words: Namespace) -> Values:
    names = {**_PLAIN, **{name: key for name, (key, _) in _OF_MODELS.items()}}
    given = _given(words, names)
    return {names[name]: value for name, value in given if _has_meaning(name, words.model)}


def _has_meaning(name: str, model: str) -> bool:
    return name not in _OF_MODELS or model in _OF_MODELS[name][1]


def _networks(words: Namespace) -> Values:
    values: Values = {f'generator.{k}': v for k, v in _NETG.get(words.netG, {}).items()}
    if words.netG is not None and words.model == 'pix2pix':
        # Its dropout is the method's, not the network's.
        values['generator.dropout'] = True
    if words.netG in ('unet_256', 'unet_128') and words.model == 'cut':
        raise ConfigError(f'--netG {words.netG}: CUT compares features of a resnet generator.')
    if words.netD is not None:
        values['discriminator.name'] = _NETD[words.netD]
    if words.norm is not None:
        values |= {'generator.norm': words.norm, 'discriminator.norm': words.norm}
    if words.normD is not None:
        values['discriminator.norm'] = words.normD
    if words.no_dropout is not None:
        values['generator.dropout'] = not words.no_dropout
    if words.no_antialias:
        values |= {'generator.downsampling': 'stride', 'discriminator.downsampling': 'stride'}
    if words.no_antialias_up:
        values['generator.upsampling'] = 'transpose'
    for network in ('generator', 'discriminator'):
        if words.init_type is not None:
            values[f'{network}.initialisation.kind'] = words.init_type
        gain = words.init_gain
        if words.init_type == 'kaiming':
            # The original has no gain there.
            gain = 1.0
        if gain is not None:
            values[f'{network}.initialisation.gain'] = gain
    if (words.beta1, words.beta2) != (None, None):
        betas = (words.beta1, 0.5), (words.beta2, 0.999)
        values['optimiser.betas'] = [usual if given is None else given for given, usual in betas]
    return values


def _data(words: Namespace) -> Values:
    values: Values = {}
    for name in ('load_size', 'crop_size'):
        side = getattr(words, name)
        if side is not None:
            values[f'data.{name}'] = [side, side]
    if words.preprocess is not None:
        values['data.preprocess'] = words.preprocess.replace('_', '-')
    if words.max_dataset_size is not None and words.max_dataset_size != float('inf'):
        values['data.max_images'] = int(words.max_dataset_size)
    if words.num_threads is not None:
        values['data.workers'] = max(1, words.num_threads)
    if words.no_flip:
        values['data.flip'] = False
    return values


def _losses(words: Namespace) -> Values:
    values: Values = {}
    if words.lambda_A is not None and words.lambda_B is None:
        # Ours follows the other weight unless it is given.
        values['cycle_weight_real'] = _USUAL_LAMBDA_B
    if words.gan_mode is not None:
        values['adversarial'] = _GAN_MODES[words.gan_mode]
    if words.nce_layers is not None:
        try:
            values['nce_layers'] = [int(layer) for layer in words.nce_layers.split(',')]
        except ValueError as error:
            raise ConfigError(
                f'--nce_layers {words.nce_layers!r}: expected numbers such as 0,4,8,12,16.'
            ) from error
    return values


def _with_intervals(config: TrainingConfig, words: Namespace) -> TrainingConfig:
    """Turn intervals in images and epochs into steps.

    A checkpoint falls on the end of every epoch whose weights are kept.
    """
    images = {
        'log_interval': words.print_freq,
        'sample_interval': words.display_freq,
        'checkpoint_interval': words.save_latest_freq,
    }
    steps = {name: max(1, count // config.batch_size) for name, count in images.items()}
    found = find_sources(config.data, METHODS[config.method].batch_kind)
    epoch = -(-max(len(found.sim.files), len(found.real.files)) // config.batch_size)
    kept = epoch * max(1, words.save_epoch_freq)
    steps['checkpoint_interval'] = _common_interval(steps['checkpoint_interval'], kept)
    return changed_config(config, [f'report.{name}={count}' for name, count in steps.items()])


def _common_interval(wanted: int, kept: int) -> int:
    """Return the interval nearest below the wanted one that ends where ``kept`` does.

    Where there is none above a quarter of it, it is ``kept``: checkpoints take time, too.
    """
    candidates = range(min(wanted, kept), wanted // 4, -1)
    return next((interval for interval in candidates if kept % interval == 0), kept)


def _machine(gpu_ids: str | None) -> Machine:
    if gpu_ids is None:
        return Machine()
    ids = [part for part in gpu_ids.split(',') if part]
    if not all(part.lstrip('-').isdigit() for part in ids):
        raise ConfigError(f'--gpu_ids {gpu_ids!r}: expected numbers such as 0 or 0,1, or -1.')
    if not ids or ids == ['-1']:
        return Machine('cpu')
    return Machine('auto') if len(ids) == 1 else Machine('cuda', devices=len(ids))


def _notes(words: Namespace) -> Iterator[str]:
    if any(getattr(words, name) not in (None, False) for name in _DISPLAY):
        yield '--display_* and html options are not needed: see web/index.html and TensorBoard'
    if words.use_wandb or words.wandb_project_name:
        yield '--use_wandb: metrics are in metrics.jsonl and for TensorBoard, nothing is uploaded'
    if words.epoch_count is not None:
        yield '--epoch_count is not needed: the run knows its epoch'
    if words.gpu_ids not in (None, '-1') and words.gpu_ids.strip('0,'):
        yield f'--gpu_ids {words.gpu_ids}: their number counts; choose by CUDA_VISIBLE_DEVICES'
