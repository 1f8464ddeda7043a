"""Scenes with known structure, and what may be done to them."""

import functools
import zipfile
from pathlib import Path

import cv2
import numpy as np

from sim2real_ros.data import open_source
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.image.palette_png import decode_ids

DEMO = Path(__file__).parents[3] / 'tools/demo'
DRIVE_FRAMES = (0, 60, 120)
OBJECT = 5


@functools.cache
def drive():
    """Return (RGB, mask) of some frames of the demo's drive."""
    found = []
    with zipfile.ZipFile(DEMO / 'masks.zip') as masks:
        for number, frame in enumerate(open_source(DEMO / 'drive')):
            if number in DRIVE_FRAMES:
                found.append((frame.image.copy(), decode_ids(masks.read(f'{frame.stamp_ns}.png'))))
            if number == max(DRIVE_FRAMES):
                return tuple(found)
    raise AssertionError('the drive has too few frames')


def town(seed=0, size=(256, 192), patches=40):
    """Draw patches of many colours on a grey ground."""
    random = np.random.default_rng(seed)
    width, height = size
    image = np.full((height, width, 3), 110, np.uint8)
    for _ in range(patches):
        x, y = int(random.integers(0, width)), int(random.integers(0, height))
        axes = tuple(int(a) for a in random.integers(6, 22, 2))
        colour = tuple(int(c) for c in random.integers(0, 256, 3))
        cv2.ellipse(image, (x, y), axes, int(random.integers(0, 180)), 0, 360, colour, -1)
        cv2.rectangle(image, (x - 3, y - 3), (x + 5, y + 2), colour[::-1], -1)
    return cv2.GaussianBlur(image, (0, 0), 0.8)


def road(objects=((60, 120), (170, 60)), size=(256, 192)):
    """Draw a road with lines, and cones at the given places.

    Returns:
        RGB and the mask, in which cones have the id ``OBJECT`` and lines the id 2.
    """
    width, height = size
    image = np.full((height, width, 3), (90, 130, 80), np.uint8)
    mask = np.zeros((height, width), np.uint8)
    for x in (20, 236):
        cv2.line(image, (x, 0), (x, height), (235, 235, 230), 7)
        cv2.line(mask, (x, 0), (x, height), 2, 7)
    for place in objects:
        cone(image, place)
        cone(mask, place, ids=True)
    return cv2.GaussianBlur(image, (0, 0), 0.7), mask


def cone(image, place, *, ids=False):
    """Draw a thing of 30 x 36 pixels with stripes around a place, into the image."""
    x, y = place
    stripes = ((0, 36, (230, 90, 20)), (10, 19, (245, 245, 245)), (24, 29, (40, 40, 60)))
    for top, bottom, colour in stripes:
        corners = [
            (x - 3 - 12 * top // 36, y - 18 + top), (x + 3 + 12 * top // 36, y - 18 + top),
            (x + 3 + 12 * bottom // 36, y - 18 + bottom),
            (x - 3 - 12 * bottom // 36, y - 18 + bottom),
        ]  # fmt: skip
        cv2.fillPoly(image, [np.array(corners)], OBJECT if ids else colour)


def evaluated(sim, translated, mask=None):
    return EvaluatedFrame(SimFrame('a.png', sim, mask=mask), translated)


def values(measure, sim, translated, mask=None):
    return dict(measure.of_frame(evaluated(sim, translated, mask)).values)


def shifted(image, right, down=0):
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = (image.shape[1], image.shape[0])
    return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)


def warped(image, amplitude_px, spread_px=30, seed=1):
    """Move everything smoothly, by about so many pixels, elsewhere in another direction."""
    random = np.random.default_rng(seed)
    height, width = image.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    fields = [
        cv2.GaussianBlur(random.normal(size=(height, width)).astype(np.float32), (0, 0), spread_px)
        for _ in range(2)
    ]
    right, down = (each / each.std() * amplitude_px / np.sqrt(2) for each in fields)
    moved = (columns + right.astype(np.float32), rows + down.astype(np.float32))
    return cv2.remap(image, *moved, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def noisy(image, levels=8, seed=2):
    noise = np.random.default_rng(seed).normal(0, levels, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def blurred(image, sigma_px=1.5):
    return cv2.GaussianBlur(image, (0, 0), sigma_px)


def less_contrast(image):
    return (image * 0.5 + 60).astype(np.uint8)


def darker(image):
    return (image * 0.3).astype(np.uint8)


def brightened_gamma(image):
    return (255 * (image / 255) ** 0.6).astype(np.uint8)


def unevenly_lit(image):
    light = np.linspace(0.5, 1.1, image.shape[1])[None, :, None]
    return np.clip(image * light, 0, 255).astype(np.uint8)


def hue_shifted(image, by=15):
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + by) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def compressed(image):
    _, content = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 50])
    return cv2.imdecode(content, cv2.IMREAD_COLOR)


HARMLESS = {
    'less contrast': less_contrast,
    'darker': darker,
    'gamma': brightened_gamma,
    'light': unevenly_lit,
    'jpeg': compressed,
}
COSMETIC = {**HARMLESS, 'hue': hue_shifted, 'blur': blurred, 'noise': noisy}
"""Changes that move nothing and hide nothing."""


def featureless():
    """Return pairs of images with little or nothing in them, by name."""
    scene = town(5, (64, 48), 6)
    random = np.random.default_rng(3)
    black, grey = np.zeros_like(scene), np.full_like(scene, 128)
    small = random.integers(0, 256, (16, 16, 3), np.uint8)
    thin = random.integers(0, 256, (16, 300, 3), np.uint8)
    one_colour = np.repeat(cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    return {
        'black': (black, black), 'grey': (grey, grey), 'to black': (scene, black),
        'from grey': (grey, scene), 'to grey': (scene, grey), 'small': (small, small),
        'small to black': (small, np.zeros_like(small)), 'thin': (thin, thin),
        'one colour': (one_colour, scene), 'white to black': (black + 255, black),
    }  # fmt: skip
