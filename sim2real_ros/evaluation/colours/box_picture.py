"""Picture of thresholds: their boxes over the hues and saturations of the labelled pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.colours.picture_canvas import (
    FAINT,
    INK,
    PAPER,
    Colour,
    blank,
    write,
)
from sim2real_ros.evaluation.colours.thresholds import ColourThresholds, HsvRange
from sim2real_ros.evaluation.frame import RgbImage

PLOT_PX = (360, 256)
"""Two pixels for each hue, one for each saturation."""

HEAD_PX, LEFT_PX, RIGHT_PX, BELOW_PX = 30, 46, 18, 44
LEGEND_PX = 64
FITTED: Colour = INK
GIVEN: Colour = (214, 0, 150)


@dataclass(frozen=True, eq=False)
class DomainDensity:
    """Where the labelled pixels of a domain are, and the thresholds that were fitted to them.

    Attributes:
        name: Of the domain.
        density: int64 (180 hues, 64 saturations) by colour: numbers of pixels.
        fitted: Of the domain.
    """

    name: str
    density: Mapping[str, npt.NDArray[np.int64]]
    fitted: ColourThresholds


def box_picture(domains: Sequence[DomainDensity], given: ColourThresholds) -> RgbImage:
    """Draw a plot for each colour (rows) and domain (columns).

    Args:
        domains: At least one, all with the same colours.
        given: Thresholds in use, drawn into every plot.

    Returns:
        RGB uint8. To the right hue 0 to 179, upwards saturation 0 to 255; the darker, the more
        labelled pixels.
    """
    rows = []
    for colour in given.colours:
        plots = [_plot(each, colour, given, is_first=not n) for n, each in enumerate(domains)]
        rows.append(np.hstack(plots))
    picture = np.vstack([blank(rows[0].shape[1], LEGEND_PX), *rows])
    title = 'Labelled pixels by hue and saturation'
    write(picture, title, (18, 26), scale=0.62, width=picture.shape[1] - 20)
    _draw_legend(picture, given.name)
    return picture


def _draw_legend(picture: RgbImage, given: str) -> None:
    cv2.rectangle(picture, (18, 42), (40, 54), FITTED, 2)
    write(picture, 'fitted', (48, 53), scale=0.42)
    _dashed(picture, (110, 42), (132, 54), GIVEN)
    write(picture, given, (140, 53), scale=0.42, width=picture.shape[1] - 150)


def _plot(
    domain: DomainDensity, colour: str, given: ColourThresholds, *, is_first: bool
) -> RgbImage:
    width, height = PLOT_PX
    picture = blank(LEFT_PX + width + RIGHT_PX, HEAD_PX + height + BELOW_PX)
    counts = domain.density[colour]
    area = picture[HEAD_PX : HEAD_PX + height, LEFT_PX : LEFT_PX + width]
    area[:] = _hues_with_density(counts)
    if colour in given.colours:
        for each in given.colours[colour].ranges:
            _dashed(area, *_corners(each), GIVEN)
    if colour in domain.fitted.colours:
        for each in domain.fitted.colours[colour].ranges:
            cv2.rectangle(area, *_corners(each), PAPER, 4)
            cv2.rectangle(area, *_corners(each), FITTED, 2)
    title = f'{colour}, {domain.name}'
    write(picture, title, (LEFT_PX, HEAD_PX - 9), scale=0.5, width=width)
    if not counts.any():
        write(picture, 'no pixel', (LEFT_PX + width // 2, HEAD_PX + height // 2), align='centre')
    _draw_axes(picture, names=is_first)
    return picture


def _hues_with_density(counts: npt.NDArray[np.int64]) -> RgbImage:
    """Pale hues, darker the more pixels there are, on a logarithmic scale."""
    hue, saturation = np.meshgrid(np.arange(180), np.arange(255, -1, -1))
    value = np.full_like(hue, 255)
    hsv = np.dstack([hue, saturation, value]).astype(np.uint8)
    colours = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)
    dark = np.log1p(counts.T[::-1].astype(np.float32)) / np.log1p(max(1, int(counts.max())))
    dark = cv2.resize(dark, (180, 256), interpolation=cv2.INTER_NEAREST)[..., np.newaxis]
    pale = 0.4 * colours + 0.6 * 255
    mixed = pale * (1 - dark) + np.array((30, 30, 60), np.float32) * dark
    wide = cv2.resize(mixed, PLOT_PX, interpolation=cv2.INTER_NEAREST)
    return np.asarray(wide.round().clip(0, 255), np.uint8)


def _corners(box: HsvRange) -> tuple[tuple[int, int], tuple[int, int]]:
    left, right = 2 * min(box.low[0], 179), 2 * min(box.high[0], 179) + 1
    return (left, 255 - box.high[1]), (right, 255 - box.low[1])


def _dashed(
    picture: RgbImage, first: tuple[int, int], last: tuple[int, int], colour: Colour
) -> None:
    """Draw a dashed rectangle, two pixels wide."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.rectangle(mask, first, last, 1, 2)
    y, x = np.indices(mask.shape)
    picture[(mask > 0) & ((x + y) % 12 < 8)] = colour


def _draw_axes(picture: RgbImage, *, names: bool) -> None:
    width, height = PLOT_PX
    bottom = HEAD_PX + height
    cv2.rectangle(picture, (LEFT_PX - 1, HEAD_PX - 1), (LEFT_PX + width, bottom), FAINT, 1)
    for hue in (0, 30, 60, 90, 120, 150, 179):
        write(picture, str(hue), (LEFT_PX + 2 * hue, bottom + 15), scale=0.36, align='centre',
              colour=FAINT)  # fmt: skip
    for level in (0, 100, 200, 255):
        write(picture, str(level), (LEFT_PX - 6, bottom - level + 3), scale=0.36, align='right',
              colour=FAINT)  # fmt: skip
    if names:
        write(picture, 'hue (right), saturation (up)', (LEFT_PX, bottom + 32), scale=0.38,
              colour=FAINT)  # fmt: skip
