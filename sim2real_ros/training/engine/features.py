"""Features of images by EfficientNet-Lite0: small, real, and installed like any package."""

from collections.abc import Iterable
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from sim2real_ros.training.networks.efficientnet_lite0 import MEAN, STD, load_efficientnet_lite0

Image = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]

FEATURES = 1280
"""Values that describe one image."""

PROTOCOL = 'EfficientNet-Lite0 (ImageNet), pooled 1280 features, 224x224 antialiased bicubic'
"""What a number that was computed from these features has to say beside itself."""

_SIDE_PX = 224


class FeatureExtractor:
    """The pooled features in front of the classifier of EfficientNet-Lite0, trained on ImageNet.

    Whole images are resized to 224x224 with an antialiased bicubic filter in float, whatever
    their aspect ratio, as clean-fid does: the way of resizing alone moves a distance more than
    many a method does, and cropping would hide the borders of the frames.

    Args:
        device: Where to compute.

    Raises:
        ModelError: The packages are not installed, or their weights are damaged.
    """

    def __init__(self, device: torch.device | str = 'cpu') -> None:
        """Load the network."""
        self.device = torch.device(device)
        self._network = load_efficientnet_lite0().to(self.device)

    def of_images(self, images: Iterable[Image], batch_size: int = 16) -> Features:
        """Compute the features of some images.

        Args:
            images: uint8 RGB (H, W, 3), of any sizes.
            batch_size: Images to compute at once; results do not depend on it but in rounding.

        Returns:
            float32 (N, 1280), not negative.
        """
        parts = [np.zeros((0, FEATURES), np.float32)]
        remaining = iter(images)
        while batch := list(islice(remaining, batch_size)):
            parts.append(self._features(torch.cat([self._resized(_tensor(i)) for i in batch])))
        return np.concatenate(parts)

    def of_tensor(self, images: torch.Tensor) -> Features:
        """Compute the features of one batch.

        Args:
            images: uint8 RGB (N, 3, H, W), on any device.

        Returns:
            float32 (N, 1280), not negative.
        """
        return self._features(self._resized(images))

    def _resized(self, images: torch.Tensor) -> torch.Tensor:
        """Return float32 (N, 3, 224, 224) of levels 0..255; bicubic overshoots are cut off."""
        return functional.interpolate(
            images.to(self.device).float(),
            (_SIDE_PX, _SIDE_PX),
            mode='bicubic',
            align_corners=False,
            antialias=True,
        ).clamp(0, 255)

    @torch.no_grad()
    def _features(self, levels: torch.Tensor) -> Features:
        maps = self._network.extract_features((levels - MEAN) / STD)
        features: Features = maps.mean(dim=(2, 3)).float().cpu().numpy()
        return features


def _tensor(image: Image) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
