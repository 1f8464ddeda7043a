"""Which images the original test program looks at, and how it prepares them."""

import math
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.files.safe_name import MAX_NAME_BYTES, safe_name
from sim2real_ros.training.batches.image_file import Half, ImageFile, list_images
from sim2real_ros.training.batches.preparation import Preparation

USUAL_SIZE = 256


@dataclass(frozen=True)
class TestedItem:
    """One line of the result page.

    Attributes:
        name: Start of the names of its pictures.
        source: What is translated.
        target: The image of the other domain; None = there is none.
    """

    name: str
    source: ImageFile
    target: ImageFile | None


def items_to_test(words: Namespace) -> list[TestedItem]:
    """List what is to be tested, in the original's order.

    Args:
        words: As ``parser_for_testing`` reads them.

    Raises:
        DataError: There are no images where the original looks for them.
    """
    root, phase = Path(words.dataroot), words.phase
    if words.model == 'test':
        pairs: list[tuple[ImageFile, ImageFile | None]] = [(file, None) for file in _files(root)]
    elif words.model == 'pix2pix':
        folder = root / phase
        halves = _files(folder, 'left'), _files(folder, 'right')
        pairs = list(zip(*_directed(halves, words), strict=True))
    else:
        folders = _files(root / f'{phase}A'), _files(root / f'{phase}B')
        sources, targets = _directed(folders, words)
        count = max(len(sources), len(targets))
        pairs = [(sources[i % len(sources)], targets[i % len(targets)]) for i in range(count)]
    count = int(min(words.num_test, words.max_dataset_size, len(pairs)))
    taken: set[str] = set()
    return [
        TestedItem(_new_name(source, taken), source, target) for source, target in pairs[:count]
    ]


def _new_name(source: ImageFile, taken: set[str]) -> str:
    """Return the file's name without suffix, as the original does, if another file can have it.

    A number keeps equal names of several folders apart; in the original they overwrite each other.
    """
    stem = Path(source.name).stem
    # Undecodable names are not printable, either.
    usual = stem.isprintable() and len(stem.encode()) <= MAX_NAME_BYTES
    base = name = stem if usual else safe_name(stem)
    number = 2
    while name in taken:
        name = f'{base}-{number}'
        number += 1
    taken.add(name)
    return name


def preparation(words: Namespace, size_multiple: int) -> Preparation:
    """Return how images are prepared: as in training, but whole and not mirrored.

    Args:
        words: As ``parser_for_testing`` reads them.
        size_multiple: Of the sides that the generators take.

    Raises:
        ConfigError: The words ask for random crops.
    """
    mode = words.preprocess
    load, crop = words.load_size or words.crop_size, words.crop_size or words.load_size
    if mode in ('crop', 'scale_width_and_crop'):
        raise ConfigError(
            f'--preprocess {mode} would test random crops: choose none, scale_width or '
            'resize_and_crop; a generator that was trained on crops translates whole images.'
        )
    if mode == 'resize_and_crop' and load != crop:
        raise ConfigError(
            f'--load_size {load} and --crop_size {crop} would test random crops: give one of '
            'them, or choose --preprocess none.'
        )
    side = load or USUAL_SIZE
    if mode == 'none':
        return Preparation('native', (side, side), 0.0, math.lcm(4, size_multiple))
    return Preparation(
        'size' if mode == 'resize_and_crop' else 'width', (side, side), 0.0, size_multiple
    )


def _files(folder: Path, half: Half = 'whole') -> list[ImageFile]:
    try:
        return [ImageFile(folder / name, name, half) for name in list_images(folder)]
    except DataError as error:
        raise DataError(f'{error} Check --dataroot, --phase and --model.') from error


def _directed(
    domains: tuple[list[ImageFile], list[ImageFile]], words: Namespace
) -> tuple[list[ImageFile], list[ImageFile]]:
    return domains[::-1] if words.direction == 'BtoA' else domains
