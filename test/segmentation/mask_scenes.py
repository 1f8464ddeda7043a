"""Made pictures with known masks, and label folders of them."""

import cv2
import numpy as np

from sim2real_ros.image.encode_file import encode_file

COLOURS = {'blob': (200, 40, 30), 'ring': (30, 60, 210), 'split': (230, 200, 20)}
CLASSES = ('duck', 'tyre', 'barrier')
"""Of blobs, rings and split things."""


def noisy(size, colour, seed, spread=9):
    rng = np.random.default_rng(seed)
    plain = np.full((size[1], size[0], 3), colour, np.float32)
    coarse = rng.normal(0, spread, (size[1] // 8 + 1, size[0] // 8 + 1, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    return np.clip(plain + smooth + rng.normal(0, 3, plain.shape), 0, 255).astype(np.uint8)


def shape(kind, size, box):
    """Draw a mask: an ellipse, one with a hole, or a bar that something else cuts in two."""
    left, top, right, bottom = box
    centre, axes = ((left + right) // 2, (top + bottom) // 2), (right - left, bottom - top)
    mask = np.zeros((size[1], size[0]), np.uint8)
    half = (axes[0] // 2, axes[1] // 2)
    if kind == 'split':
        mask[top:bottom, left:right] = 1
        mask[:, centre[0] - axes[0] // 8 : centre[0] + axes[0] // 8] = 0
    else:
        cv2.ellipse(mask, centre, half, 0, 0, 360, 1, -1)
    if kind == 'ring':
        cv2.ellipse(mask, centre, (half[0] // 2, half[1] // 2), 0, 0, 360, 0, -1)
    return mask.astype(bool)


def scene(size=(320, 240), kinds=('blob', 'ring', 'split'), seed=0):
    """Return RGB, and (kind, mask) of things side by side on grey ground."""
    rgb = noisy(size, (110, 120, 105), seed)
    step, things = size[0] // len(kinds), []
    for number, kind in enumerate(kinds):
        left, top = number * step + step // 6, size[1] // 4 + 5 * (seed % 4)
        box = (left, top, left + 2 * step // 3, top + size[1] // 2)
        mask = shape(kind, size, box)
        rgb[mask] = noisy(size, COLOURS[kind], seed + number + 1, 5)[mask]
        things.append((kind, mask))
    return rgb, things


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)


def iou(one, other):
    return (one & other).sum() / max(1, (one | other).sum())


def yolo_line(class_id, box, size):
    x0, y0, x1, y1 = np.asarray(box) / [*size, *size]
    return f'{class_id} {(x0 + x1) / 2:.6f} {(y0 + y1) / 2:.6f} {x1 - x0:.6f} {y1 - y0:.6f}\n'


def write_set(folder, sizes=((320, 240),), kinds=('blob', 'ring', 'split'), suffix='png'):
    """Write images with box labels; return the true (class id, mask) by name."""
    (folder / 'images').mkdir(parents=True)
    (folder / 'labels').mkdir()
    truth = {}
    for number, size in enumerate(sizes):
        rgb, things = scene(size, kinds, number)
        name = f'{number:03d}'
        (folder / f'images/{name}.{suffix}').write_bytes(encode_file(rgb, suffix))
        ids = [list(COLOURS).index(kind) for kind, _ in things]
        lines = [
            yolo_line(class_id, box_of(mask), size)
            for class_id, (_, mask) in zip(ids, things, strict=True)
        ]
        (folder / f'labels/{name}.txt').write_text(''.join(lines))
        truth[name] = [(i, mask) for i, (_, mask) in zip(ids, things, strict=True)]
    (folder / 'classes.txt').write_text(''.join(f'{name}\n' for name in CLASSES))
    return truth


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }
