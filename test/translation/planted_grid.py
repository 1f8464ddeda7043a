"""A planted network whose colours flicker, behind the interface of a back end, and its frames."""

import zlib

import cv2
import numpy as np
import translation_cases as cases

from sim2real_ros.runtime.frame_context import CameraMemory, FrameContext
from sim2real_ros.runtime.grid_smoothing import smoothed
from sim2real_ros.translation import model_pool

CELLS = (3, 4)
SMOOTHING_S = 0.2


class FlickeringGrid:
    """Multiplies the image by gains that differ from cell to cell and from image to image."""

    name, provider, fallback = 'planted', 'cpu', ''

    def __init__(self, amplitude=0.1, model='planted'):
        self.amplitude = amplitude
        self.model = model
        self.contexts = []

    def run(self, image, out, context=None):
        self.contexts.append(context)
        random = np.random.default_rng(zlib.crc32(image.tobytes()))
        grid = (1 + self.amplitude * random.standard_normal(CELLS)).astype(np.float32)
        grid = smoothed(context or FrameContext(), grid, image[0], self.model)
        field = cv2.resize(grid, (image.shape[2], image.shape[1]))[..., np.newaxis]
        result = np.clip(np.rint(image * field), 0, 255).astype(np.uint8)
        if out is None:
            return result
        out[:] = result
        return out


class OnePiece(FlickeringGrid):
    """A back end that knows nothing of grids."""

    def run(self, image, out, context=None):
        return super().run(image, out, FrameContext())


def plant(monkeypatch, kind=FlickeringGrid):
    """Let every translation use planted back ends; return those that were made."""
    made = []

    def create(name, model, options):
        made.append(kind())
        return made[-1]

    monkeypatch.setattr(model_pool, 'create_backend', create)
    monkeypatch.setattr(model_pool, 'is_bilateral', lambda model: True)
    return made


def frame(number, scene=0, size=(64, 48)):
    """Make a frame of a camera that stands still and is a little noisy."""
    noise = np.random.default_rng(1000 + number).normal(0, 2, (size[1], size[0], 3))
    picture = cases.smooth_image(*size, scene) * 0.6 + 50 + noise
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def expected(frames, stamps_s, smoothing_s=SMOOTHING_S):
    """Translate the frames of one camera by hand, one after the other."""
    backend, memory = FlickeringGrid(), CameraMemory()
    return [
        backend.run(f[np.newaxis], None, FrameContext(1.0, smoothing_s, stamp_s, memory))[0]
        for f, stamp_s in zip(frames, stamps_s, strict=True)
    ]
