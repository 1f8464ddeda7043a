"""Freezing: networks that judge while others learn."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """Compute no gradients of these networks' weights inside; those of their inputs still flow.

    Only what was learning before learns again afterwards, even when an error ends the block.

    Args:
        modules: Such as the discriminators while the generators learn.
    """
    learning = [each for module in modules for each in module.parameters() if each.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
