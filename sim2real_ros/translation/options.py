"""What a user may choose about a translation."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sim2real_ros.errors import ConfigError
from sim2real_ros.files import default_workers
from sim2real_ros.image.encode_file import DEFAULT_QUALITY, FILE_FORMATS
from sim2real_ros.runtime.blend import FULL_ROI, Blend, Roi, blend_reason

MAX_SMOOTHING_S = 10.0
"""Colours that are averaged for longer are those of another place."""


@dataclass(frozen=True)
class TranslateOptions:
    """How to translate; the same words as the node's parameters where they mean the same.

    Attributes:
        model: Path of the ``.onnx`` file, or the name of one that comes with the package.
        backend: 'auto' or a key of BACKENDS.
        provider: One of PROVIDERS.
        size: (width, height) to run a dynamic model at; None = each image's own size.
        output_size: ``input`` or ``model``: the size of the result. ``model`` is for bags and
            videos.
        strength: 0 = original, 1 = translated.
        roi: (x, y, width, height) of the translated region, as fractions of the image.
        feather_px: Width of the region's soft inner border, in pixels.
        detail_strength: Share of a model's detail branch, 0..1; others have none.
        temporal_smoothing_s: Time constant in seconds over which a bilateral grid is averaged,
            0 = off; not for a single image.
        quality: Of JPEG and WebP files that have to be written anew, 1 to 100.
        image_format: Of the files of a folder, one of FILE_FORMATS; '' = each file's own.
        only: Glob patterns of the images of a folder to translate, relative to it; () = all.
        frames: Whether a video becomes a folder of its frames.
        topics: Names or glob patterns of the topics of a bag; () = all its camera images.
        on_failure: ``keep`` or ``drop`` a message of a bag that cannot be translated.
        jobs: Number of threads.
        force: Whether an earlier result may be replaced.
    """

    model: str
    backend: str = 'auto'
    provider: str = 'auto'
    size: tuple[int, int] | None = None
    output_size: Literal['input', 'model'] = 'input'
    strength: float = 1.0
    roi: Roi = FULL_ROI
    feather_px: float = 0.0
    detail_strength: float = 1.0
    temporal_smoothing_s: float = 0.0
    quality: int = DEFAULT_QUALITY
    image_format: str = ''
    only: tuple[str, ...] = ()
    frames: bool = False
    topics: tuple[str, ...] = ()
    on_failure: Literal['keep', 'drop'] = 'keep'
    jobs: int = field(default_factory=default_workers)
    force: bool = False

    def __post_init__(self) -> None:
        """Check the numbers and words.

        Raises:
            ConfigError: One of them has no meaning.
        """
        reason = blend_reason(self.strength, self.roi, self.feather_px)
        if reason:
            raise ConfigError(f'{reason}.')
        if not 0 <= self.detail_strength <= 1:
            raise ConfigError(f'detail_strength must lie in 0..1, not {self.detail_strength}.')
        if not 0 <= self.temporal_smoothing_s <= MAX_SMOOTHING_S:
            raise ConfigError(
                f'temporal_smoothing_s must lie in 0..{MAX_SMOOTHING_S:g} seconds, not '
                f'{self.temporal_smoothing_s}.'
            )
        if not 1 <= self.quality <= 100:
            raise ConfigError(f'quality must lie in 1..100, not {self.quality}.')
        if self.image_format not in ('', *FILE_FORMATS):
            names = ', '.join(FILE_FORMATS)
            raise ConfigError(f'Unknown image format {self.image_format!r}; expected {names}.')
        if self.output_size not in ('input', 'model'):
            raise ConfigError(f"output_size is {self.output_size!r}; expected 'input' or 'model'.")
        if self.on_failure not in ('keep', 'drop'):
            raise ConfigError(f"on_failure is {self.on_failure!r}; expected 'keep' or 'drop'.")
        if self.jobs < 1:
            raise ConfigError(f'jobs must be 1 or more, not {self.jobs}.')

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'TranslateOptions':
        """Take the options out of a mapping that may hold other things too.

        Raises:
            ConfigError: One of them has no meaning.
        """
        names = [each.name for each in dataclasses.fields(cls)]
        chosen: dict[str, Any] = {name: values[name] for name in names if name in values}
        for name, value in chosen.items():
            if isinstance(value, list):
                chosen[name] = tuple(value)
        return cls(**chosen)

    @property
    def blend(self) -> Blend:
        """How original and translation are mixed."""
        return Blend(self.strength, self.roi, self.feather_px)
