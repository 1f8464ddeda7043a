"""Text and frames on pictures that are drawn here."""

import cv2
import numpy as np

from sim2real_ros.evaluation.frame import RgbImage

Colour = tuple[int, int, int]

PAPER: Colour = (255, 255, 255)
INK: Colour = (38, 38, 46)
FAINT: Colour = (128, 128, 138)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def blank(width: int, height: int) -> RgbImage:
    """Return white paper, uint8 RGB (height, width, 3)."""
    return np.full((height, width, 3), PAPER, np.uint8)


def write(
    picture: RgbImage,
    text: str,
    place: tuple[int, int],
    *,
    scale: float = 0.45,
    colour: Colour = INK,
    align: str = 'left',
    width: int = 0,
    thickness: int = 1,
) -> None:
    """Write a line of text.

    Args:
        picture: uint8 RGB, changed in place.
        text: What is no ASCII becomes a question mark; OpenCV has no other letters.
        place: (x, y) of the baseline.
        scale: 0.45 is about 10 pixels high.
        colour: RGB.
        align: ``left``, ``centre`` or ``right`` of the place.
        width: Most pixels; a longer text loses its end. 0 = any number.
        thickness: Of the strokes; 2 is bold.
    """
    text = ''.join(each if ' ' <= each <= '~' else '?' for each in text)
    while width and len(text) > 3 and _width(text, scale, thickness) > width:
        text = f'{text.removesuffix("..")[:-1]}..'
    shift = {'left': 0.0, 'centre': 0.5, 'right': 1.0}[align] * _width(text, scale, thickness)
    corner = (round(place[0] - shift), place[1])
    cv2.putText(picture, text, corner, _FONT, scale, colour, thickness, cv2.LINE_AA)


def write_upwards(
    picture: RgbImage, text: str, place: tuple[int, int], *, length: int, scale: float = 0.45
) -> None:
    """Write a line of text that runs upwards from a place (x of its baseline, y of its start).

    Args:
        picture: uint8 RGB, changed in place.
        text: As in ``write``.
        place: (x, y); the text must fit above.
        length: Most pixels.
        scale: As in ``write``.
    """
    line = blank(length, 20)
    write(line, text, (0, 14), scale=scale, width=length)
    x, y = place
    picture[y - length : y, x - 14 : x + 6] = cv2.rotate(line, cv2.ROTATE_90_COUNTERCLOCKWISE)


def _width(text: str, scale: float, thickness: int) -> int:
    return int(cv2.getTextSize(text, _FONT, scale, thickness)[0][0])
