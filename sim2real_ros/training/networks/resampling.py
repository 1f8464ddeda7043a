"""Halving and doubling of feature maps: strided, anti-aliased, or resized and convolved."""

from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

Downsampling = Literal['stride', 'blur']
Upsampling = Literal['transpose', 'resize', 'blur']


class BinomialBlur(nn.Module):
    """Blur (N, C, H, W) by the outer product of (1, 2, 1) / 4 with itself, the border reflected.

    Patterns with a period of two pixels vanish, at the border too. Nothing of it is learned, and
    nothing of it is in a checkpoint.
    """

    stride = 1
    kernel: torch.Tensor

    def __init__(self) -> None:
        """Build it for any number of channels."""
        super().__init__()
        self.register_buffer('kernel', _kernel((1, 2, 1)) / 16, persistent=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Blur; the result has the precision of the input."""
        device = features.device.type
        if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
            return self._blurred(features)
        # Convolutions of single channels are several times slower in bfloat16 than in float32.
        with torch.autocast(device, enabled=False):
            return self._blurred(features.float()).to(features.dtype)

    def _blurred(self, features: torch.Tensor) -> torch.Tensor:
        channels = features.shape[1]
        padded = functional.pad(features, (1, 1, 1, 1), mode='reflect')
        kernel = self.kernel.expand(channels, 1, 3, 3)
        return functional.conv2d(padded, kernel, stride=self.stride, groups=channels)


class BlurPool(BinomialBlur):
    """Halve (N, C, H, W) after a binomial blur; odd sizes are rounded up.

    The anti-aliased downsampling of R. Zhang, "Making Convolutional Networks Shift-Invariant
    Again" (2019), as CUT uses it.
    """

    stride = 2

    def _load_from_state_dict(
        self, state_dict: dict[str, torch.Tensor], prefix: str, *rest: Any
    ) -> None:
        _drop_kernel(state_dict, f'{prefix}filt', self.kernel)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class BlurUpsample(nn.Upsample):
    """Double (N, C, H, W) with the kernel (1, 3, 3, 1) / 4, which is bilinear interpolation."""

    def __init__(self) -> None:
        """Build it for any number of channels."""
        super().__init__(scale_factor=2, mode='bilinear', align_corners=False)

    def _load_from_state_dict(
        self, state_dict: dict[str, torch.Tensor], prefix: str, *rest: Any
    ) -> None:
        _drop_kernel(state_dict, f'{prefix}filt', _kernel((1, 3, 3, 1)) / 16)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _kernel(taps: tuple[int, ...]) -> torch.Tensor:
    line = torch.tensor(taps, dtype=torch.float32)
    return line[:, None] * line


def _drop_kernel(state: dict[str, torch.Tensor], name: str, kernel: torch.Tensor) -> None:
    """Forget the constant that CUT's checkpoints carry; another one stays, and is refused."""
    found = state.get(name)
    if found is not None and found.shape[2:] == kernel.shape and bool((found == kernel).all()):
        del state[name]


def doubling(
    kind: Upsampling, channels: int, filters: int, *, bias: bool, kernel: int = 3
) -> list[nn.Module]:
    """Build the layers that double height and width while they change the channels.

    Args:
        kind: ``transpose``, ``resize`` = nearest neighbours and a 3x3 convolution with reflected
            border (the remedy of CycleGAN's authors against checkerboards), ``blur`` = bilinear
            and a 3x3 convolution (CUT).
        channels: Of the input.
        filters: Of the output.
        bias: Whether the convolution has one.
        kernel: Of the transposed convolution: 3 (CycleGAN) or 4 (pix2pix).
    """
    if kind == 'transpose':
        extra = 1 if kernel == 3 else 0
        return [
            nn.ConvTranspose2d(
                channels, filters, kernel, 2, padding=1, output_padding=extra, bias=bias
            )
        ]
    if kind == 'blur':
        return [BlurUpsample(), nn.Conv2d(channels, filters, 3, padding=1, bias=bias)]
    return [
        nn.Upsample(scale_factor=2, mode='nearest'),
        nn.ReflectionPad2d(1),
        nn.Conv2d(channels, filters, 3, bias=bias),
    ]
