"""Generators of grey images as generators of RGB."""

import torch
from torch import nn

LUMA = (0.299, 0.587, 0.114)
"""Of R, G and B in a grey image: ITU-R BT.601, as Pillow and torchvision weigh them."""

HALF_RANGE = 127.5


class GreyGenerator(nn.Module):
    """A generator with one channel on one or both sides, for RGB on both.

    Attributes:
        size_multiple: Of the generator inside.
    """

    def __init__(self, generator: nn.Module, *, grey_input: bool) -> None:
        """Wrap a generator.

        Args:
            generator: (N, 1 or 3, H, W) in -1..1 to (N, 1 or 3, H, W).
            grey_input: Whether it takes one channel.
        """
        super().__init__()
        self.generator = generator
        self.grey_input = grey_input
        self.size_multiple = int(getattr(generator, 'size_multiple', 1))
        weight = torch.tensor(LUMA).reshape(1, 3, 1, 1)
        self.register_buffer('luma', weight, persistent=False)
        self.luma: torch.Tensor

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate (N, 3, H, W) in -1..1; grey is rounded to whole levels, as in image files."""
        if self.grey_input:
            grey = (image * self.luma).sum(dim=1, keepdim=True)
            image = ((grey + 1) * HALF_RANGE).round() / HALF_RANGE - 1
        translated: torch.Tensor = self.generator(image)
        return translated.expand(-1, 3, -1, -1)
