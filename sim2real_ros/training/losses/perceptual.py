"""Perceptual loss: deep features keep the content, whatever the colours (UNIT)."""

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from torch.nn import functional
from torchvision.models import vgg16  # type: ignore[import-untyped]

from sim2real_ros.errors import ModelError
from sim2real_ros.training.losses.region import Region, at_least_float32, weighted_mean
from sim2real_ros.training.networks.image_size import check_size

VggInput = Literal['torchvision', 'caffe']
"""What a VGG was trained on, so what its weights expect: ``torchvision`` = RGB, 0..1, minus mean,
divided by standard deviation; ``caffe`` = BGR, 0..255, minus mean (as in the original UNIT)."""

_LAYERS_UP_TO_RELU5_3 = 30
_MINIMUM_SIZE_PX = 32
"""Features of fewer pixels have no deviation that they could be divided by."""
_MAX_BYTES = 2**30
_ADVICE = (
    "expected a state dict of torchvision's vgg16 (tensors 'features.0.weight' to "
    "'features.28.bias'), such as vgg16-397923af.pth; set vgg_weights to such a file, or to '' "
    'to train without the perceptual loss'
)
_READ_ERRORS = (
    *(OSError, RuntimeError, ValueError, EOFError, TypeError, LookupError, AttributeError),
    *(AssertionError, MemoryError, struct.error, pickle.UnpicklingError),
)
"""What torch was seen to raise for damaged files; it promises nothing."""
# (mean, standard deviation) of RGB values of 0..1.
_STATISTICS = {
    'torchvision': ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    'caffe': ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)),
}


class VggFeatures(nn.Module):
    """VGG16 up to the ReLU after its last convolution (relu5_3): 512 channels at 1/16 size.

    Its weights are constants: they are no part of a checkpoint, and never learn.
    """

    def __init__(
        self, weights: Mapping[str, torch.Tensor], expects: VggInput = 'torchvision'
    ) -> None:
        """Build it.

        Args:
            weights: By their names in torchvision's ``vgg16().features``.
            expects: What they were trained on.
        """
        super().__init__()
        self.layers = _empty_layers()
        self.layers.load_state_dict(weights, assign=True)
        self.requires_grad_(False)
        self._bgr = expects == 'caffe'
        mean, deviation = (torch.tensor(v).reshape(1, 3, 1, 1) for v in _STATISTICS[expects])
        # From -1..1 in one step.
        self.register_buffer('scale', 0.5 / deviation)
        self.register_buffer('shift', (0.5 - mean) / deviation)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the features of (N, 3, H, W) RGB in -1..1 as (N, 512, H // 16, W // 16).

        Raises:
            ConfigError: H or W is less than 32.
        """
        check_size(image, 1, _MINIMUM_SIZE_PX)
        scaled = image * self.get_buffer('scale') + self.get_buffer('shift')
        features: torch.Tensor = self.layers(scaled.flip(1) if self._bgr else scaled)
        return features


def vgg_shapes() -> dict[str, list[int]]:
    """Return the shapes of the weights that ``VggFeatures`` takes, by name."""
    return {name: list(each.shape) for name, each in _empty_layers().state_dict().items()}


def load_vgg(path: str | Path, expects: VggInput = 'torchvision') -> VggFeatures:
    """Read VGG16's weights from a file; nothing is ever downloaded.

    Args:
        path: What ``torch.save(torchvision.models.vgg16(...).state_dict(), path)`` writes, for
            example torchvision's own vgg16-397923af.pth. It is read without unpickling code.
        expects: What these weights were trained on.

    Raises:
        ModelError: The file cannot be read, or holds something else.
    """
    found, weights = _read(Path(path)), {}
    for name, shape in vgg_shapes().items():
        value = found.get(f'features.{name}') if isinstance(found, dict) else None
        if not isinstance(value, torch.Tensor) or list(value.shape) != shape:
            shown = list(value.shape) if isinstance(value, torch.Tensor) else None
            raise ModelError(
                f"{str(path)!r} is no VGG16: 'features.{name}' has shape {shown}, not {shape}; "
                f'{_ADVICE}.'
            )
        weights[name] = value.float()
    return VggFeatures(weights, expects)


def _empty_layers() -> nn.Sequential:
    # Without memory: torchvision's whole network would take half a gigabyte of it.
    with torch.device('meta'):
        layers: nn.Sequential = vgg16(weights=None).features[:_LAYERS_UP_TO_RELU5_3].eval()
    return layers


def perceptual_loss(
    features: nn.Module,
    image: torch.Tensor,
    content: torch.Tensor,
    region: Region | None = None,
) -> torch.Tensor:
    """Return how much two images differ in instance-normalised deep features.

    The normalisation takes away each channel's mean and contrast, and with them much of what is
    style (mingyuliutw/UNIT, ``vgg_w``).

    Args:
        features: Such as ``VggFeatures``, from (N, 3, H, W) in -1..1 to (N, C, h, w).
        image: (N, 3, H, W), RGB, -1..1.
        content: Likewise, what ``image`` was made from; no gradient flows to it.
        region: Where to look; None = everywhere.

    Returns:
        Scalar: the mean squared difference.
    """
    with torch.no_grad():
        wanted = features(content)
    difference = _normalised(features(image)) - _normalised(wanted)
    return weighted_mean(difference.square(), region)


def _normalised(features: torch.Tensor) -> torch.Tensor:
    return functional.instance_norm(at_least_float32(features))


def _read(path: Path) -> object:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError(f'{str(path)!r} is larger than any VGG16; {_ADVICE}.')
        return torch.load(path, map_location='cpu', weights_only=True)
    except _READ_ERRORS as error:
        reason = ' '.join(str(error).split())[:200]
        raise ModelError(f'Cannot read VGG16 from {str(path)!r}: {reason}; {_ADVICE}.') from error
