"""ImageStore: prepared images by their number, decoded anew each time or read from a cache."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from sim2real_ros.data.frame import Skipped
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.files import default_workers, ordered_map
from sim2real_ros.image.file_size import size_of_image_file
from sim2real_ros.training.batches.image_file import ImageFile, shown
from sim2real_ros.training.batches.preparation import Pixels, Preparation
from sim2real_ros.training.options import Size


class ImageStore(Protocol):
    """Images that are ready for crops and flips.

    Attributes:
        files: Where they come from; an image's number is its place here.
    """

    files: Sequence[ImageFile]

    @property
    def skipped(self) -> list[Skipped]:
        """What is known to be unreadable."""

    def size(self, number: int) -> Size | None:
        """Return (width, height) of a prepared image, None where it is known to be unreadable."""

    def read(self, number: int) -> tuple[Pixels, Pixels | None] | None:
        """Return RGB uint8 (H, W, 3) and class ids uint8 (H, W); None = unreadable."""

    def class_ids(self) -> Mapping[int, int]:
        """Return all class ids in the masks, each with the number of the first image."""


class FirstWithId:
    """Notes which class ids there are in a row of masks.

    Attributes:
        numbers: Of the first image with each id.
    """

    def __init__(self) -> None:
        """Nothing has been seen yet."""
        self.numbers: dict[int, int] = {}

    def add(self, number: int, mask: Pixels) -> None:
        """Note the ids of the mask, uint8 (H, W), of an image."""
        for class_id in np.flatnonzero(np.bincount(mask.ravel())).tolist():
            self.numbers.setdefault(class_id, number)


class FileStore:
    """Decodes a file whenever its image is asked for, in any thread.

    Args:
        files: The images.
        preparation: What happens to each.
        with_masks: Whether class ids are wanted.

    Attributes:
        files: The images.
    """

    def __init__(
        self, files: Sequence[ImageFile], preparation: Preparation, *, with_masks: bool
    ) -> None:
        """Look at the files' headers where sizes depend on them; nothing is decoded yet."""
        self.files = files
        self._preparation = preparation
        self._with_masks = with_masks
        self._reasons: dict[int, str] = {}
        self._sizes: list[Size | None] = []
        if preparation.scaling != 'size':
            results = ordered_map(self._size_in_header, files, workers=default_workers())
            for number, found in enumerate(results):
                if isinstance(found, str):
                    self._reasons[number] = found
                self._sizes.append(None if isinstance(found, str) else found)

    @property
    def skipped(self) -> list[Skipped]:
        """What has turned out to be unreadable so far."""
        return [Skipped(shown(self.files[n].path), r) for n, r in sorted(self._reasons.items())]

    def size(self, number: int) -> Size | None:
        """Return (width, height) of a prepared image, None where it is known to be unreadable."""
        if number in self._reasons:
            return None
        return self._sizes[number] if self._sizes else self._preparation.size_of((1, 1))

    def read(self, number: int) -> tuple[Pixels, Pixels | None] | None:
        """Decode an image and its class ids; None = unreadable."""
        if number in self._reasons:
            return None
        try:
            return self._preparation.read(self.files[number], with_mask=self._with_masks)
        except DataError as error:
            self._reasons[number] = str(error)
            return None

    def class_ids(self) -> Mapping[int, int]:
        """Decode all masks once, and return their ids with the number of the first image."""
        found = FirstWithId()
        results = ordered_map(self._mask_if_readable, self.files, workers=default_workers())
        for number, mask in enumerate(results):
            if mask is not None:
                found.add(number, mask)
        return found.numbers

    def _mask_if_readable(self, file: ImageFile) -> Pixels | None:
        try:
            return self._preparation.read_mask(file) if file.mask else None
        except DataError:
            return None

    def _size_in_header(self, file: ImageFile) -> Size | str:
        try:
            width, height = size_of_image_file(lambda count: _first_bytes(file.path, count))
        except OSError as error:
            return f'the file cannot be read: {error.strerror or error}'
        except ImageError as error:
            return str(error)
        if file.half != 'whole':
            width //= 2
        return self._preparation.size_of((width, height))


def none_readable(store: ImageStore) -> DataError:
    """Return the error that says that no image is readable, and why the first is not."""
    first = store.skipped[0]
    return DataError(
        f'None of {len(store.files)} images can be read, such as {first.where!r}: {first.reason}.'
    )


def no_readable_pair(sim: ImageStore, real: ImageStore) -> DataError:
    """Return the error that says that there is no pair of which both images are readable."""
    first = [*sim.skipped, *real.skipped][0]
    return DataError(
        f'Of none of {len(sim.files)} pairs both images can be read, such as {first.where!r}: '
        f'{first.reason}.'
    )


def _first_bytes(path: Path, count: int) -> bytes:
    with path.open('rb') as content:
        return content.read(count)
