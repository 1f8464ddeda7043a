"""Bring the names of weights into the form of pytorch-CycleGAN-and-pix2pix, and back.

That form is also the one of our own networks: ``model.1.weight``, ``model.10.conv_block.1.weight``
for ResNets, ``model.model.0.weight`` for U-Nets.
"""

import re
from collections.abc import Iterable, Mapping

from sim2real_ros.errors import ModelError
from sim2real_ros.training.checkpoint_import.checkpoint_file import Weights

_PARALLEL = re.compile(r'(^|\.)module\.')
_FIRST_RESNET, _FIRST_UNET = '.1.weight', '.model.0.weight'
_BLOCK = re.compile(r'model\.([0-9]+)\.(?:[A-Za-z_]\w*)\.([0-9]+)\.(\w+)')


def generator_weights(sets: Mapping[str, Weights], wanted: str = '') -> Weights:
    """Find the one generator among sets of weights, and name its weights in the original's way.

    Args:
        sets: As ``read_weights`` returns them.
        wanted: Name of the generator to take, where there are several, or the start of it.

    Raises:
        ModelError: There is no generator, or several.
    """
    found: dict[str, Weights] = {}
    for name, weights in sets.items():
        plain = {_PARALLEL.sub(r'\1', key): value for key, value in weights.items()}
        for root in _roots(plain):
            full = '.'.join(part for part in (name, root.removesuffix('model').strip('.')) if part)
            found[full] = _below(plain, root)
    chosen = {name: weights for name, weights in found.items() if name.startswith(wanted)}
    if wanted in chosen and wanted:
        return chosen[wanted]
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    raise ModelError(_complaint(sets, found, wanted))


def _roots(weights: Weights) -> list[str]:
    """List where sequences of layers begin whose first convolution is that of a generator."""
    return [
        *(_root(key, _FIRST_RESNET) for key in weights if _is_first(weights, key, 7)),
        *(_root(key, _FIRST_UNET) for key in weights if _is_first(weights, key, 4)),
    ]


def _is_first(weights: Weights, key: str, kernel: int) -> bool:
    shape = weights[key].shape
    if len(shape) != 4 or shape[1] not in (1, 3) or tuple(shape[2:]) != (kernel, kernel):
        return False
    if kernel == 7:
        return f'.{key}'.endswith(_FIRST_RESNET)
    # Discriminators begin alike, but nothing is nested in them.
    return (
        f'.{key}'.endswith(_FIRST_UNET) and f'{key[: -len("0.weight")]}1.model.1.weight' in weights
    )


def _root(key: str, ending: str) -> str:
    return f'.{key}'.removesuffix(ending).removeprefix('.')


def _below(weights: Weights, root: str) -> Weights:
    start = f'{root}.' if root else ''
    below = {
        f'model.{key.removeprefix(start)}': value
        for key, value in weights.items()
        if key.startswith(start)
    }
    return {_with_usual_block(key): value for key, value in below.items()}


def _with_usual_block(key: str) -> str:
    """Whatever others call the sequence inside a residual block, we call it conv_block."""
    match = _BLOCK.fullmatch(key)
    return f'model.{match[1]}.conv_block.{match[2]}.{match[3]}' if match else key


def _complaint(sets: Mapping[str, Weights], found: Iterable[str], wanted: str) -> str:
    names = sorted(name or '(top level)' for name in found)
    if len(names) > 1:
        of = f' that begin with {wanted!r}' if wanted else ''
        return f'The checkpoint has {len(names)} generators{of}: choose with --key: {names}.'
    if names:
        return f'The checkpoint has no generator {wanted!r}, only {names}.'
    if any(_is_discriminator(weights) for weights in sets.values()):
        return 'This is a discriminator: give the generator, such as latest_net_G_A.pth.'
    keys = [key[:80] for weights in sets.values() for key in weights][:4]
    return (
        'No generator of the CycleGAN, pix2pix or CUT programs in this checkpoint: expected names '
        f'such as model.1.weight or model.model.0.weight, found {keys!r}.'
    )


def _is_discriminator(weights: Weights) -> bool:
    first = weights.get('model.0.weight', weights.get('module.model.0.weight'))
    return first is not None and tuple(first.shape[2:]) in ((4, 4), (1, 1))
