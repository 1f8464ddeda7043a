"""What a quantised model has to keep to, and how it is made."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim2real_ros.errors import ConfigError
from sim2real_ros.quantisation.quality import QualityLimits

Calibration = Literal['minmax', 'percentile', 'entropy']
CALIBRATIONS: tuple[Calibration, ...] = ('minmax', 'percentile', 'entropy')


@dataclass(frozen=True)
class QuantiseOptions:
    """How to quantise a model, and what to accept.

    Attributes:
        size: (width, height) to run a model of free size at; None = that of the first frame.
        calibration: How the range of a value is found.
        calibration_frames: How many frames it is found from.
        held_out_frames: How many others are measured on.
        reduce_range: Whether weights have 7 bits, for x86 processors without VNNI.
        max_mean_levels: Of every image, 0..255.
        min_psnr_db: Of every image.
        min_edge_agreement: Over all images, 0..1.
        force_quality: Whether to accept what costs more.
        min_speedup: How many times as fast the model has to be; 0 accepts anything.
        backend: 'auto' or a key of BACKENDS: where it has to be faster.
    """

    size: tuple[int, int] | None = None
    calibration: Calibration = 'minmax'
    calibration_frames: int = 16
    held_out_frames: int = 8
    reduce_range: bool = False
    max_mean_levels: float = 2.0
    min_psnr_db: float = 34.0
    min_edge_agreement: float = 0.9
    force_quality: bool = False
    min_speedup: float = 1.1
    backend: str = 'auto'

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ConfigError: A number is outside its meaning.
        """
        for name in ('calibration_frames', 'held_out_frames'):
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} must be 1 or more, not {getattr(self, name)}')
        for name in ('max_mean_levels', 'min_psnr_db', 'min_speedup', 'min_edge_agreement'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f'{name} must be 0 or more, not {value:g}')
        if self.min_edge_agreement > 1:
            raise ConfigError(
                f'min_edge_agreement must lie in 0..1, not {self.min_edge_agreement:g}'
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'QuantiseOptions':
        """Take the options out of a mapping that may hold more, such as arguments of a verb.

        Raises:
            ConfigError: A number is outside its meaning.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: values[name] for name in names if name in values})

    @property
    def limits(self) -> QualityLimits:
        """What quality may cost."""
        return QualityLimits(self.max_mean_levels, self.min_psnr_db, self.min_edge_agreement)
