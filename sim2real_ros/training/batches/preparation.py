"""Preparation: the part of an image's way into a batch that is always the same.

What changes from step to step, crops and flips, comes after it; so its result can be stored.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch

from sim2real_ros.errors import ConfigError, DataError, ImageError
from sim2real_ros.image.palette_png import decode_ids
from sim2real_ros.training.batches.image_file import ImageFile, shown
from sim2real_ros.training.options import DataOptions, Size

Pixels = npt.NDArray[np.uint8]
SizeAdvice = Callable[[Size], str]

NOT_LABELLED = 255
"""Class id of pixels that nobody has labelled."""

_ROUNDING = 4
"""What `none` rounds to at least, as the original CycleGAN does."""

_SCALING: dict[str, Literal['size', 'width', 'native']] = {
    'resize-and-crop': 'size',
    'resize': 'size',
    'scale-width': 'width',
    'scale-width-and-crop': 'width',
    'crop': 'native',
    'none': 'native',
}


@dataclass(frozen=True)
class Preparation:
    """How an image file becomes an image of a known size.

    Attributes:
        scaling: ``size`` fills ``size`` and changes the aspect ratio, ``width`` scales to its
            width and keeps the ratio, ``native`` does not scale.
        size: (width, height) of the result; see ``scaling``.
        skip_top: Share of the height, from the top, that is cut off first.
        multiple: Sides are rounded to multiples of this, by scaling.
    """

    scaling: Literal['size', 'width', 'native']
    size: Size
    skip_top: float = 0.0
    multiple: int = 1

    def size_of(self, size: Size) -> Size:
        """Return the (width, height) that an image of some (width, height) gets."""
        width, height = size[0], size[1] - self._skipped_rows(size[1])
        if self.scaling == 'size':
            width, height = self.size
        elif self.scaling == 'width':
            width, height = self.size[0], max(1, round(self.size[0] * height / width))
        return _rounded(width, self.multiple), _rounded(height, self.multiple)

    def image(self, rgb: Pixels) -> Pixels:
        """Prepare an image: bicubic where it is scaled, with anti-aliasing where it shrinks.

        Args:
            rgb: uint8 (H, W, 3).

        Returns:
            uint8, contiguous; it differs from Pillow's by rounding, rarely by more than a level.
        """
        size = self.size_of((rgb.shape[1], rgb.shape[0]))
        rgb = rgb[self._skipped_rows(rgb.shape[0]) :]
        if size == (rgb.shape[1], rgb.shape[0]):
            return np.ascontiguousarray(rgb)
        planes = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None]
        # What torchvision's resize calls; importing that library takes a second.
        scaled = torch.nn.functional.interpolate(
            planes, (size[1], size[0]), mode='bicubic', antialias=True, align_corners=False
        )
        return np.ascontiguousarray(scaled[0].permute(1, 2, 0).numpy())

    def mask(self, ids: Pixels) -> Pixels:
        """Prepare the class ids of an image, uint8 (H, W), without inventing any."""
        size = self.size_of((ids.shape[1], ids.shape[0]))
        ids = np.ascontiguousarray(ids[self._skipped_rows(ids.shape[0]) :])
        if size == (ids.shape[1], ids.shape[0]):
            return ids
        return np.asarray(cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)

    def read(self, file: ImageFile, *, with_mask: bool) -> tuple[Pixels, Pixels | None]:
        """Read an image and its mask; without a mask file nothing is labelled.

        Returns:
            RGB uint8 (H, W, 3) and, if wanted, class ids uint8 (H, W).

        Raises:
            DataError: One of them cannot be read, or they do not belong together.
        """
        rgb = file.read()
        if not with_mask:
            return self.image(rgb), None
        ids: Pixels
        if file.mask is None:
            ids = np.full(rgb.shape[:2], NOT_LABELLED, np.uint8)
        else:
            ids = _read_ids(file.mask)
        if ids.shape != rgb.shape[:2]:
            raise DataError(
                f'its mask is {ids.shape[1]}x{ids.shape[0]} pixels, expected those of the image, '
                f'{rgb.shape[1]}x{rgb.shape[0]}'
            )
        return self.image(rgb), self.mask(ids)

    def read_mask(self, file: ImageFile) -> Pixels:
        """Read the mask of an image that has one: class ids, uint8 (H, W).

        Raises:
            DataError: It cannot be read.
        """
        assert file.mask is not None
        return self.mask(_read_ids(file.mask))

    def _skipped_rows(self, height: int) -> int:
        return min(height - 1, round(self.skip_top * height))


def _rounded(side: int, multiple: int) -> int:
    return max(multiple, math.floor(side / multiple + 0.5) * multiple)


def _read_ids(path: Path) -> Pixels:
    where = f'its mask {shown(path)!r}'
    try:
        ids = decode_ids(path.read_bytes())
    except OSError as error:
        raise DataError(f'{where} cannot be read: {error.strerror or error}') from error
    except ImageError as error:
        raise DataError(f'{where}: {error}') from error
    if ids.ndim == 3 and (ids[..., :3] == ids[..., :1]).all():
        ids = ids[..., 0]
    if ids.ndim != 2 or ids.max() > NOT_LABELLED:
        raise DataError(
            f'{where} has {"colours" if ids.ndim != 2 else f"the id {ids.max()}"}; expected class '
            f'ids 0..{NOT_LABELLED} as grey levels or palette indices'
        )
    return ids.astype(np.uint8, copy=False)


def is_cropped(options: DataOptions) -> bool:
    """Tell whether batches are made of crops, or else of whole images."""
    return options.preprocess.endswith('crop')


def training_preparation(
    options: DataOptions, size_multiple: int, size_advice: SizeAdvice | None = None
) -> Preparation:
    """Return what happens to training images before crop and flip.

    Args:
        options: Their sizes.
        size_multiple: What the generator's input sides must be multiples of.
        size_advice: Tells what to change in the generator so that it takes a size.

    Raises:
        ConfigError: A size that is asked for does not suit the generator, or a crop is larger
            than what it is taken from.
    """
    mode = options.preprocess
    if is_cropped(options):
        _check_multiple('crop_size', options.crop_size, size_multiple, size_advice)
    if mode == 'resize':
        _check_multiple('load_size', options.load_size, size_multiple, size_advice)
    sides = {'resize-and-crop': 2, 'scale-width-and-crop': 1}.get(mode, 0)
    if any(options.crop_size[i] > options.load_size[i] for i in range(sides)):
        raise ConfigError(
            f'data: crop_size is {_text(options.crop_size)}, larger than load_size, '
            f'{_text(options.load_size)}, which {mode} crops from: make one of them fit.'
        )
    multiple = 1
    if mode == 'none':
        multiple = math.lcm(_ROUNDING, size_multiple)
    elif mode == 'scale-width':
        multiple = size_multiple
    return Preparation(_SCALING[mode], options.load_size, options.skip_top, multiple)


def testing_preparation(options: DataOptions, size_multiple: int) -> Preparation:
    """Return what happens to images that are held out: the same scale, but whole.

    Their sides are rounded to what the generator can take.
    """
    multiple = (
        math.lcm(_ROUNDING, size_multiple) if options.preprocess == 'none' else size_multiple
    )
    scaling = _SCALING[options.preprocess]
    return Preparation(scaling, options.load_size, options.skip_top, multiple)


def _check_multiple(name: str, size: Size, multiple: int, advice: SizeAdvice | None) -> None:
    if any(side % multiple for side in size):
        nearest = (_rounded(size[0], multiple), _rounded(size[1], multiple))
        other = advice(size) if advice else ''
        raise ConfigError(
            f'data: {name} is {_text(size)}; expected multiples of {multiple} for this generator, '
            f'such as {_text(nearest)}{other and f", or {other}"}.'
        )


def _text(size: Size) -> str:
    return f'{size[0]}x{size[1]}'
