"""The rendering camera: pybullet's software renderer, anti-aliased, with exact label masks."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from drive_objects import BACKGROUND, Part
from drive_scene import Scene, textures
from drive_shapes import Mesh, merged

from sim2real_ros.errors import DataError

SAMPLES = 3
"""Rendered samples per pixel and axis: pictures are their mean, labels the commonest of them."""
NEAR_M, FAR_M = 0.02, 30.0
FOCAL_PER_WIDTH = 0.625
LIGHT_DIRECTION = (-4.0, 3.0, 7.0)
SKY_HIGH, SKY_LOW = (96, 160, 226), (206, 226, 240)

UInt8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion; pixel (0, 0) has its centre at u = v = 0.

    Attributes:
        width: Image width in pixels.
        height: Image height in pixels.
    """

    width: int
    height: int

    @property
    def focal_px(self) -> float:
        """Return the focal length in pixels, equal along both axes."""
        return FOCAL_PER_WIDTH * self.width

    @property
    def centre_px(self) -> tuple[float, float]:
        """Return the principal point in pixels: the middle of the image."""
        return (self.width - 1) / 2, (self.height - 1) / 2

    def projection(self) -> list[float]:
        """Return the OpenGL projection matrix, column by column.

        The renderer samples at the corners of its pixels instead of their middles: a shift by
        half a sample (a sample is 2 / SAMPLES / width wide here) brings the principal point to
        `centre_px`.
        """
        shift_x, shift_y = 1 / (SAMPLES * self.width), 1 / (SAMPLES * self.height)
        depth = FAR_M - NEAR_M
        return [
            *(2 * self.focal_px / self.width, 0, 0, 0),
            *(0, 2 * self.focal_px / self.height, 0, 0),
            *(shift_x, shift_y, -(FAR_M + NEAR_M) / depth, -1),
            *(0, 0, -2 * FAR_M * NEAR_M / depth, 0),
        ]


class Camera:
    """Renders a scene; use it as a context manager."""

    def __init__(self, scene: Scene, intrinsics: Intrinsics, seed: int) -> None:
        """Load the scene into a private renderer.

        Args:
            scene: What to see.
            intrinsics: How to see it.
            seed: Seed of the textures.

        Raises:
            DataError: pybullet is not installed.
        """
        self._bullet = _import_pybullet()
        self._scene = scene
        self._intrinsics = intrinsics
        self._labels: list[int] = []
        self._client = self._bullet.connect(self._bullet.DIRECT)
        self._textures = self._load_textures(seed)
        for part in _grouped(scene.fixed):
            self._add(part)
        self._traffic = [
            ([self._add(part) for part in _grouped(parts)], start_m)
            for parts, start_m in scene.traffic
        ]
        self._sky = _sky(intrinsics.width * SAMPLES, intrinsics.height * SAMPLES)

    def __enter__(self) -> Camera:
        """Return the camera itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect from the renderer."""
        self._bullet.disconnect(self._client)

    def render(self, time_s: float) -> tuple[UInt8Array, UInt8Array]:
        """Render one moment of the drive.

        Args:
            time_s: Seconds since the start.

        Returns:
            The picture, (H, W, 3) RGB uint8, and its labels, (H, W) uint8.
        """
        self._move_traffic(time_s)
        size = self._intrinsics.width * SAMPLES, self._intrinsics.height * SAMPLES
        _, _, colour, _, bodies = self._bullet.getCameraImage(
            *size,
            self._view(time_s),
            self._intrinsics.projection(),
            lightDirection=LIGHT_DIRECTION,
            lightColor=(1.0, 0.98, 0.94),
            lightDistance=20,
            shadow=0,
            lightAmbientCoeff=0.55,
            lightDiffuseCoeff=0.50,
            lightSpecularCoeff=0.0,
            renderer=self._bullet.ER_TINY_RENDERER,
            physicsClientId=self._client,
        )
        bodies = np.reshape(bodies, size[::-1])
        rgb = np.reshape(colour, (*size[::-1], 4))[..., :3].astype(np.uint8)
        rgb = np.where((bodies < 0)[..., None], self._sky, rgb)
        labels = np.array([*self._labels, BACKGROUND], dtype=np.uint8)[bodies]
        return _mean(rgb), _commonest(labels)

    def _view(self, time_s: float) -> Any:
        """Return the view matrix at a time."""
        eye, direction = self._scene.camera(time_s)
        return self._bullet.computeViewMatrix(
            eye.tolist(), (eye + direction).tolist(), [0.0, 0.0, 1.0]
        )

    def _move_traffic(self, time_s: float) -> None:
        """Put the cars where they are at a time."""
        for bodies, start_m in self._traffic:
            x, y, yaw = self._scene.traffic_pose(start_m, time_s)
            turn = self._bullet.getQuaternionFromEuler([0.0, 0.0, yaw])
            for body in bodies:
                self._bullet.resetBasePositionAndOrientation(
                    body, [x, y, 0.002], turn, physicsClientId=self._client
                )

    def _add(self, part: Part) -> int:
        """Give a part to the renderer and return its body number."""
        shape = self._bullet.createVisualShape(
            self._bullet.GEOM_MESH,
            vertices=part.mesh.vertices.tolist(),
            indices=part.mesh.faces.ravel().tolist(),
            normals=part.mesh.normals.tolist(),
            uvs=part.mesh.uvs.tolist(),
            rgbaColor=[*part.colour, 1.0],
            physicsClientId=self._client,
        )
        body = int(
            self._bullet.createMultiBody(0, -1, shape, [0, 0, 0], physicsClientId=self._client)
        )
        if part.texture:
            self._bullet.changeVisualShape(
                body,
                -1,
                textureUniqueId=self._textures[part.texture],
                physicsClientId=self._client,
            )
        assert body == len(self._labels), 'bodies are numbered in the order of their creation'
        self._labels.append(part.label)
        return body

    def _load_textures(self, seed: int) -> dict[str, int]:
        """Load the textures by way of files, the only way that the renderer offers."""
        numbers = {}
        with tempfile.TemporaryDirectory() as folder:
            for name, rgb in textures(seed).items():
                path = Path(folder) / f'{name}.png'
                cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
                numbers[name] = self._bullet.loadTexture(str(path), physicsClientId=self._client)
        return numbers


def _import_pybullet() -> Any:
    """Import the renderer, or say how to get it."""
    try:
        import pybullet
    except ImportError as error:
        raise DataError(
            f'cannot import pybullet ({error}): it renders the demo drive and is needed for '
            'nothing else; install it with "pip install pybullet"'
        ) from error
    return pybullet


def _grouped(parts: list[Part]) -> list[Part]:
    """Join parts of the same looks and label, because the renderer is slow per body."""
    groups: dict[tuple[Any, ...], list[Mesh]] = {}
    for part in parts:
        groups.setdefault((part.colour, part.label, part.texture), []).append(part.mesh)
    return [Part(merged(meshes), *looks) for looks, meshes in groups.items()]


def _sky(width: int, height: int) -> UInt8Array:
    """Return a vertical gradient, (H, W, 3) RGB uint8, that ends at a third of the height."""
    share = np.clip(np.arange(height) / (height / 3), 0, 1)[:, None]
    column = (1 - share) * np.array(SKY_HIGH) + share * np.array(SKY_LOW)
    return np.broadcast_to(column[:, None], (height, width, 3)).astype(np.uint8)


def _mean(rgb: UInt8Array) -> UInt8Array:
    """Return the mean colour of the samples of each pixel."""
    size = rgb.shape[1] // SAMPLES, rgb.shape[0] // SAMPLES
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _commonest(labels: UInt8Array) -> UInt8Array:
    """Return the label that most samples of each pixel have."""
    height, width = labels.shape[0] // SAMPLES, labels.shape[1] // SAMPLES
    samples = labels.reshape(height, SAMPLES, width, SAMPLES)
    votes = [(samples == label).sum(axis=(1, 3)) for label in range(int(labels.max()) + 1)]
    return np.asarray(np.argmax(np.stack(votes), axis=0), dtype=np.uint8)
