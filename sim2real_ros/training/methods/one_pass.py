"""One pass: several batches through one network at the price of one, where that is exact."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def in_one_pass(network: nn.Module, *batches: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return what the network makes of each batch, from a single forward pass where possible.

    Batch norm mixes the images of a batch, so networks that have it, and batches of different
    sizes, go through one by one, in the order given.

    Args:
        network: From a tensor (N, ...) to a tensor (N, ...).
        batches: (N, C, H, W) each.
    """
    if mixes_images(network) or len({each.shape[1:] for each in batches}) > 1:
        return tuple(network(each) for each in batches)
    return torch.split(network(torch.cat(batches)), [len(each) for each in batches])


def logits_in_one_pass(
    network: nn.Module, *batches: torch.Tensor
) -> tuple[torch.Tensor | list[torch.Tensor], ...]:
    """Do the same for a discriminator, whose answer may be several maps."""
    if mixes_images(network) or len({each.shape[1:] for each in batches}) > 1:
        return tuple(network(each) for each in batches)
    logits = network(torch.cat(batches))
    counts = [len(each) for each in batches]
    if isinstance(logits, torch.Tensor):
        return torch.split(logits, counts)
    per_scale = [torch.split(each, counts) for each in logits]
    return tuple(list(maps) for maps in zip(*per_scale, strict=True))


def mixes_images(network: nn.Module) -> bool:
    """Tell whether an image's result depends on the others of its batch in training."""
    return any(isinstance(module, _BatchNorm) for module in network.modules())
