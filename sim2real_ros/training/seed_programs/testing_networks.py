"""Load the generators of an experiment for testing, as the original test program does."""

from argparse import Namespace
from pathlib import Path

from torch import nn

from sim2real_ros.errors import ModelError
from sim2real_ros.training.checkpoint_import import LoadOptions, load_generator_checkpoint
from sim2real_ros.training.checkpoint_import.architecture import Architecture
from sim2real_ros.training.seed_programs.experiment import Say


def load_network(folder: Path, name: str, words: Namespace, say: Say) -> nn.Module:
    """Load ``<epoch>_net_<name>.pth``.

    Unless ``--eval`` is given, batch norm uses the image's own statistics and dropout stays on,
    as in the original program.

    Args:
        folder: Of the experiment.
        name: Such as ``G_A``.
        words: As ``parser_for_testing`` reads them.
        say: Shows a line to the user.

    Raises:
        ModelError: There is no such file, it is refused, or the words say something else of it.
    """
    path = folder / f'{words.epoch}_net_{name}.pth'
    if not path.is_file():
        raise ModelError(_missing(folder, path, words.model))
    loaded = load_generator_checkpoint(
        path,
        LoadOptions(
            generator=words.netG or 'auto',
            norm=words.norm or 'auto',
            dropout=not words.no_dropout,
            batch_norm='stored' if words.eval else 'image',
        ),
    )
    _check(loaded.architecture, words)
    say(f'loading the model from {path}: {loaded.architecture}')
    network = loaded.generator
    if not (words.eval or words.no_dropout):
        _switch_dropout_on(network)
    return network


def _missing(folder: Path, path: Path, model: str) -> str:
    if not folder.is_dir():
        return f'No experiment at {str(folder)!r}: check --checkpoints_dir and --name.'
    others = sorted(each.name for each in folder.glob('*_net_G*.pth'))
    advice = 'check --epoch and --model.'
    if model == 'test':
        first = any(each.endswith('_G_A.pth') for each in others)
        hint = ' (try --model_suffix _A)' if first else ''
        advice = f'check --epoch, --model and --model_suffix{hint}.'
    return f'No weights at {str(path)!r}; the folder has {others or "no generators"}: {advice}'


def _check(architecture: Architecture, words: Namespace) -> None:
    """Compare what was said of the network with what it is.

    Raises:
        ModelError: They differ.
    """
    facts = {
        'ngf': architecture.options.filters,
        'input_nc': architecture.input_channels,
        'output_nc': architecture.output_channels,
    }
    for name, value in facts.items():
        told = getattr(words, name)
        if told not in (None, value):
            raise ModelError(f'--{name} {told}: the weights are of a generator with {value}.')


def _switch_dropout_on(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.train()
