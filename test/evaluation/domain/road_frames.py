"""Frames of a drawn road: what a drive through a simulator looks like, roughly."""

import cv2
import numpy as np


def road_frame(turn=0.0, brightness=1.0, size=(256, 192), seed=0, deviation=3.0):
    """Draw a road: sky, grey ground, a white line to the right and dashes to the left.

    Args:
        turn: -1..1 moves the point where the lines meet from left to right.
        brightness: Factor.
        size: (width, height).
        seed: Of the noise.
        deviation: Of the noise, in grey levels.
    """
    width, height = 256, 192
    image = np.full((height, width, 3), (110, 200, 250), np.uint8)
    image[80:] = (70, 70, 75)
    end = (int(128 + 100 * turn), 82)
    cv2.line(image, (250, 191), end, (235, 235, 235), 9, cv2.LINE_AA)
    for share in np.arange(0.0, 1.0, 0.2):
        ends = [_between((40, 191), end, part) for part in (share, share + 0.1)]
        cv2.line(image, *ends, (230, 200, 40), 7, cv2.LINE_AA)
    noise = np.random.default_rng(seed).normal(0, deviation, image.shape)
    image = np.clip(image * brightness + noise, 0, 255).astype(np.uint8)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _between(start, end, part):
    return tuple(int(a + (b - a) * part) for a, b in zip(start, end, strict=True))


def road_drive(count, *, seed=0, size=(256, 192)):
    """Yield the frames of a drive that swerves slowly, in changing light and noise."""
    random = np.random.default_rng(seed)
    phases = random.uniform(0, 6, 3)
    for number in range(count):
        turn = 0.6 * np.sin(number / 7 + phases[0]) + 0.3 * np.sin(number / 3 + phases[1])
        brightness = 0.9 + 0.1 * np.sin(number / 11 + phases[2])
        deviation = 3 + 2 * np.sin(number / 9 + phases[2])
        yield road_frame(turn, brightness, size, seed=1000 * seed + number, deviation=deviation)
