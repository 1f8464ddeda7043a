"""Look at every image once: is it whole, how large, what colours, has it been seen before."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.data.dataset.drive_order import Order
from sim2real_ros.data.dataset.label_files import ImageLabelFiles, label_files_of
from sim2real_ros.data.dataset.listing import ListedImage
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import Omission, ordered_map
from sim2real_ros.image.decode_file import decode_file
from sim2real_ros.image.difference_hash import difference_hash

MAX_FILE_BYTES = 2**28

ProgressReport = Callable[[str, int, int], None]
"""Told what is being done, how many images are done, and of how many."""


@dataclass(frozen=True)
class MeasuredImage:
    """An image that can be decoded.

    Attributes:
        listed: The file and its drive.
        domain: ``sim`` or ``real``.
        sha256: Checksum of the file.
        size: (width, height) in pixels.
        hash_bits: Difference hash, 64 bits.
        colour_sums: Sum and sum of squares of all pixels, each for R, G and B.
        labels: Its label files.
    """

    listed: ListedImage
    domain: str
    sha256: str
    size: tuple[int, int]
    hash_bits: int
    colour_sums: tuple[tuple[int, int, int], tuple[int, int, int]]
    labels: ImageLabelFiles = field(default_factory=ImageLabelFiles)

    @property
    def sequence(self) -> str:
        """Name of the drive."""
        return self.listed.sequence

    @property
    def order(self) -> Order:
        """Sorts the images of a drive."""
        return self.listed.order

    @property
    def stamp_ns(self) -> int | None:
        """Time of capture, None where it is unknown."""
        return self.listed.stamp_ns

    @property
    def identity(self) -> str:
        """Text that tells the image from every other, whatever folder it lies in."""
        return f'{self.sha256} {self.listed.name}'


def read_image_bytes(path: Path) -> bytes:
    """Read an image file.

    Raises:
        DataError: It cannot be read or is larger than ``MAX_FILE_BYTES``.
    """
    try:
        with path.open('rb') as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DataError(f'cannot be read: {error.strerror or error}') from error
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f'is larger than {MAX_FILE_BYTES} bytes, which no camera image is')
    return content


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Read an image file as RGB uint8, shape (H, W, 3).

    Raises:
        DataError: It cannot be read.
        ImageError: It cannot be decoded.
    """
    return decode_file(read_image_bytes(path))[0]


def measure_images(
    images: Sequence[ListedImage],
    domain: str,
    *,
    workers: int = 1,
    progress: ProgressReport | None = None,
) -> tuple[list[MeasuredImage], list[Omission]]:
    """Decode all images, each once.

    Args:
        images: The files.
        domain: ``sim`` or ``real``.
        workers: Number of threads.
        progress: Called after each image.

    Returns:
        The images in their order, and what cannot be decoded.
    """
    measured: list[MeasuredImage] = []
    broken: list[Omission] = []
    results: Iterable[MeasuredImage | Omission] = ordered_map(
        lambda listed: _measure(listed, domain), images, workers=workers
    )
    for number, each in enumerate(results, 1):
        if isinstance(each, Omission):
            broken.append(each)
        else:
            measured.append(each)
        if progress:
            progress(f'checked {domain}', number, len(images))
    return measured, broken


def _measure(listed: ListedImage, domain: str) -> MeasuredImage | Omission:
    try:
        content = read_image_bytes(listed.path)
        rgb, _ = decode_file(content)
        labels = label_files_of(listed)
    except (DataError, ImageError) as error:
        return Omission(str(listed.path), str(error))
    checksum = hashlib.sha256(content).hexdigest()
    sums = _colour_sums(rgb)
    size = rgb.shape[1], rgb.shape[0]
    return MeasuredImage(listed, domain, checksum, size, difference_hash(rgb), sums, labels)


def _colour_sums(rgb: npt.NDArray[np.uint8]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return exact sums, which do not depend on the order of adding."""
    levels = np.arange(256, dtype=np.int64)
    counts = [cv2.calcHist([rgb], [c], None, [256], [0, 256]).ravel() for c in range(3)]
    whole = [count.astype(np.int64) for count in counts]
    first = tuple(int(count @ levels) for count in whole)
    second = tuple(int(count @ levels**2) for count in whole)
    return (first[0], first[1], first[2]), (second[0], second[1], second[2])
