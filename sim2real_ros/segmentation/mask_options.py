"""MaskOptions: how boxes become masks and polygons."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sim2real_ros.errors import DataError
from sim2real_ros.labels.formats import AUTO, FORMATS
from sim2real_ros.segmentation.segmenters import SEGMENTERS


@dataclass(frozen=True)
class MaskOptions:
    """What ``boxes_to_masks`` does.

    Attributes:
        format: Of the labels; ``auto`` or a key of ``labels.formats.FORMATS``.
        segmenter: A key of ``SEGMENTERS``.
        encoder: ONNX file of the image encoder; for ``sam``.
        decoder: ONNX file of the mask decoder; for ``sam``.
        redo: Also replace the polygons that the labels have; otherwise those are kept.
        min_area_px: Islands and holes of a mask with fewer pixels are noise; the largest island
            always stays.
        epsilon_px: How far a simplified outline may lie from the mask's; 0 = every pixel's edge.
        masks: Also write masks as PNGs: of classes, and of instances.
        previews: Number of pictures on which the result is drawn, evenly spread.

    Raises:
        DataError: On construction: a value that makes no sense.
    """

    format: str = AUTO
    segmenter: str = 'grabcut'
    encoder: Path | None = None
    decoder: Path | None = None
    redo: bool = False
    min_area_px: float = 10.0
    epsilon_px: float = 0.6
    masks: bool = False
    previews: int = 12

    def __post_init__(self) -> None:
        """Check the values."""
        if self.format not in (AUTO, *FORMATS):
            known = ', '.join((AUTO, *FORMATS))
            raise DataError(f'format is {self.format!r}, expected one of {known}.')
        if self.segmenter not in SEGMENTERS:
            known = ', '.join(SEGMENTERS)
            raise DataError(f'segmenter is {self.segmenter!r}, expected one of {known}.')
        for name in ('min_area_px', 'epsilon_px', 'previews'):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise DataError(f'{name} is {value!r}, expected a number from 0 on.')

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> 'MaskOptions':
        """Take the options out of a mapping that may hold other things too.

        Raises:
            DataError: A value makes no sense.
        """
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})

    def to_json(self) -> dict[str, Any]:
        """Return what the result depends on, without the paths of models."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {k: v for k, v in values.items() if k not in ('segmenter', 'encoder', 'decoder')}
