"""Draw labels on pictures, for people to look at."""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError
from sim2real_ros.labels.label_set import ImageLabels, Instance, Part
from sim2real_ros.labels.raster import rasterise
from sim2real_ros.labels.rings import area_of_parts

_OPACITY = 0.4
_SHIFT = 4
_MIN_NAMED_PX = 8
"""Things smaller than a letter are told by their colour alone: names would hide the picture."""

_GOLDEN_RATIO = 0.618034
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_labels(
    rgb: npt.NDArray[np.uint8], labels: ImageLabels, classes: Sequence[str]
) -> npt.NDArray[np.uint8]:
    """Draw boxes, translucent shapes with their holes, and class names.

    Args:
        rgb: uint8, (H, W, 3), RGB, of the labels' size; stays as it is.
        labels: What is drawn.
        classes: Names; letters that OpenCV's font does not have are shown as ``?``.

    Returns:
        A new picture of the same size.

    Raises:
        DataError: The picture is of another size, or no RGB image.
    """
    if rgb.dtype != np.uint8 or rgb.shape != (labels.size[1], labels.size[0], 3):
        raise DataError(
            f'The picture of {labels.image!r} has shape {rgb.shape} of {rgb.dtype}, its '
            f'labels are for {labels.size[0]}x{labels.size[1]} pixels.'
        )
    picture: npt.NDArray[np.uint8] = np.array(rgb)
    width = max(1, round(min(labels.size) / 400))
    # Large ones first, so that they do not hide the small ones.
    ordered = sorted(labels.instances, key=lambda each: -_area(each))
    for each in ordered:
        _draw_shape(picture, each, labels.size, width)
    for each in ordered:
        _draw_box(picture, each, classes, width)
    return picture


def colour_of_class(class_id: int) -> tuple[int, int, int]:
    """Return a bright RGB colour, 0..255, far from those of the neighbouring ids."""
    hue = class_id * _GOLDEN_RATIO % 1.0
    value = (1.0, 0.8)[class_id // 8 % 2]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _draw_shape(
    picture: npt.NDArray[np.uint8], instance: Instance, size: tuple[int, int], width: int
) -> None:
    if not instance.parts:
        return
    colour = np.array(colour_of_class(instance.class_id), np.float32)
    mask = rasterise(instance.parts, size)
    mixed = picture[mask] * np.float32(1 - _OPACITY) + colour * np.float32(_OPACITY)
    picture[mask] = np.round(mixed).astype(np.uint8)
    _draw_outlines(picture, instance.parts, colour_of_class(instance.class_id), width)


def _draw_outlines(
    picture: npt.NDArray[np.uint8], parts: Sequence[Part], colour: tuple[int, int, int], width: int
) -> None:
    limit = 4 * max(picture.shape)
    for part in parts:
        for ring in part.rings:
            # OpenCV's coordinates are those of pixel centres, in 1/16 of a pixel.
            points = np.round((np.clip(ring, -limit, limit) - 0.5) * 2**_SHIFT).astype(np.int32)
            cv2.polylines(picture, [points], True, colour, width, cv2.LINE_AA, _SHIFT)


def _draw_box(
    picture: npt.NDArray[np.uint8], instance: Instance, classes: Sequence[str], width: int
) -> None:
    colour = colour_of_class(instance.class_id)
    limit = 4 * max(picture.shape)
    x_min, y_min, x_max, y_max = (round(min(max(value, -limit), limit)) for value in instance.box)
    cv2.rectangle(picture, (x_min, y_min), (x_max - 1, y_max - 1), colour, width)
    name = (
        classes[instance.class_id]
        if 0 <= instance.class_id < len(classes)
        else f'class {instance.class_id}'
    )
    text = name.encode('ascii', 'replace').decode()
    if instance.score is not None:
        text += f' {instance.score:.2f}'
    if max(x_max - x_min, y_max - y_min) >= _MIN_NAMED_PX:
        _write(picture, text, (x_min, y_min), colour)


def _write(
    picture: npt.NDArray[np.uint8],
    text: str,
    corner: tuple[int, int],
    colour: tuple[int, int, int],
) -> None:
    """Write on a plate of the class's colour, above a corner where there is room."""
    scale = max(0.35, min(picture.shape[:2]) / 1000)
    thickness = max(1, round(scale * 1.5))
    (width, height), below = cv2.getTextSize(text, _FONT, scale, thickness)
    x = max(0, min(corner[0], picture.shape[1] - width - 2))
    y = corner[1] if corner[1] >= height + below + 2 else corner[1] + height + below + 2
    y = max(height + below + 2, min(y, picture.shape[0]))
    cv2.rectangle(picture, (x, y - height - below - 2), (x + width + 2, y), colour, cv2.FILLED)
    # Dark letters on bright plates and the other way round; weights of ITU-R BT.601.
    bright = np.dot(colour, (0.299, 0.587, 0.114)) > 140
    ink = (0, 0, 0) if bright else (255, 255, 255)
    cv2.putText(picture, text, (x + 1, y - below), _FONT, scale, ink, thickness, cv2.LINE_AA)


def _area(instance: Instance) -> float:
    x_min, y_min, x_max, y_max = instance.box
    return area_of_parts(instance.parts) if instance.parts else (x_max - x_min) * (y_max - y_min)
