"""Label sets and images made for the tests of the label formats."""

from pathlib import Path

import cv2
import numpy as np
from hypothesis import strategies as st

from sim2real_ros.image.encode_file import encode_file
from sim2real_ros.labels import ImageLabels, Instance, LabelSet, Part, parts_from_mask
from sim2real_ros.labels.rings import box_of_parts

NAMES = ('car', 'дом', 'a: b', '# 4', 'on', "it's", '日本', '7')


def blobs(seed: int, size: tuple[int, int], cover: float = 0.4, blur: float = 6.0) -> np.ndarray:
    """Return a mask with several parts and holes."""
    noise = np.random.default_rng(seed).random((size[1], size[0]))
    smooth = cv2.GaussianBlur(noise, (0, 0), blur)
    return smooth > np.quantile(smooth, 1 - cover)


def ring(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, np.float64)


def square(x: float, y: float, side: float) -> np.ndarray:
    return ring((x, y), (x + side, y), (x + side, y + side), (x, y + side))


def shape(class_id: int, *parts: Part, **more: object) -> Instance:
    return Instance(class_id, box_of_parts(parts), parts, **more)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def write_images(label_set: LabelSet, folder: Path) -> Path:
    """Write a picture for every image of a label set."""
    for number, labels in enumerate(label_set.images):
        width, height = labels.size
        rgb = np.full((height, width, 3), number % 256, np.uint8)
        path = folder / labels.image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_file(rgb, 'png'))
    return folder


@st.composite
def label_sets(draw: st.DrawFn, *, polygons: bool, max_images: int = 3) -> LabelSet:
    """Make label sets whose instances do not overlap, so that every format can hold them.

    Args:
        draw: By hypothesis.
        polygons: Shapes with several parts and holes, else boxes.
        max_images: At most.
    """
    count = draw(st.integers(1, 5))
    classes = tuple(draw(st.permutations(NAMES))[:count])
    images = []
    for number in range(draw(st.integers(1, max_images))):
        size = draw(st.tuples(st.integers(24, 200), st.integers(24, 200)))
        subset = draw(st.sampled_from(['train', 'val']))
        make = _shapes if polygons else _boxes
        instances = make(draw, size, count)
        name = f'images/{subset}/{draw(st.sampled_from(["", "a b/", "ü/"]))}im {number}.png'
        images.append(ImageLabels(name, size, instances, subset))
    return LabelSet(classes, tuple(images))


def _boxes(draw: st.DrawFn, size: tuple[int, int], count: int) -> tuple[Instance, ...]:
    """Make boxes in columns of their own."""
    edges = sorted(draw(st.sets(st.integers(0, size[0] - 1), min_size=0, max_size=6)))
    boxes = []
    for left, right in zip(edges[::2], edges[1::2], strict=False):
        top = draw(st.floats(0, size[1] - 2))
        bottom = draw(st.floats(top + 1, size[1]))
        box = (float(left), top, right + draw(st.floats(0, 0.9)), bottom)
        boxes.append(Instance(draw(st.integers(0, count - 1)), box))
    return tuple(boxes)


def _shapes(draw: st.DrawFn, size: tuple[int, int], count: int) -> tuple[Instance, ...]:
    mask = blobs(draw(st.integers(0, 1000)), size, draw(st.floats(0.1, 0.8)), blur=5.0)
    parts = parts_from_mask(mask)
    groups = draw(st.integers(0, min(3, len(parts))))
    return tuple(
        shape(draw(st.integers(0, count - 1)), *parts[number::groups]) for number in range(groups)
    )
