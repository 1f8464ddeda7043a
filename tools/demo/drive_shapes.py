"""Triangle meshes of the demo drive: solids with normals, flat strips, and moves of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from drive_track import FloatArray, Track

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Mesh:
    """Triangles with one normal and one texture coordinate per vertex.

    Attributes:
        vertices: (N, 3) positions in metres, z up.
        normals: (N, 3) unit vectors that point outwards.
        uvs: (N, 2) texture coordinates; one texture repeats per unit.
        faces: (M, 3) vertex numbers, counter-clockwise seen from outside.
    """

    vertices: FloatArray
    normals: FloatArray
    uvs: FloatArray
    faces: IntArray

    def moved(
        self, x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0, roll: float = 0.0
    ) -> Mesh:
        """Return the mesh rolled about x, then turned about z (radians), then shifted (metres)."""
        cr, sr, cy, sy = np.cos(roll), np.sin(roll), np.cos(yaw), np.sin(yaw)
        about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
        rotation = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]]) @ about_x
        vertices = self.vertices @ rotation.T + np.array([x, y, z])
        return Mesh(vertices, self.normals @ rotation.T, self.uvs, self.faces)

    def scaled(self, factor: float) -> Mesh:
        """Return the mesh made larger or smaller about its origin."""
        return Mesh(self.vertices * factor, self.normals, self.uvs, self.faces)


def merged(meshes: Sequence[Mesh]) -> Mesh:
    """Join meshes into one that draws the same triangles."""
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.uvs for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
    )


def polyhedron(corners: FloatArray, sides: Sequence[Sequence[int]]) -> Mesh:
    """Build a flat-shaded solid from convex sides given as corner numbers, seen from outside."""
    parts = []
    for side in sides:
        points = corners[list(side)]
        normal = np.cross(points[1] - points[0], points[2] - points[0])
        normals = np.tile(normal / np.linalg.norm(normal), (len(points), 1))
        fan = np.array([[0, i, i + 1] for i in range(1, len(points) - 1)])
        parts.append(Mesh(points, normals, np.zeros((len(points), 2)), fan))
    return merged(parts)


def box(length_m: float, width_m: float, height_m: float, z: float = 0.0) -> Mesh:
    """Build a box centred on the z axis that stands on height `z`; length is along x."""
    x, y = length_m / 2, width_m / 2
    base = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    corners = np.concatenate([np.c_[base, np.full(4, z)], np.c_[base, np.full(4, z + height_m)]])
    around = [(i, (i + 1) % 4, (i + 1) % 4 + 4, i + 4) for i in range(4)]
    return polyhedron(corners, [(3, 2, 1, 0), (4, 5, 6, 7), *around])


def roof(length_m: float, width_m: float, height_m: float, z: float = 0.0) -> Mesh:
    """Build a gable roof whose ridge runs along x, standing on height `z`."""
    x, y = length_m / 2, width_m / 2
    corners = np.array(
        [
            [-x, -y, z],
            [x, -y, z],
            [x, y, z],
            [-x, y, z],
            [-x, 0, z + height_m],
            [x, 0, z + height_m],
        ]
    )
    return polyhedron(corners, [(3, 2, 1, 0), (0, 1, 5, 4), (2, 3, 4, 5), (1, 2, 5), (3, 0, 4)])


def frustum(
    bottom_m: float, top_m: float, height_m: float, z: float = 0.0, sides: int = 16
) -> Mesh:
    """Build a closed cone piece from radius `bottom_m` to `top_m`; equal radii make a cylinder."""
    angles = np.linspace(0.0, 2 * np.pi, sides + 1) + np.pi / sides
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    slope = np.c_[ring * height_m, np.full(sides + 1, bottom_m - top_m)]
    slope /= np.linalg.norm(slope, axis=1, keepdims=True)
    low = np.c_[ring * bottom_m, np.full(sides + 1, z)]
    high = np.c_[ring * top_m, np.full(sides + 1, z + height_m)]
    i = np.arange(sides)
    faces = np.concatenate(
        [np.c_[i, i + 1, i + sides + 2], np.c_[i, i + sides + 2, i + sides + 1]]
    )
    mantle = Mesh(
        np.concatenate([low, high]), np.tile(slope, (2, 1)), np.zeros((2 * sides + 2, 2)), faces
    )
    caps = [polyhedron(low, [range(sides - 1, -1, -1)])]
    if top_m > 0:
        caps.append(polyhedron(high, [range(sides)]))
    return merged([mantle, *caps])


def ellipsoid(radii_m: tuple[float, float, float], z: float, sides: int = 14) -> Mesh:
    """Build an ellipsoid of the radii along x, y and z around height `z`."""
    rows = sides // 2 + 1
    polar, azimuth = np.meshgrid(
        np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, sides + 1), indexing='ij'
    )
    unit = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1
    ).reshape(-1, 3)
    normals = unit / np.array(radii_m)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    vertices = unit * np.array(radii_m) + np.array([0, 0, z])
    return Mesh(vertices, normals, np.zeros((len(unit), 2)), _grid_faces(rows, sides + 1))


def strip(
    track: Track,
    along_m: tuple[float, float],
    left_m: tuple[float, float],
    z: float,
    *,
    columns: int = 1,
    uv_per_m: float = 0.0,
) -> Mesh:
    """Build a flat strip that follows the road.

    Args:
        track: The road.
        along_m: First and last distance along the lap.
        left_m: Right and left edge, measured to the left of the centre line.
        z: Height of the strip.
        columns: Quads across; wide strips near the camera need several.
        uv_per_m: Texture repeats per metre of the ground; 0 for no texture.

    Returns:
        The strip, seen from above.
    """
    rows = max(int(np.ceil((along_m[1] - along_m[0]) / 0.04)), 1) + 1
    along = np.linspace(*along_m, rows)
    edges = [track.at(along, left) for left in np.linspace(left_m[1], left_m[0], columns + 1)]
    return _flat(np.stack(edges, axis=1), z, uv_per_m)


def ground(low_m: tuple[float, float], high_m: tuple[float, float], uv_per_m: float) -> Mesh:
    """Build the flat ground at height 0 between two corners, in quads of about 0.25 m."""
    counts = [
        int(np.ceil((high - low) / 0.25)) + 1 for low, high in zip(low_m, high_m, strict=True)
    ]
    x = np.linspace(low_m[0], high_m[0], counts[0])
    y = np.linspace(high_m[1], low_m[1], counts[1])
    return _flat(np.stack(np.meshgrid(x, y, indexing='ij'), axis=-1), 0.0, uv_per_m)


def _flat(grid: FloatArray, z: float, uv_per_m: float) -> Mesh:
    """Turn a (rows, columns, 2) grid of positions, left to right, into a mesh facing up."""
    flat = grid.reshape(-1, 2)
    normals = np.tile([0.0, 0.0, 1.0], (len(flat), 1))
    faces = _grid_faces(grid.shape[0], grid.shape[1])[:, ::-1]
    return Mesh(np.c_[flat, np.full(len(flat), z)], normals, flat * uv_per_m, faces)


def _grid_faces(rows: int, columns: int) -> IntArray:
    """Return the (M, 3) triangles of a row-major grid of vertices."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    below = first + columns
    return np.concatenate([np.c_[first, below, below + 1], np.c_[first, below + 1, first + 1]])
