"""HeldOut: images that are looked at whole, for samples and measurements."""

from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from sim2real_ros.data.frame import Skipped
from sim2real_ros.errors import DataError
from sim2real_ros.training.batches.image_file import ImageFile, shown
from sim2real_ros.training.batches.preparation import Pixels, Preparation


class HeldOut(Sequence[npt.NDArray[np.uint8]]):
    """Images that are decoded when they are asked for: RGB uint8 (H, W, 3).

    In place of one that cannot be read stands the next one that can.

    Args:
        files: The images.
        preparation: What happens to each.
        partners: The other domain's images of pairs, whose replacements must be the same; () for
            images without partners.

    Attributes:
        files: The images.
        skipped: What has turned out to be unreadable so far.
    """

    def __init__(
        self,
        files: Sequence[ImageFile],
        preparation: Preparation,
        partners: Sequence[ImageFile] = (),
    ) -> None:
        """Decode nothing yet."""
        self.files = files
        self.skipped: list[Skipped] = []
        self._preparation = preparation
        self._partners = partners
        self._unreadable: set[int] = set()
        self._checked: set[int] = set()

    @property
    def names(self) -> list[str]:
        """Paths of the images relative to their folder."""
        return [shown(file.name) for file in self.files]

    def __len__(self) -> int:
        """Count the images, readable or not."""
        return len(self.files)

    def check_readable(self) -> None:
        """Make sure that one of the images can be read.

        Raises:
            DataError: None of them can be.
        """
        self[0]

    @overload
    def __getitem__(self, number: int) -> Pixels: ...

    @overload
    def __getitem__(self, number: slice) -> list[Pixels]: ...

    def __getitem__(self, number: int | slice) -> Pixels | list[Pixels]:
        """Decode one image, or several.

        Raises:
            DataError: None of them can be read.
        """
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(f'image {number} of {len(self)} that are held out')
        for step in range(len(self)):
            image = self._read((number + step) % len(self))
            if image is not None:
                return image
        raise DataError(
            f'None of {len(self)} images that are held out can be read, such as '
            f'{self.skipped[0].where!r}: {self.skipped[0].reason}.'
        )

    def _read(self, number: int) -> Pixels | None:
        if number in self._unreadable:
            return None
        try:
            image = self._preparation.image(self.files[number].read())
            if self._partners and number not in self._checked:
                self._partners[number].read()
        except DataError as error:
            self._unreadable.add(number)
            self.skipped.append(Skipped(shown(self.files[number].path), str(error)))
            return None
        self._checked.add(number)
        return image
