"""How much fewer digits change the image: tried on test images before a frame depends on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.pixel_format import RgbImage, from_tensor, to_tensor

Run = Callable[[NDArray[np.generic]], NDArray[np.generic]]
"""A model at work: a batch of one in the model's layout, to its output."""

_FREE_SIZE = (256, 192)
"""(width, height) that models of free size are tried at, rounded up to their multiple."""


@dataclass(frozen=True)
class Deviation:
    """How far two results are apart, in levels of 0..255.

    Attributes:
        max_levels: Largest difference of any value.
        mean_levels: Mean absolute difference over all values.
    """

    max_levels: int
    mean_levels: float

    def __str__(self) -> str:
        """Write it for people."""
        return f'{self.max_levels} levels at most, {self.mean_levels:.2g} on average'


UNASKED = Deviation(1, 1.0)
"""What nobody needs to be told of: rounding a value that lies between two levels differently."""

ASKED_FOR = Deviation(16, 1.0)
"""What a user may get who asks for fewer digits; beyond it colours show bands."""


def precision_check_images(card: ModelCard) -> list[RgbImage]:
    """Make test images with all levels, noise, flat parts and hard edges.

    There is no image of one colour: instance normalisation divides such a one's rounding errors
    by its standard deviation, almost 0, so that no two programs agree on it, nor need to.

    Args:
        card: Of the model; its size or multiple decides the size.

    Returns:
        Two unlike images, uint8 (H, W, 3) RGB, so that a result left over from the first shows.
    """
    multiple = card.size_multiple
    width, height = card.size or (-(-side // multiple) * multiple for side in _FREE_SIZE)
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    across = np.linspace(0, 255, width)[None, :]
    down = np.linspace(255, 0, height)[:, None]
    scene = np.stack([across + 0 * down, 0 * across + down, (across + down) / 2], axis=-1)
    scene += random.normal(0.0, 6.0, scene.shape)
    scene[: height // 4, width // 2 :] = (90, 140, 220)
    scene[-(height // 4) :, ::2] = 250
    return [noise, np.clip(np.rint(scene), 0, 255).astype(np.uint8)]


def translated_check_images(run: Run, card: ModelCard) -> list[RgbImage]:
    """Run a model on the test images.

    Args:
        run: The loaded model.
        card: Its contract.

    Returns:
        uint8 (H, W, 3) RGB, one for each of ``precision_check_images``.

    Raises:
        BackendError: The model does not run, or gives no image.
    """
    return [
        from_tensor(run(to_tensor(image, card)), card).copy()
        for image in precision_check_images(card)
    ]


def deviation(results: list[RgbImage], references: list[RgbImage]) -> Deviation:
    """Compare results with what float32 gives.

    Raises:
        BackendError: The images have other sizes than the references.
    """
    worst, total, count = 0, 0.0, 0
    for result, reference in zip(results, references, strict=True):
        if result.shape != reference.shape:
            raise BackendError(
                f'The model returned {result.shape}, expected {reference.shape} as on the CPU.'
            )
        difference = np.abs(result.astype(np.int16) - reference)
        worst = max(worst, int(difference.max(initial=0)))
        total += float(difference.sum())
        count += difference.size
    return Deviation(worst, total / max(1, count))


def reason_against(precision: str, found: Deviation, *, asked: bool) -> str:
    """Say why a precision must not be used; '' where it may.

    Args:
        precision: Its name.
        found: What it changes.
        asked: Whether the user has asked for fewer digits than float32.
    """
    limit = ASKED_FOR if asked else UNASKED
    if found.max_levels <= limit.max_levels and found.mean_levels <= limit.mean_levels:
        return ''
    return f'{precision} differs from float32 by {found}; allowed are {limit}'
