"""A preview sheet of camera effects: whole frames, and what pixels look like, enlarged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.fit import CameraEffectsFit
from sim2real_ros.baselines.camera_effects.reference import EffectsReference
from sim2real_ros.baselines.preview import CELL_SIZE, write_sheet
from sim2real_ros.data.contact_sheet import spread_evenly
from sim2real_ros.image import resize

Image = npt.NDArray[np.uint8]

ROWS = 4
ENLARGEMENT = 4


def effects_sheet(fit: CameraEffectsFit, *, rows: int = ROWS) -> Image:
    """Draw frames before and after the effects beside real ones.

    Args:
        fit: The fit.
        rows: Number of frames; fewer where fewer are at hand.

    Returns:
        RGB uint8, shape (2 * rows * 240, 3 * 320, 3): sim | with effects | real, and below each
        row the middle of each frame, enlarged four times. Where a generator comes before the
        effects, the first column shows its result.
    """
    apply = EffectsReference(fit.effects)
    lines = []
    indices = spread_evenly(list(range(len(fit.sim))), rows)
    real = spread_evenly(fit.real, rows)
    for row, index in enumerate(indices):
        image = fit.translated[index]
        cells = (image, apply(image, fit.sim[index]), real[row % len(real)])
        lines += [_row(cells, lambda cell: resize(cell, CELL_SIZE)), _row(cells, _middle)]
    return np.vstack(lines)


def _row(cells: tuple[Image, ...], draw: Callable[[Image], Image]) -> Image:
    return np.hstack([draw(cell) for cell in cells])


def _middle(image: Image) -> Image:
    height, width = image.shape[:2]
    wide, high = (
        min(c // ENLARGEMENT, s) for c, s in zip(CELL_SIZE, (width, height), strict=True)
    )
    top, left = (height - high) // 2, (width - wide) // 2
    crop = np.ascontiguousarray(image[top : top + high, left : left + wide])
    return resize(crop, CELL_SIZE, interpolation='nearest')


def write_effects_preview(fit: CameraEffectsFit, path: str | Path) -> None:
    """Write the preview sheet as a png or jpg file.

    Raises:
        DataError: The suffix is another, or the file cannot be written.
    """
    write_sheet(lambda: effects_sheet(fit), path)
