"""Contact sheets: many small pictures with captions on one sheet."""

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import ImageError
from sim2real_ros.image import place, place_image

Image = npt.NDArray[np.uint8]
T = TypeVar('T')

MAX_SHEET_SIDE_PX = 8192

_CAPTION_PX = 18
_FONT, _SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.4
_PAPER, _INK = 245, (40, 40, 40)
_GAP_PX = 4


def contact_sheet(
    images: Sequence[Image | None],
    captions: Sequence[str] = (),
    *,
    columns: int,
    cell: tuple[int, int] = (160, 120),
) -> Image:
    """Draw small pictures in rows, each above its caption.

    Pictures keep their aspect ratio. Captions that are wider than a cell lose their middle; what
    OpenCV's font does not have (all but ASCII) becomes a question mark.

    Args:
        images: RGB uint8, (H, W, 3), of any sizes; None leaves a cell empty.
        captions: One for each image, or none at all.
        columns: Cells in a row.
        cell: (width, height) of a picture in pixels.

    Returns:
        RGB uint8; a row takes the cell's height, and 18 pixels more where there are captions.

    Raises:
        ImageError: There is no image, the numbers of images and captions differ, or the sheet
            would have a side above ``MAX_SHEET_SIDE_PX``.
    """
    if not images or (captions and len(captions) != len(images)):
        raise ImageError(
            f'a contact sheet of {len(images)} images with {len(captions)} captions cannot be '
            'drawn; expected one caption for each image, or none'
        )
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    step_x, step_y = cell[0] + _GAP_PX, cell[1] + _GAP_PX + (_CAPTION_PX if captions else 0)
    height, width = rows * step_y + _GAP_PX, columns * step_x + _GAP_PX
    if columns < 1 or max(height, width) > MAX_SHEET_SIDE_PX:
        raise ImageError(
            f'a contact sheet of {width}x{height} pixels is too large, at most '
            f'{MAX_SHEET_SIDE_PX} on a side; take fewer or smaller pictures'
        )
    sheet = np.full((height, width, 3), _PAPER, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        x, y = _GAP_PX + column * step_x, _GAP_PX + row * step_y
        if image is not None:
            _draw_picture(sheet[y : y + cell[1], x : x + cell[0]], image)
        if captions:
            _draw_caption(sheet, captions[number], (x, y + cell[1]), cell[0])
    return sheet


def spread_evenly(items: Sequence[T], count: int) -> list[T]:
    """Return at most ``count`` items, the first and the last among them."""
    chosen = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[index] for index in chosen]


def _draw_picture(target: Image, image: Image) -> None:
    placement = place((image.shape[1], image.shape[0]), target.shape[1::-1], 'letterbox')
    target[:] = place_image(image, placement, border=_PAPER)


def _draw_caption(sheet: Image, text: str, corner: tuple[int, int], width: int) -> None:
    shown = plain = ''.join(each if ' ' <= each <= '~' else '?' for each in text)
    kept = len(shown)
    while kept and _width_of(shown) > width:
        # The end of a name tells more than its middle: it has the number.
        kept -= 1
        shown = f'{plain[: kept // 2]}...{plain[len(plain) - kept + kept // 2 :]}'
    place_of_text = corner[0], corner[1] + _CAPTION_PX - 6
    cv2.putText(sheet, shown, place_of_text, _FONT, _SCALE, _INK, 1, cv2.LINE_AA)


def _width_of(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, _SCALE, 1)[0][0])
