"""Build the generator that a checkpoint belongs to, and load it."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from sim2real_ros.errors import ConfigError, ModelError
from sim2real_ros.training.checkpoint_import.architecture import Architecture, Norm, detect
from sim2real_ros.training.checkpoint_import.checkpoint_file import Weights, read_weights
from sim2real_ros.training.checkpoint_import.grey import GreyGenerator
from sim2real_ros.training.checkpoint_import.original_names import generator_weights
from sim2real_ros.training.checkpoint_import.original_weights import BLUR_KERNELS
from sim2real_ros.training.networks import build_generator

GENERATOR_NAMES = ('auto', 'resnet_9blocks', 'resnet_6blocks', 'unet_256', 'unet_128')
_STATISTICS = ('running_mean', 'running_var', 'num_batches_tracked')


@dataclass(frozen=True)
class LoadOptions:
    """What the user knows about a checkpoint; everything is found out where it is left open.

    Attributes:
        generator: One of GENERATOR_NAMES; other than 'auto', it is checked.
        norm: 'auto', or the normalisation.
        dropout: False = there is none, which is checked; True = a U-Net gets it, whose weights
            do not tell; None = find out. It matters in training mode only.
        key: Name of the generator, or the start of it, in a file with several.
        batch_norm: Statistics that batch normalisation uses: ``image`` = those of the image
            itself, as the original test program does unless it is given --eval; ``stored`` = those
            of training.
    """

    generator: str = 'auto'
    norm: Literal['auto', 'instance', 'batch', 'none'] = 'auto'
    dropout: bool | None = None
    key: str = ''
    batch_norm: Literal['image', 'stored'] = 'image'

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ConfigError: No such generator is known.
        """
        if self.generator not in GENERATOR_NAMES:
            raise ConfigError(
                f'Unknown generator {self.generator!r}: expected {", ".join(GENERATOR_NAMES)}.'
            )


@dataclass(frozen=True, eq=False)
class LoadedGenerator:
    """A generator with the weights of a checkpoint.

    Attributes:
        generator: (N, 3, H, W) float32 RGB in -1..1 to the same, in evaluation mode.
        architecture: What it was recognised as.
    """

    generator: nn.Module
    architecture: Architecture


def load_generator_checkpoint(
    path: str | Path, options: LoadOptions | None = None
) -> LoadedGenerator:
    """Load a generator of the original CycleGAN, pix2pix or CUT programs.

    Args:
        path: Such as ``latest_net_G_A.pth``; nothing in it is run.
        options: What is known about it.

    Raises:
        ModelError: The file is refused, or holds no such generator.
    """
    options = options or LoadOptions()
    weights = generator_weights(read_weights(path), options.key)
    norm: Norm | None = None if options.norm == 'auto' else options.norm
    _check_amount(weights, Path(path).stat().st_size)
    architecture = detect(weights, norm)
    if options.dropout and architecture.options.name == 'unet':
        with_dropout = replace(architecture.options, dropout=True)
        architecture = replace(architecture, options=with_dropout)
    _check_expectations(architecture, options)
    # Without memory for the weights first: a few large shapes could ask for more than there is.
    with torch.device('meta'):
        _load(build_original(architecture), weights, architecture)
    generator = build_original(architecture)
    _load(generator, weights, architecture)
    if architecture.options.norm == 'batch' and options.batch_norm == 'image':
        _replace(generator, nn.BatchNorm2d, _with_statistics_of_the_image)
    if (architecture.input_channels, architecture.output_channels) != (3, 3):
        generator = GreyGenerator(generator, grey_input=architecture.input_channels == 1)
    return LoadedGenerator(generator.eval(), architecture)


def build_original(architecture: Architecture) -> nn.Module:
    """Build a generator of the original programs, before its weights are loaded.

    Returns:
        (N, input_channels, H, W) in -1..1 to (N, output_channels, H, W); where these are not 3,
        the outermost convolutions are zeros.

    Raises:
        ModelError: It has neither 1 nor 3 channels on a side.
    """
    channels = (architecture.input_channels, architecture.output_channels)
    if not {1, 3}.issuperset(channels):
        raise ModelError(f'The generator has {channels} channels, expected 1 or 3 on each side.')
    generator = build_generator(architecture.options)
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    convolutions = [module for module in generator.modules() if isinstance(module, kinds)]
    if channels != (3, 3):
        _set_channels(convolutions[0], incoming=channels[0])
        _set_channels(convolutions[-1], outgoing=channels[1])
    if architecture.affine:
        _replace(generator, nn.InstanceNorm2d, _with_weights)
    return generator


def _check_expectations(architecture: Architecture, options: LoadOptions) -> None:
    found = architecture.original_name
    if options.generator not in ('auto', found):
        raise ModelError(f'The checkpoint holds a {found}, not a {options.generator}.')
    if options.dropout is False and architecture.options.dropout:
        raise ModelError('The generator was trained with dropout: leave out --no-dropout.')


def _check_amount(weights: Weights, file_bytes: int) -> None:
    """Refuse weights that are not numbers, or share so much that they were never a generator's."""
    for key, value in weights.items():
        if not value.is_floating_point() and not key.endswith('num_batches_tracked'):
            raise ModelError(
                f'The weights {key[:200]!r} are {value.dtype}, expected real numbers.'
            )
    claimed = sum(value.nbytes for value in weights.values())
    if claimed > file_bytes:
        raise ModelError(
            f'The weights claim {claimed} bytes, more than the {file_bytes} of their file.'
        )


def _load(generator: nn.Module, weights: Weights, architecture: Architecture) -> None:
    state = {key: value for key, value in weights.items() if not key.endswith('.filt')}
    for key in weights.keys() - state.keys():
        _check_blur(key, weights[key])
    if architecture.options.norm != 'batch':
        state = {k: v for k, v in state.items() if k.rpartition('.')[2] not in _STATISTICS}
    if architecture.options.norm == 'none':
        # The original has no biases there; ours start at 0.
        own = generator.state_dict()
        state = {**{k: torch.zeros_like(v) for k, v in own.items() if k.endswith('bias')}, **state}
    try:
        with warnings.catch_warnings():
            # That weights are not copied into a generator without memory.
            warnings.simplefilter('ignore')
            generator.load_state_dict(state)
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:500]
        raise ModelError(
            f'The weights do not fit a {architecture.original_name} ({architecture}): {reason}'
        ) from error


def _check_blur(key: str, kernel: torch.Tensor) -> None:
    """Refuse anti-aliasing with other kernels than CUT's, which ours are."""
    known = BLUR_KERNELS.get(kernel.shape[-1]) if kernel.dim() == 4 else None
    if (
        known is None
        or kernel.shape[2:] != known.shape
        or not torch.allclose(kernel, known.to(kernel.dtype))
    ):
        raise ModelError(f'{key!r} is no kernel of CUT: expected 1 2 1 or 1 3 3 1 both ways.')


def _set_channels(convolution: nn.Module, *, incoming: int = 0, outgoing: int = 0) -> None:
    """Make room for weights of another number of channels; 0 = as it is."""
    assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d)
    convolution.in_channels = incoming or convolution.in_channels
    convolution.out_channels = outgoing or convolution.out_channels
    channels = (convolution.out_channels, convolution.in_channels)
    if isinstance(convolution, nn.ConvTranspose2d):
        channels = channels[::-1]
    kernel = convolution.weight.shape[2:]
    convolution.weight = nn.Parameter(torch.zeros(*channels, *kernel))
    if convolution.bias is not None:
        convolution.bias = nn.Parameter(torch.zeros(convolution.out_channels))


def _replace(
    generator: nn.Module, kind: type[nn.Module], change: Callable[[nn.Module], nn.Module]
) -> None:
    for module in list(generator.modules()):
        for name, child in module.named_children():
            if isinstance(child, kind):
                setattr(module, name, change(child))


def _with_weights(norm: nn.Module) -> nn.Module:
    assert isinstance(norm, nn.InstanceNorm2d)
    return nn.InstanceNorm2d(norm.num_features, affine=True)


def _with_statistics_of_the_image(norm: nn.Module) -> nn.Module:
    """Batch norm in training mode on a batch of one image is instance norm."""
    assert isinstance(norm, nn.BatchNorm2d)
    result = nn.InstanceNorm2d(norm.num_features, norm.eps, affine=True)
    result.load_state_dict({'weight': norm.weight, 'bias': norm.bias})
    return result
