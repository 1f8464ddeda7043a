"""WeightAverage: a running average of a generator's weights (EMA), which is what is exported."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average: average = decay * average + (1 - decay) * weights.

    Buffers, such as running statistics of batch norm, are averages already and are copied. Until
    its start the average is a copy of the weights.

    Attributes:
        network: The averaged generator, in evaluation mode.
    """

    def __init__(self, generator: nn.Module, decay: float, start: int = 0) -> None:
        """Begin with a copy of the weights, on their device.

        Args:
            generator: The network in training; the average follows it.
            decay: Of the average, per step; 0 to below 1.
            start: Number of steps after which averaging begins.
        """
        self.network = copy.deepcopy(generator).eval().requires_grad_(False)
        self._generator = generator
        self._decay, self._start = decay, start

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take the weights into account, once after each step.

        Args:
            steps: Number of steps taken, this one included.
        """
        averaged: list[torch.Tensor] = list(self.network.parameters())
        weights: list[torch.Tensor] = list(self._generator.parameters())
        if steps <= self._start:
            torch._foreach_copy_(averaged, weights)
        else:
            torch._foreach_lerp_(averaged, weights, 1 - self._decay)
        for mine, theirs in zip(self.network.buffers(), self._generator.buffers(), strict=True):
            mine.copy_(theirs)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Let the generator in training have the averaged weights for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        # Pointers change places, so not a bit of either is lost.
        pairs = zip(_tensors(self.network), _tensors(self._generator), strict=True)
        for mine, theirs in pairs:
            mine.data, theirs.data = theirs.data, mine.data


def _tensors(network: nn.Module) -> Iterator[torch.Tensor]:
    yield from network.parameters()
    yield from network.buffers()
