"""Pairs of frames as pictures: a sheet of a few rows, and the panels of a video."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.data import Frame
from sim2real_ros.image import resize

Image = npt.NDArray[np.uint8]
Pair = tuple[Frame, Frame]

ROWS = 3
MIN_PANEL_WIDTH, MAX_PANEL_WIDTH = 240, 640
INK, MUTED, PAPER = (28, 32, 38), (110, 116, 124), (255, 255, 255)
# Sizes of the sheet in units of a panel's width, so that small and large frames look alike.
MARGIN, GAP, TITLE, CAPTION, LINE = 0.05, 0.025, 0.034, 0.022, 0.09
# Strokes are drawn larger and scaled down: OpenCV's own smoothing leaves them ragged.
SUPERSAMPLING = 4
# Thickness of a stroke in heights of a capital letter: plain, bold.
STROKE = (0.1, 0.16)


@dataclass(frozen=True)
class Sheet:
    """A picture of several pairs.

    Attributes:
        image: RGB uint8 (H, W, 3).
        panels: For each row its stamp, and x, y, width, height of both panels in pixels.
    """

    image: Image
    panels: list[dict[str, Any]]


def pair_frames(
    originals: Iterable[Frame], translated: Iterable[Frame], *, by_stamp: bool
) -> Iterator[Pair]:
    """Bring the frames of two streams together.

    Args:
        originals: What went in, in order.
        translated: What came out, in the same order; some may be missing.
        by_stamp: Whether equal stamps tell what belongs together; else the first belongs to the
            first, and so on.
    """
    if not by_stamp:
        yield from zip(originals, translated, strict=False)
        return
    answers = iter(translated)
    answer = next(answers, None)
    for frame in originals:
        if answer is not None and frame.stamp_ns == answer.stamp_ns:
            yield frame, answer
            answer = next(answers, None)


def evenly_spread(count: int, rows: int = ROWS) -> list[int]:
    """Return the indices of some of `count` pairs, none of them at the very beginning or end."""
    return sorted({int((row + 0.5) * count / rows) for row in range(rows)}) if count else []


def panel_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) at which frames of a size are shown.

    As they are if possible; tiny ones are enlarged by a whole factor, large ones made smaller.
    """
    width, height = size
    if width < MIN_PANEL_WIDTH:
        factor = math.ceil(MIN_PANEL_WIDTH / width)
        return width * factor, height * factor
    scale = min(1.0, MAX_PANEL_WIDTH / width)
    return round(width * scale), max(1, round(height * scale))


def fit_panel(frame: Frame, size: tuple[int, int]) -> Image:
    """Return a frame's pixels at a panel's size, RGB; enlarged ones stay the same squares."""
    enlarged = frame.image.shape[1] < size[0]
    return resize(frame.image, size, interpolation='nearest' if enlarged else 'auto')


def draw_text(
    canvas: Image,
    text: str,
    position: tuple[float, float],
    height: float,
    *,
    colour: tuple[int, int, int] = INK,
    bold: bool = False,
    width: float = np.inf,
) -> None:
    """Write one line onto a picture, in place.

    Args:
        canvas: RGB uint8 (H, W, 3).
        text: Letters that OpenCV's fonts lack appear as question marks.
        position: Left end and baseline in pixels.
        height: Of a capital letter in pixels.
        colour: RGB.
        bold: Whether to draw thick strokes.
        width: Space in pixels; a longer line is made smaller.
    """
    font = cv2.FONT_HERSHEY_SIMPLEX
    strokes = max(1, round(STROKE[bold] * height * SUPERSAMPLING))
    scale = height * SUPERSAMPLING / cv2.getTextSize('H', font, 1.0, 1)[0][1]
    natural = cv2.getTextSize(text, font, scale, strokes)[0][0] / SUPERSAMPLING
    scale *= min(1.0, width / max(natural, 1))
    rows, columns = canvas.shape[:2]
    mask = np.zeros((rows * SUPERSAMPLING, columns * SUPERSAMPLING), np.uint8)
    x, y = (round(value * SUPERSAMPLING) for value in position)
    cv2.putText(mask, text, (x, y), font, scale, 255, strokes, cv2.LINE_AA)
    cover = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA)[..., None] / 255.0
    canvas[:] = np.round(canvas * (1.0 - cover) + np.array(colour) * cover).astype(np.uint8)


@dataclass(frozen=True)
class Layout:
    """Measures of a sheet in pixels; all follow from the width of a panel."""

    width: int
    height: int

    @classmethod
    def of(cls, frame: Frame) -> 'Layout':
        """Choose the measures for frames of this size."""
        return cls(*panel_size((frame.image.shape[1], frame.image.shape[0])))

    @property
    def margin(self) -> int:
        """Empty border."""
        return round(MARGIN * self.width)

    @property
    def line(self) -> int:
        """Height of a line of text with the space around it."""
        return round(LINE * self.width)

    @property
    def columns(self) -> tuple[int, int]:
        """Left edges of the two columns."""
        return self.margin, self.margin + self.width + round(GAP * self.width)

    @property
    def total_width(self) -> int:
        """Width of the sheet."""
        return self.columns[1] + self.width + self.margin


def draw_sheet(pairs: list[Pair], titles: tuple[str, str], footer: str, start_ns: int) -> Sheet:
    """Draw a picture that people look at: rows of original | translated with captions.

    Args:
        pairs: At least one; the first one's size is that of all panels.
        titles: Above the columns.
        footer: Below all.
        start_ns: Stamp from which the captions count.
    """
    layout = Layout.of(pairs[0][0])
    parts = [draw_heading(layout, titles)]
    panels = []
    for pair in pairs:
        y = sum(part.shape[0] for part in parts)
        box = [y, layout.width, layout.height]
        original, translated = ([x, *box] for x in layout.columns)
        stamp_ns = pair[0].stamp_ns
        panels.append({'stamp_ns': stamp_ns, 'original': original, 'translated': translated})
        parts += [draw_row(layout, pair), draw_caption(layout, (stamp_ns - start_ns) / 1e9)]
    return Sheet(np.vstack([*parts, draw_footer(layout, footer)]), panels)


def draw_heading(layout: Layout, titles: tuple[str, str]) -> Image:
    """Draw the line above the columns."""
    result = strip(layout.total_width, layout.margin // 2 + layout.line)
    for x, title in zip(layout.columns, titles, strict=True):
        position = (x, result.shape[0] - 0.35 * layout.line)
        draw_text(result, title, position, TITLE * layout.width, bold=True, width=layout.width)
    return result


def draw_row(layout: Layout, pair: Pair) -> Image:
    """Draw the two frames of a pair."""
    result = strip(layout.total_width, layout.height)
    for x, frame in zip(layout.columns, pair, strict=True):
        result[:, x : x + layout.width] = fit_panel(frame, (layout.width, layout.height))
    return result


def draw_caption(layout: Layout, seconds: float) -> Image:
    """Draw the line below a row."""
    result = strip(layout.total_width, layout.line)
    position = (layout.margin, 0.48 * layout.line)
    draw_text(result, f't = {seconds:.1f} s', position, CAPTION * layout.width, colour=MUTED)
    return result


def draw_footer(layout: Layout, text: str) -> Image:
    """Draw the line below all rows."""
    result = strip(layout.total_width, layout.line)
    position, space = (layout.margin, 0.3 * layout.line), layout.total_width - 2 * layout.margin
    draw_text(result, text, position, CAPTION * layout.width, colour=MUTED, width=space)
    return result


def strip(width: int, height: int) -> Image:
    """Return empty paper, RGB."""
    return np.full((height, width, 3), PAPER, np.uint8)
