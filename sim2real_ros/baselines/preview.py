"""A preview sheet: one row for each kept frame, sim | translated | real."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.colour_fit import ColourFit
from sim2real_ros.data.contact_sheet import spread_evenly
from sim2real_ros.errors import DataError
from sim2real_ros.files import write_atomically
from sim2real_ros.image import compress, resize

Image = npt.NDArray[np.uint8]

CELL_SIZE = (320, 240)
ROWS = 6


def preview_sheet(fit: ColourFit, *, rows: int = ROWS) -> Image:
    """Draw frames before and after the transfer beside real ones.

    Args:
        fit: The fit.
        rows: Number of rows; fewer where fewer frames are at hand.

    Returns:
        RGB uint8, shape (rows * 240, 3 * 320, 3).
    """
    sim, real = spread_evenly(fit.sim.frames, rows), spread_evenly(fit.real.frames, rows)
    lines = []
    for index, image in enumerate(sim):
        cells = (image, fit.transfer(image), real[index % len(real)])
        lines.append(np.hstack([resize(cell, CELL_SIZE) for cell in cells]))
    return np.vstack(lines)


def write_preview(fit: ColourFit, path: str | Path) -> None:
    """Write the preview sheet as a png or jpg file.

    Raises:
        DataError: The suffix is another, or the file cannot be written.
    """
    write_sheet(lambda: preview_sheet(fit), path)


def write_sheet(make_sheet: Callable[[], Image], path: str | Path) -> None:
    """Write a preview sheet as a png or jpg file; it is made only if the name is fit.

    Args:
        make_sheet: Gives uint8 (H, W, 3), RGB.
        path: Ends in ``.png`` or ``.jpg``.

    Raises:
        DataError: The suffix is another, or the file cannot be written.
    """
    path = Path(path)
    codec = check_preview_path(path)
    content, _ = compress(make_sheet(), codec, quality=90)
    write_atomically(path, bytes(content))


def check_preview_path(path: str | Path) -> Literal['png', 'jpeg']:
    """Return the codec for a preview's file name; cheap, so call it before the work.

    Raises:
        DataError: The suffix is neither png nor jpg.
    """
    codecs: dict[str, Literal['png', 'jpeg']] = {'.png': 'png', '.jpg': 'jpeg', '.jpeg': 'jpeg'}
    suffix = Path(path).suffix.lower()
    if suffix not in codecs:
        raise DataError(f'A preview must end in .png or .jpg, found {str(path)!r}.')
    return codecs[suffix]
