"""A module used by one network and owned by another."""

import torch
from torch import nn


class Borrowed(nn.Module):
    """Compute with a module that another network owns.

    The owner's parameters, state dict and moves between devices include the module; the
    borrower's do not, so that weights in common are counted, saved and updated once. Both must be
    parts of what is moved or copied as a whole.
    """

    def __init__(self, module: nn.Module) -> None:
        """Refer to a module of one input and one output."""
        super().__init__()
        # A tuple hides it from torch, which would register it here too.
        self._owned_elsewhere = (module,)

    @property
    def module(self) -> nn.Module:
        """The module that does the work."""
        return self._owned_elsewhere[0]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return what the module makes of its input."""
        result: torch.Tensor = self.module(features)
        return result
