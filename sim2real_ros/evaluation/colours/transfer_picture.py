"""Picture of a transfer matrix: scores and ratios as heat maps with their numbers."""

import cv2
import numpy as np

from sim2real_ros.evaluation.colours.picture_canvas import (
    FAINT,
    INK,
    PAPER,
    Colour,
    blank,
    write,
    write_upwards,
)
from sim2real_ros.evaluation.colours.transfer import TransferMatrix
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.quantity import Value

CELL_PX = (82, 46)
LABEL_PX, HEAD_PX, GAP_PX, MARGIN_PX = 176, 132, 26, 18
TITLE_PX = 62


def transfer_picture(matrix: TransferMatrix) -> RgbImage:
    """Draw a heat map for each colour and for their mean: scores above, ratios below.

    Args:
        matrix: What to show.

    Returns:
        RGB uint8. Framed cells are thresholds on the domain that they were fitted on; small
        numbers are 95 % intervals.
    """
    panels = (None, *matrix.colours)
    panel_width = len(matrix.domains) * CELL_PX[0]
    width = 2 * MARGIN_PX + LABEL_PX + len(panels) * (panel_width + GAP_PX) - GAP_PX
    block_height = TITLE_PX + HEAD_PX + len(matrix.thresholds) * CELL_PX[1] + MARGIN_PX
    score, ratio = blank(width, block_height), blank(width, block_height)
    name = matrix.score_name
    title = f'Transfer ratio: {name} / {name} of thresholds fitted on the domain itself'
    explanation = 'rows: thresholds; columns: domains whose held-out frames they are applied to'
    _draw_title(score, f'{name} of the pixels of each colour', explanation)
    _draw_title(ratio, title, '1 = nothing is lost by keeping the thresholds')
    for block, is_ratio in ((score, False), (ratio, True)):
        _draw_rows(block, matrix)
        for number, colour in enumerate(panels):
            left = MARGIN_PX + LABEL_PX + number * (panel_width + GAP_PX)
            _draw_panel(block, left, matrix, colour, is_ratio=is_ratio)
    return np.vstack([score, ratio])


def _draw_title(block: RgbImage, title: str, explanation: str) -> None:
    most = block.shape[1] - 2 * MARGIN_PX
    write(block, title, (MARGIN_PX, 26), scale=0.62, width=most)
    write(block, explanation, (MARGIN_PX, 48), scale=0.42, colour=FAINT, width=most)


def _draw_rows(block: RgbImage, matrix: TransferMatrix) -> None:
    for number, name in enumerate(matrix.thresholds):
        y = TITLE_PX + HEAD_PX + number * CELL_PX[1] + CELL_PX[1] // 2 + 5
        write(block, name, (MARGIN_PX + LABEL_PX - 10, y), align='right', width=LABEL_PX - 12)


def _draw_panel(
    block: RgbImage, left: int, matrix: TransferMatrix, colour: str | None, *, is_ratio: bool
) -> None:
    title = 'mean of colours' if colour is None else colour
    width, height = CELL_PX
    write(block, title, (left, TITLE_PX + 14), scale=0.5, width=width * len(matrix.domains))
    for column, domain in enumerate(matrix.domains):
        x, top = left + column * width, TITLE_PX + HEAD_PX
        write_upwards(block, domain, (x + width // 2 + 5, top - 6), length=HEAD_PX - 30)
        for row, thresholds in enumerate(matrix.thresholds):
            y = top + row * height
            cell = matrix.cell(thresholds, domain, colour)
            value = None if cell is None else (cell.ratio if is_ratio else cell.score)
            inside = block[y + 1 : y + height - 1, x + 1 : x + width - 1]
            _draw_cell(inside, value)
            if thresholds == domain:
                cv2.rectangle(block, (x, y), (x + width - 1, y + height - 1), INK, 2)


def _draw_cell(cell: RgbImage, value: Value | None) -> None:
    width, height = cell.shape[1], cell.shape[0]
    if value is None:
        cell[:] = 240
        write(cell, '-', (width // 2, height // 2 + 4), colour=FAINT, align='centre')
        return
    cell[:] = _heat(value.value)
    ink = PAPER if np.dot(_heat(value.value), (0.3, 0.59, 0.11)) < 140 else INK
    has_interval = value.low is not None and value.high is not None and value.high > value.low
    y = height // 2 + (0 if has_interval else 5)
    write(cell, f'{value.value:.2f}', (width // 2, y), scale=0.5, colour=ink, align='centre')
    if has_interval:
        text = f'{value.low:.2f}-{value.high:.2f}'
        write(cell, text, (width // 2, y + 15), scale=0.33, colour=ink, align='centre')


def _heat(share: float) -> Colour:
    """Colour of a number from 0 to 1: dark violet to yellow, also told apart without colours."""
    level = np.full((1, 1), round(255 * min(max(share, 0.0), 1.0)), np.uint8)
    blue, green, red = cv2.applyColorMap(level, cv2.COLORMAP_VIRIDIS)[0, 0].tolist()
    return red, green, blue
