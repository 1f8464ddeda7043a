"""One image: its boxes become shapes, the classes and polygons that it has stay."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from sim2real_ros.errors import ImageError
from sim2real_ros.labels import ImageLabels, Instance, Part, parts_from_mask
from sim2real_ros.labels.rings import box_of_parts
from sim2real_ros.segmentation.box_shape import Mask, pixel_rect
from sim2real_ros.segmentation.segmenter import RgbImage, Segmenter


@dataclass(frozen=True, eq=False)
class Masked:
    """What became of the labels of an image.

    Attributes:
        labels: Instances with shapes, in the order of the input.
        fallbacks: (index in ``labels.instances``, reason) where a shape was made from the box.
        lost: Instances that could not be kept, in words.
    """

    labels: ImageLabels
    fallbacks: tuple[tuple[int, str], ...] = ()
    lost: tuple[str, ...] = ()


def mask_labels(
    rgb: RgbImage,
    labels: ImageLabels,
    segmenter: Segmenter,
    *,
    redo: bool = False,
    min_area_px: float = 0.0,
    epsilon_px: float = 0.0,
) -> Masked:
    """Give every instance of an image a shape.

    Args:
        rgb: uint8 (H, W, 3), RGB.
        labels: Of this image, in its pixels.
        segmenter: Makes masks of boxes.
        redo: Also replace shapes that are there.
        min_area_px: Smaller islands and holes are removed, see MaskOptions.
        epsilon_px: How far polygons may lie from masks, see MaskOptions.

    Raises:
        ImageError: The labels are for an image of another size.
        ModelError, BackendError: The segmenter failed.
    """
    size = (rgb.shape[1], rgb.shape[0])
    if labels.size != size:
        raise ImageError(
            f'the image has {size[0]}x{size[1]} pixels, but its labels are for '
            f'{labels.size[0]}x{labels.size[1]}; export the labels again'
        )
    kept, lost = [], []
    for number, each in enumerate(labels.instances, 1):
        if pixel_rect(np.array(each.box), size) is None and (redo or not each.parts):
            where = f'line {each.line}' if each.line else f'instance {number}'
            lost.append(f'{where}: the box {_shown(each)} has no pixel in the image')
        else:
            kept.append(each)
    wanted = [index for index, each in enumerate(kept) if redo or not each.parts]
    boxes = np.array([kept[index].box for index in wanted], np.float64).reshape(-1, 4)
    fallbacks = []
    for index, found in zip(wanted, segmenter.segment(rgb, boxes), strict=True):
        parts = shape_of_mask(found.mask, min_area_px, epsilon_px)
        kept[index] = replace(kept[index], parts=parts, box=box_of_parts(parts))
        if found.fallback:
            fallbacks.append((index, found.fallback))
    return Masked(replace(labels, instances=tuple(kept)), tuple(fallbacks), tuple(lost))


def shape_of_mask(mask: Mask, min_area_px: float, epsilon_px: float) -> tuple[Part, ...]:
    """Turn a mask into polygons: all of its islands, with their holes.

    Args:
        mask: bool (H, W), not empty.
        min_area_px: Islands and holes with fewer pixels are removed, but the largest island.
        epsilon_px: How far polygons may lie from the mask.
    """
    clean = _without_specks(mask, min_area_px)
    # What is simplified to nothing, a line of pixels for instance, is traced as it is.
    return parts_from_mask(clean, epsilon_px) or parts_from_mask(clean)


def _without_specks(mask: Mask, min_area_px: float) -> Mask:
    if min_area_px <= 1:
        return mask
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    # One pixel of surroundings, so that what is outside is one piece and no hole.
    place = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    crop = np.pad(mask[place], 1)
    areas, islands = _areas(crop, 8)
    large = areas >= min_area_px
    large[1 + int(np.argmax(areas[1:]))] = True
    large[0] = False
    crop = large[islands]
    areas, gaps = _areas(~crop, 4)
    small = areas < min_area_px
    small[0] = True
    small[gaps[0, 0]] = False
    clean = np.zeros_like(mask)
    clean[place] = small[gaps][1:-1, 1:-1]
    return clean


def _areas(mask: Mask, connectivity: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of each connected piece, the rest of the picture first, and a map."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=connectivity
    )
    return np.asarray(stats[:, cv2.CC_STAT_AREA]), np.asarray(pieces)


def _shown(instance: Instance) -> str:
    return '(' + ', '.join(f'{value:g}' for value in instance.box) + ')'
