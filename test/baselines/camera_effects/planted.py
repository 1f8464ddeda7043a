"""Frames with flat places, textures and sharp edges, and what a camera would make of them."""

import cv2
import numpy as np

from sim2real_ros.baselines.camera_effects.effects import CameraEffects
from sim2real_ros.baselines.camera_effects.reference import EffectsReference
from sim2real_ros.data import Frame

SIZE = (256, 192)


def scene(seed, size=SIZE):
    """Draw polygons without blur on a smooth ground: uint8 (H, W, 3), RGB, 20..235."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(40, 200, (3, 4, 3), dtype=np.uint8)
    image = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        corners = generator.integers((0, 0), size, (3, 2)).astype(np.int32)
        colour = [int(each) for each in generator.integers(20, 235, 3)]
        cv2.fillPoly(image, [corners], colour)
    return np.clip(image, 20, 235)


def frames(seeds, effects=None, size=SIZE):
    """Yield scenes as frames, seen by a camera with these effects."""
    camera = EffectsReference(effects or CameraEffects())
    for seed in seeds:
        yield Frame(camera(scene(seed, size)))
