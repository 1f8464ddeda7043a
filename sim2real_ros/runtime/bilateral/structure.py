"""What a bilateral-grid model tells about its graph, so that it can be run in two parts."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sim2real_ros.config import from_mapping
from sim2real_ros.errors import ConfigError, ModelError
from sim2real_ros.runtime.model_file import ModelFile

METADATA_KEY = 'sim2real_bilateral_grid'
"""Key of the description in an ONNX file's ``metadata_props``; its value is JSON."""

VERSION = 1
"""Of the description."""

MAX_DESCRIPTION_CHARS = 2**20
MAX_CELLS_PER_SIDE, MAX_BINS, MAX_GUIDE_UNITS, MAX_COPY_SIDE_PX = 1024, 256, 1024, 8192
MAX_WEIGHT = 1e6
"""Largest weight of a guide or amplitude of a detail: their sums of products stay finite."""

COLOURS_AND_ONE = 4


@dataclass(frozen=True)
class GridDescription:
    """Where a graph can be cut, and what is between the parts.

    Attributes:
        version: VERSION.
        copy: Name of the tensor of the small image, float32 (N, 3, h, w) in -1..1.
        copy_size: Its (w, h).
        grid: Name of the tensor of the colour matrices, float32
            (N, 3, 4, bins, rows + 1, columns + 1).
        columns: Of tiles in the image.
        rows: Likewise.
        bins: Levels of brightness.
        guide_slopes: What red, green and blue in -1..1, and 1, count in the guide.
        guide_inner: The same for each unit of its network.
        guide_outer: What each unit counts.
        detail: Name of the tensor of the detail branch, float32 (N, 12, H / 2, W / 2): four pixels
            of three colours, before tanh; '' = there is no branch.
        detail_amplitude: Factor of the bounded and blurred detail, in -1..1.
    """

    version: int
    copy: str
    copy_size: tuple[int, int]
    grid: str
    columns: int
    rows: int
    bins: int
    guide_slopes: list[float]
    guide_inner: list[list[float]]
    guide_outer: list[float]
    detail: str = ''
    detail_amplitude: float = 0.0

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ValueError: A number is outside its meaning, or too large to compute with.
        """
        _check_range('rows and columns', (self.rows, self.columns), MAX_CELLS_PER_SIDE)
        _check_range('bins', (self.bins,), MAX_BINS)
        _check_range('copy_size', self.copy_size, MAX_COPY_SIDE_PX)
        _check_range('units of the guide', (len(self.guide_inner),), MAX_GUIDE_UNITS)
        if {len(self.guide_slopes), *map(len, self.guide_inner)} != {COLOURS_AND_ONE}:
            raise ValueError('guide_slopes and each row of guide_inner must have 4 numbers')
        if len(self.guide_outer) != len(self.guide_inner):
            raise ValueError('guide_outer must have a number for each row of guide_inner')
        rows = (self.guide_slopes, *self.guide_inner, self.guide_outer, [self.detail_amplitude])
        if not all(abs(value) <= MAX_WEIGHT for row in rows for value in row):
            raise ValueError(f'weights must lie within +-{MAX_WEIGHT:g}')


def _check_range(name: str, values: Iterable[int], largest: int) -> None:
    if not all(1 <= value <= largest for value in values):
        raise ValueError(f'{name} must lie in 1..{largest}, not {values}')


def is_bilateral(model: ModelFile) -> bool:
    """Tell whether a file says that it is a bilateral grid; loading it shows if that is true.

    Args:
        model: The checked file. One with its weights in other files cannot be cut, and is none.
    """
    return bool(model.content) and METADATA_KEY in model.metadata


def read_description(text: str) -> GridDescription:
    """Read what a file says about itself.

    Args:
        text: The value of its entry METADATA_KEY.

    Raises:
        ModelError: It says nothing, or nothing that makes sense.
    """
    try:
        if len(text) > MAX_DESCRIPTION_CHARS:
            raise ConfigError(f'{len(text)} characters, more than {MAX_DESCRIPTION_CHARS}')
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ConfigError(f'expected a JSON object, found {type(content).__name__}')
        if content.get('version') != VERSION:
            raise ConfigError(f'version {content.get("version")!r}, known is {VERSION}')
        return from_mapping(GridDescription, content, METADATA_KEY)
    except (ValueError, RecursionError, ConfigError) as error:
        raise ModelError(f'Its entry {METADATA_KEY} is damaged: {error}') from error
