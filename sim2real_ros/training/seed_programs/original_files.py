"""The files that users of the original programs look for in an experiment's folder."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sim2real_ros.files import write_atomically
from sim2real_ros.training.checkpoint_import.checkpoint_file import Weights
from sim2real_ros.training.checkpoint_import.original_weights import original_weights
from sim2real_ros.training.engine.checkpoint import Checkpoint, load_tensors
from sim2real_ros.training.engine.checkpoint_mark import NETWORKS
from sim2real_ros.training.engine.training_state import (
    build_method,
    load_weights,
    tensors_below,
)
from sim2real_ros.training.options import TrainingConfig

NETWORK_NAMES = {
    'sim_to_real': 'G_A',
    'real_to_sim': 'G_B',
    'discriminator_real': 'D_A',
    'discriminator_sim': 'D_B',
    'generator': 'G',
    'discriminator': 'D',
    'sampler': 'F',
}
"""Our networks' names -> the original's."""

LOSS_NAMES = {
    'adversarial_real': 'G_A',
    'adversarial_sim': 'G_B',
    'cycle_sim': 'cycle_A',
    'cycle_real': 'cycle_B',
    'identity_real': 'idt_A',
    'identity_sim': 'idt_B',
    'discriminator_real': 'D_A',
    'discriminator_sim': 'D_B',
    'adversarial': 'G_GAN',
    'l1': 'G_L1',
    'patch_nce': 'NCE',
    'patch_nce_identity': 'NCE_Y',
    'discriminator': 'D',
}
"""Our losses' names -> the original's, where it has them."""


def write_weights(
    folder: Path, config: TrainingConfig, checkpoint: Checkpoint, labels: list[str]
) -> list[Path]:
    """Write the networks of a checkpoint as ``<label>_net_<name>.pth``.

    Args:
        folder: Of the experiment.
        config: Of the run.
        checkpoint: Whose networks.
        labels: Such as ``latest`` and ``5``.

    Returns:
        The files.

    Raises:
        TrainingError: The checkpoint is damaged.
        DataError: The disk refuses.
    """
    method = build_method(config)
    tensors = tensors_below(NETWORKS, load_tensors(checkpoint.path))
    load_weights(method.networks, tensors, 'networks')
    written = []
    for name, network in method.networks.items():
        if name not in NETWORK_NAMES:
            continue
        content = io.BytesIO()
        torch.save(_with_original_keys(original_weights(network)), content)
        for label in labels:
            path = folder / f'{label}_net_{NETWORK_NAMES[name]}.pth'
            write_atomically(path, content.getvalue())
            written.append(path)
    return written


def _with_original_keys(weights: Weights) -> Weights:
    """Name the heads of CUT's netF as it does: ``heads.0.2.weight`` -> ``mlp_0.2.weight``."""
    return {
        f'mlp_{key.removeprefix("heads.")}' if key.startswith('heads.') else key: value.clone()
        for key, value in weights.items()
    }


def options_text(words: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return the content of ``train_opt.txt``.

    Args:
        words: Option -> value; None stands for what was left to the method.
        defaults: Likewise, of options that were not given.
    """
    lines = ['----------------- Options ---------------']
    for name, value in sorted(words.items()):
        default = defaults.get(name)
        note = '' if value == default else f'\t[default: {default}]'
        lines.append(f'{name:>25}: {value!s:<30}{note}')
    return '\n'.join([*lines, '----------------- End -------------------', ''])


def loss_line(
    epoch: int, images: int, seconds_per_image: float, losses: Mapping[str, float | None]
) -> str:
    """Return a line of ``loss_log.txt``.

    Args:
        epoch: Counted from 1.
        images: Seen in this epoch.
        seconds_per_image: Of everything; batches are prepared meanwhile, so ``data`` is 0.
        losses: By our names, as they enter the sum; None = no number.
    """
    text = f'(epoch: {epoch}, iters: {images}, time: {seconds_per_image:.3f}, data: 0.000) '
    for name, value in losses.items():
        shown = 'nan' if value is None else f'{value:.3f}'
        text += f'{LOSS_NAMES.get(name, name)}: {shown} '
    return text
