"""FeatureExtractor: a network that describes an image by a row of numbers."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

RgbImage = npt.NDArray[np.uint8]
Prepared = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]


class FeatureExtractor(Protocol):
    """Describes images by rows of numbers; distances between sets of images rest on these.

    Both methods may be called in several threads at once.

    Attributes:
        key: Part of the quantities' keys: ``efficientnet_lite0`` in ``kid_efficientnet_lite0``.
        protocol: What a number has to say beside itself to be comparable: network, checksum of
            the weights, resizing, versions.
        size: (width, height) in pixels that images are resized to.
        dimensions: Length of a row.
        is_fid: Whether these are the features that FID and KID are defined on (Inception's);
            distances on any others must not bear those names.
    """

    @property
    def key(self) -> str:
        """See Attributes."""

    @property
    def protocol(self) -> str:
        """See Attributes."""

    @property
    def size(self) -> tuple[int, int]:
        """See Attributes."""

    @property
    def dimensions(self) -> int:
        """See Attributes."""

    @property
    def is_fid(self) -> bool:
        """See Attributes."""

    def prepare(self, rgb: RgbImage) -> Prepared:
        """Resize and normalise one image.

        Args:
            rgb: uint8 (H, W, 3), RGB, of any size.

        Returns:
            float32, one image of a batch as the network takes it.
        """

    def features(self, prepared: Prepared) -> Features:
        """Compute the features of a batch.

        Args:
            prepared: float32 (N, ...), stacked results of ``prepare``.

        Returns:
            float32 (N, dimensions), finite.

        Raises:
            BackendError: The network failed or gave something that is not finite.
        """

    def of_image(self, rgb: RgbImage) -> Features:
        """Compute the features of one image.

        Args:
            rgb: uint8 (H, W, 3), RGB, of any size.

        Returns:
            float32 (dimensions,).
        """
