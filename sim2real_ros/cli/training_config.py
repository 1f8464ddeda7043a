"""From the arguments of `train` to the configuration of a run."""

import argparse
import json

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.engine.configuration import changed_config, load_config
from sim2real_ros.training.engine.run_folder import RunFolder
from sim2real_ros.training.options import ScheduleOptions, TrainingConfig

_KEYS = {
    **{'data': 'data.root', 'sim': 'data.sim', 'real': 'data.real', 'crop': 'data.crop_size'},
    **{'generator': 'generator.name', 'batch_size': 'batch_size', 'seed': 'seed'},
    **{'precision': 'precision', 'minutes': 'schedule.max_minutes'},
}
"""The keys of the configuration that options of the command stand for."""


def config_of(args: argparse.Namespace) -> TrainingConfig:
    """Return the configuration of a new run, or of a resumed one with its changes.

    Raises:
        ConfigError: The arguments exclude each other, or do not make sense.
        TrainingError: There is no run to resume.
    """
    if args.resume and (args.method or args.config or args.force):
        raise ConfigError('--resume goes on with what the run is: no METHOD, --config or --force.')
    chosen = _chosen(args)
    if args.resume:
        config = changed_config(RunFolder(args.resume).read_config(), chosen)
    else:
        config = load_config(args.method, args.config, chosen)
    return changed_config(config, [*_length(args, config.schedule), *args.overrides])


def _chosen(args: argparse.Namespace) -> list[str]:
    """Return what was chosen as ``key=value``; ``--set`` comes last and wins."""
    values = {key: getattr(args, option) for option, key in _KEYS.items()}
    # JSON is YAML in which no text is taken for something else.
    texts = {k: json.dumps(v, ensure_ascii=False) for k, v in values.items() if v is not None}
    return [*(f'{key}={text}' for key, text in texts.items()), *args.overrides]


def _length(args: argparse.Namespace, schedule: ScheduleOptions) -> list[str]:
    """Return what ``--epochs`` or ``--steps`` stands for; the share with a falling rate stays."""
    length, unit = (args.steps, 'steps') if args.steps else (args.epochs, 'epochs')
    if not length:
        return []
    falling = round(length * schedule.decay / (schedule.constant + schedule.decay))
    lengths = {'constant': length - falling, 'decay': falling}
    return [f'schedule.unit={unit}', *(f'schedule.{key}={n}' for key, n in lengths.items())]
