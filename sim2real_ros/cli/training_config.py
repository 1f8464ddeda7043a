"""From the arguments of `train` to the configuration of a run."""

import argparse

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.engine.configuration import changed_config, load_config
from sim2real_ros.training.engine.configuration_layers import Layer, option_layer
from sim2real_ros.training.engine.run_folder import RunFolder
from sim2real_ros.training.options import ScheduleOptions, TrainingConfig

_KEYS = {
    **{'data': 'data.root', 'sim': 'data.sim', 'real': 'data.real', 'crop': 'data.crop_size'},
    **{'load': 'data.load_size', 'generator': 'generator.name', 'batch_size': 'batch_size'},
    **{'seed': 'seed', 'precision': 'precision', 'minutes': 'schedule.max_minutes'},
}
"""The keys of the configuration that options of the command stand for."""

_CROPS_AFTER_SCALING = ('resize-and-crop', 'scale-width-and-crop')


def config_of(args: argparse.Namespace) -> TrainingConfig:
    """Return the configuration of a new run, or of a resumed one with its changes.

    Raises:
        ConfigError: The arguments exclude each other, or do not make sense.
        TrainingError: There is no run to resume.
    """
    if args.resume and (args.method or args.config or args.force):
        raise ConfigError('--resume goes on with what the run is: no METHOD, --config or --force.')
    chosen = [*_chosen(args), *args.overrides]
    if args.resume:
        config = changed_config(RunFolder(args.resume).read_config(), chosen)
    else:
        config = load_config(args.method, args.config, chosen)
        if args.crop and config.data.preprocess in _CROPS_AFTER_SCALING:
            around = option_layer('--crop', 'data.load_size', _load_size(*args.crop))
            config = load_config(args.method, args.config, chosen, beneath=[around])
    return changed_config(config, [*_length(args, config.schedule), *args.overrides])


def _chosen(args: argparse.Namespace) -> list[Layer]:
    """Return what was chosen; ``--set`` comes after it and wins."""
    values = {option: getattr(args, option) for option in _KEYS}
    names = {option: f'--{option.replace("_", "-")}' for option in _KEYS}
    return [option_layer(names[o], _KEYS[o], v) for o, v in values.items() if v is not None]


def _load_size(*crop_size: int) -> list[int]:
    """Return the size to scale to before a crop: 286/256 of it, as in CycleGAN, and even."""
    return [2 * -(-side * 286 // (2 * 256)) for side in crop_size]


def _length(args: argparse.Namespace, schedule: ScheduleOptions) -> list[Layer]:
    """Return what ``--epochs`` or ``--steps`` stands for; the share with a falling rate stays."""
    length, unit = (args.steps, 'steps') if args.steps else (args.epochs, 'epochs')
    if not length:
        return []
    falling = round(length * schedule.decay / (schedule.constant + schedule.decay))
    lengths = {'unit': unit, 'constant': length - falling, 'decay': falling}
    return [option_layer(f'--{unit}', 'schedule', lengths)]
