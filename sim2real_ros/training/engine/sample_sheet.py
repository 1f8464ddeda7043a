"""Sample sheets: what a run makes of the same few frames, as one picture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from sim2real_ros.data.contact_sheet import MAX_SHEET_SIDE_PX, contact_sheet
from sim2real_ros.errors import TrainingError
from sim2real_ros.files import write_atomically
from sim2real_ros.image.encode_file import encode_file

Image = npt.NDArray[np.uint8]

_MAX_CELL_PX = 512
_MARGIN_PX = 26
"""What a contact sheet adds to a picture: its caption and gaps."""


def sample_sheet(pictures: Mapping[str, torch.Tensor]) -> Image:
    """Draw a sheet: a row for each frame, a column for each kind of picture.

    Args:
        pictures: By column title, (N, 3, H, W) or (N, 1, H, W) in -1..1 on any device, RGB; what
            lies outside is cut off, and NaN is black. Columns of fewer pictures end early.

    Returns:
        RGB uint8, pictures at their own size where the sheet stays below the limits of a contact
        sheet, else smaller.

    Raises:
        TrainingError: There is no picture, or something else than pictures.
    """
    columns = {title: _pixels(title, tensor) for title, tensor in pictures.items()}
    rows = max((len(column) for column in columns.values()), default=0)
    if not rows:
        raise TrainingError('a sample sheet without pictures cannot be drawn; expected at least 1')
    cells: list[Image | None] = []
    captions: list[str] = []
    for row in range(rows):
        for title, column in columns.items():
            cells.append(column[row] if row < len(column) else None)
            captions.append(title if row < len(column) else '')
    return contact_sheet(
        cells, captions, columns=len(columns), cell=_cell(list(columns.values()), rows)
    )


def write_sample_sheet(path: Path, pictures: Mapping[str, torch.Tensor]) -> Image:
    """Write a sample sheet as a PNG file, whole or not at all.

    Args:
        path: The file to write or replace; its folder is made where it is missing.
        pictures: See ``sample_sheet``.

    Returns:
        The sheet, for further uses.

    Raises:
        TrainingError: There is no picture, or something else than pictures.
        DataError: The disk refuses.
    """
    sheet = sample_sheet(pictures)
    write_atomically(path, encode_file(sheet, 'png'))
    return sheet


def _pixels(title: str, tensor: torch.Tensor) -> list[Image]:
    if tensor.ndim != 4 or tensor.shape[1] not in (1, 3) or 0 in tensor.shape[1:]:
        raise TrainingError(
            f'column {title!r} of the sample sheet has shape {tuple(tensor.shape)}; expected '
            '(N, 3, H, W) or (N, 1, H, W)'
        )
    # NaN first: what the conversion to uint8 makes of it depends on the processor.
    values = torch.nan_to_num(tensor.detach().float(), nan=-1.0).clamp(-1, 1)
    levels = ((values + 1) * 127.5).round().to(torch.uint8).expand(-1, 3, -1, -1)
    return list(np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy()))


def _cell(columns: list[list[Image]], rows: int) -> tuple[int, int]:
    """Choose (width, height) so that nothing is enlarged and the sheet is not too large."""
    sizes = [column[0].shape for column in columns if column]
    width, height = max(size[1] for size in sizes), max(size[0] for size in sizes)
    scale = min(
        1.0,
        _MAX_CELL_PX / max(width, height),
        (MAX_SHEET_SIDE_PX / len(columns) - _MARGIN_PX) / width,
        (MAX_SHEET_SIDE_PX / rows - _MARGIN_PX) / height,
    )
    return max(1, int(width * scale)), max(1, int(height * scale))
