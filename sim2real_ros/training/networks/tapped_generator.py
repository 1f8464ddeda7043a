"""Features inside a generator, as the contrastive loss of CUT compares them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.networks.image_size import check_size


class TappedGenerator(nn.Module, ABC):
    """A generator that begins with a sequence of modules whose outputs can be asked for.

    Attributes:
        size_multiple: Of height and width.
        minimum_size: Of height and width, in pixels.
        feature_layers: Numbers of the modules that are usually asked for.
        module_channels: Channels of each module's output.
    """

    size_multiple: int
    minimum_size: int = 1
    feature_layers: tuple[int, ...]
    module_channels: list[int]

    @abstractmethod
    def feature_modules(self) -> nn.Sequential:
        """Return the modules that ``encode`` numbers."""

    def encode(self, image: torch.Tensor, layers: Sequence[int]) -> list[torch.Tensor]:
        """Compute features, no further than the last that is asked for.

        Args:
            image: (N, 3, H, W) in -1..1.
            layers: Ascending numbers of modules.

        Returns:
            The output of each of these modules, (N, C, h, w).

        Raises:
            ConfigError: There are no such modules, or the image's size does not suit.
        """
        self._check_layers(layers)
        check_size(image, self.size_multiple, self.minimum_size)
        features: list[torch.Tensor] = []
        value = image
        for index, module in enumerate(self.feature_modules()[: layers[-1] + 1]):
            # Nothing may overwrite a feature that was handed out.
            if features and value is features[-1] and getattr(module, 'inplace', False):
                value = value.clone()
            value = module(value)
            if index in layers:
                features.append(value)
        return features

    def feature_channels(self, layers: Sequence[int]) -> list[int]:
        """Return C of each of the layers, as ``encode`` takes them.

        Raises:
            ConfigError: There are no such modules.
        """
        self._check_layers(layers)
        return [self.module_channels[layer] for layer in layers]

    def _check_layers(self, layers: Sequence[int]) -> None:
        count = len(self.module_channels)
        ascending = all(a < b for a, b in pairwise(layers))
        if not layers or not ascending or layers[0] < 0 or layers[-1] >= count:
            raise ConfigError(
                f'feature layers {list(layers)!r} do not suit this generator: name one or more '
                f'of its modules 0..{count - 1}, in ascending order'
            )
