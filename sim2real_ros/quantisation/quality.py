"""How far the images of a quantised model are from those of its float model."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

RgbImage = NDArray[np.uint8]

MAX_PSNR_DB = 100.0
"""Of equal images, whose true value is infinite."""

CANNY_THRESHOLDS = (100, 200)


@dataclass(frozen=True)
class ImageLoss:
    """What one image lost.

    Attributes:
        mean_levels: Mean absolute difference over all values, in levels of 0..255.
        max_levels: Largest difference of any value.
        squared_error: Mean squared difference.
        edges_kept: Edge pixels of the float image that have one of the other within a pixel.
        edges_of_float: Edge pixels of the float image.
        edges_true: Edge pixels of the other image that have one of the float image within a pixel.
        edges_found: Edge pixels of the other image.
    """

    mean_levels: float
    max_levels: int
    squared_error: float
    edges_kept: int
    edges_of_float: int
    edges_true: int
    edges_found: int


def image_loss(of_float: RgbImage, image: RgbImage) -> ImageLoss:
    """Compare an image with that of the float model.

    Args:
        of_float: uint8 (H, W, 3), RGB.
        image: The same shape.
    """
    difference = np.abs(of_float.astype(np.int32) - image)
    edges_of_float, edges = _edges(of_float), _edges(image)
    return ImageLoss(
        float(difference.mean()),
        int(difference.max()),
        float(np.square(difference).mean()),
        _near(edges_of_float, edges),
        int(np.count_nonzero(edges_of_float)),
        _near(edges, edges_of_float),
        int(np.count_nonzero(edges)),
    )


def _edges(rgb: RgbImage) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.Canny(grey, *CANNY_THRESHOLDS), np.uint8)


def _near(edges: NDArray[np.uint8], others: NDArray[np.uint8]) -> int:
    """Count edge pixels that have one of the others among themselves and their 8 neighbours."""
    around = cv2.dilate(others, np.ones((3, 3), np.uint8))
    return int(np.count_nonzero(np.bitwise_and(edges, around)))


@dataclass(frozen=True)
class QualityLoss:
    """What some images lost.

    Attributes:
        mean_levels: Mean absolute difference over all images, in levels of 0..255.
        worst_mean_levels: Of the image that lost most.
        max_levels: Largest difference of any value of any image.
        psnr_db: Peak signal-to-noise ratio over all images, at most ``MAX_PSNR_DB``.
        worst_psnr_db: Of the image that lost most.
        edge_agreement: F1 of the edges (Canny) over all images, 0..1: how many edge pixels of
            either model have one of the other within a pixel. 1 where there are no edges at all.
    """

    mean_levels: float
    worst_mean_levels: float
    max_levels: int
    psnr_db: float
    worst_psnr_db: float
    edge_agreement: float

    @classmethod
    def of_images(cls, losses: Iterable[ImageLoss]) -> 'QualityLoss':
        """Put the losses of images together.

        Args:
            losses: Of one image or more, all of one size.
        """
        all_of = list(losses)
        errors = [loss.squared_error for loss in all_of]
        return cls(
            float(np.mean([loss.mean_levels for loss in all_of])),
            max(loss.mean_levels for loss in all_of),
            max(loss.max_levels for loss in all_of),
            _psnr_db(float(np.mean(errors))),
            _psnr_db(max(errors)),
            _edge_agreement(all_of),
        )

    @property
    def squared_error(self) -> float:
        """Mean squared difference; 0 where PSNR is at its end."""
        return 0.0 if self.psnr_db >= MAX_PSNR_DB else float(255**2 / 10 ** (self.psnr_db / 10))


def _psnr_db(squared_error: float) -> float:
    """Compute 10 log10(255^2 / mean squared difference), as ITU-T J.340."""
    if squared_error == 0:
        return MAX_PSNR_DB
    return min(MAX_PSNR_DB, float(10 * np.log10(255**2 / squared_error)))


def _edge_agreement(losses: list[ImageLoss]) -> float:
    of_float = sum(loss.edges_of_float for loss in losses)
    found = sum(loss.edges_found for loss in losses)
    if of_float == 0 or found == 0:
        return float(of_float == found)
    recall = sum(loss.edges_kept for loss in losses) / of_float
    precision = sum(loss.edges_true for loss in losses) / found
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@dataclass(frozen=True)
class QualityLimits:
    """What int8 may cost.

    Attributes:
        max_mean_levels: Of every image.
        min_psnr_db: Of every image: catches what is wrong in few places, but much.
        min_edge_agreement: Over all images.
    """

    max_mean_levels: float
    min_psnr_db: float
    min_edge_agreement: float

    def stricter(self) -> 'QualityLimits':
        """Return limits that leave a fifth to images that were not looked at."""
        return QualityLimits(
            0.8 * self.max_mean_levels,
            # A root mean square of 0.8 times as many levels.
            self.min_psnr_db + 20 * float(np.log10(1 / 0.8)),
            1 - 0.8 * (1 - self.min_edge_agreement),
        )

    def complaints(self, loss: QualityLoss) -> list[str]:
        """Say what is outside the limits; nothing where all is well."""
        found = []
        if not loss.worst_mean_levels <= self.max_mean_levels:
            found.append(
                f'an image is {loss.worst_mean_levels:.2f} levels off on average '
                f'(at most {self.max_mean_levels:g})'
            )
        if not loss.worst_psnr_db >= self.min_psnr_db:
            found.append(
                f'an image has a PSNR of {loss.worst_psnr_db:.1f} dB '
                f'(at least {self.min_psnr_db:g})'
            )
        if not loss.edge_agreement >= self.min_edge_agreement:
            found.append(
                f'the edges agree by {loss.edge_agreement:.3f} '
                f'(at least {self.min_edge_agreement:g})'
            )
        return found
