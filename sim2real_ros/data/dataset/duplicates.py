"""Find pictures that are in training and test sets at once, exactly or nearly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real_ros.data.dataset.measuring import MeasuredImage

NEAR_BITS = 4
"""Difference hashes that differ in no more bits are of nearly the same picture."""

_CHUNK_PAIRS = 2**21


@dataclass(frozen=True)
class NearDuplicates:
    """Pictures for training that look like pictures that were held out.

    Attributes:
        count: Number of training images concerned.
        examples: Pairs of paths, a training image and the most similar one held out.
    """

    count: int
    examples: tuple[tuple[str, str], ...]


def without_copies(
    images: Sequence[MeasuredImage], held: Sequence[MeasuredImage]
) -> tuple[list[MeasuredImage], int]:
    """Leave out images whose very bytes were held out.

    Returns:
        The others, and how many were left out.
    """
    checksums = {image.sha256 for image in held}
    kept = [image for image in images if image.sha256 not in checksums]
    return kept, len(images) - len(kept)


def count_repeats(images: Sequence[MeasuredImage]) -> int:
    """Return how many images have the same bytes as one before them."""
    return len(images) - len({image.sha256 for image in images})


def find_near_duplicates(
    images: Sequence[MeasuredImage], held: Sequence[MeasuredImage], *, shown: int = 10
) -> NearDuplicates:
    """Compare the hashes of all training images with all that were held out.

    Args:
        images: For training.
        held: Held out.
        shown: Number of examples.
    """
    if not images or not held:
        return NearDuplicates(0, ())
    ours = np.array([image.hash_bits for image in images], np.uint64)
    theirs = np.array([image.hash_bits for image in held], np.uint64)
    distances = np.empty(len(ours), np.uint8)
    nearest = np.empty(len(ours), np.int64)
    chunk = max(1, _CHUNK_PAIRS // len(theirs))
    for start in range(0, len(ours), chunk):
        part = slice(start, start + chunk)
        table = _differing_bits(ours[part, None] ^ theirs[None])
        nearest[part], distances[part] = table.argmin(axis=1), table.min(axis=1)
    found = np.flatnonzero(distances <= NEAR_BITS)
    closest = found[np.argsort(distances[found], kind='stable')][:shown]
    pairs = ((images[i].listed.path, held[nearest[i]].listed.path) for i in closest)
    return NearDuplicates(len(found), tuple((str(one), str(other)) for one, other in pairs))


def _differing_bits(numbers: np.ndarray) -> np.ndarray:
    """Count the bits that are set; NumPy has a function for it from 2.0 on only."""
    table = np.array([each.bit_count() for each in range(256)], np.uint8)
    octets = np.ascontiguousarray(numbers)[..., None].view(np.uint8)
    return np.asarray(table[octets].sum(axis=-1, dtype=np.uint8))
