"""The kernel with its memory: shrink an image, and apply a grid to it."""

import numpy as np
from numpy.typing import NDArray

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.bilateral.compilation import compiled_kernel
from sim2real_ros.runtime.bilateral.kernel import (
    MAX_WIDTH_PX,
    ROWS_OF_SCRATCH,
    STRIDE,
    TERMS,
)
from sim2real_ros.runtime.bilateral.row_workers import RowWorkers
from sim2real_ros.runtime.bilateral.structure import GridDescription

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

NO_DETAIL: Floats = np.zeros((TERMS, 0, 0), np.float32)


class BilateralSlicer:
    """What a model does besides its networks. Use it from one thread at a time.

    Memory for intermediate values is kept from frame to frame, as long as the width is the same.
    """

    def __init__(self, description: GridDescription, threads: int) -> None:
        """Compile the kernel, or take it from the disk.

        Args:
            description: Of the model.
            threads: How many work; 0 = as many as there are cores, but few.

        Raises:
            BackendError: numba cannot compile the kernel.
        """
        self._kernel = compiled_kernel()
        self._description = description
        self._workers = RowWorkers(threads)
        self._slopes = np.array(description.guide_slopes, np.float32)
        self._guide = np.column_stack(
            [
                np.array(description.guide_inner, np.float32),
                np.array(description.guide_outer, np.float32),
            ]
        )
        self._width = 0
        self._scratch: list[tuple[Floats, Image, Floats, Floats]] = []

    @property
    def threads(self) -> int:
        """How many threads work."""
        return self._workers.threads

    def shrink(self, image: Image, copy: Floats) -> None:
        """Write the small image that the grid's network looks at.

        Args:
            image: uint8 (H, W, 3) RGB, C-contiguous.
            copy: float32 (3, h, w) to write to, -1..1.

        Raises:
            BackendError: An array has another shape.
        """
        width, height = self._description.copy_size
        _check('copy', copy, (3, height, width))
        self._prepare(image)
        rows, columns = self._description.rows, self._description.columns
        tiled_height = -(-image.shape[0] // rows) * rows
        tiled_width = -(-image.shape[1] // columns) * columns

        def work(thread: int, start: int, stop: int) -> None:
            line = self._scratch[thread][0].reshape(-1)
            self._kernel.copy_rows(image, copy, tiled_height, tiled_width, line, start, stop)

        self._workers.run(work, height)

    def apply(
        self, image: Image, out: Image, grid: Floats, detail: Floats, detail_strength: float
    ) -> None:
        """Write the translated image.

        Args:
            image: uint8 (H, W, 3) RGB, C-contiguous.
            out: The same, to write to; must not overlap ``image``.
            grid: float32 (3, 4, bins, rows + 1, columns + 1).
            detail: float32 (12, H / 2, W / 2), or NO_DETAIL.
            detail_strength: Factor of its change.

        Raises:
            BackendError: An array has another shape.
        """
        self._prepare(image)
        _check('out', out, image.shape)
        cells = (self._description.bins, self._description.rows + 1, self._description.columns + 1)
        _check('grid', grid, (3, 4, *cells))
        if detail is not NO_DETAIL:
            height, width = image.shape[0], image.shape[1]
            if height % 2 or width % 2:
                raise BackendError(f'The detail branch needs even sides, not {width}x{height}.')
            _check('detail', detail, (TERMS, height // 2, width // 2))
        # What one pixel needs, side by side.
        matrices = np.ascontiguousarray(grid.reshape(TERMS, *cells).transpose(2, 3, 1, 0))
        factor = self._description.detail_amplitude * detail_strength

        def work(thread: int, start: int, stop: int) -> None:
            own = self._scratch[thread]
            self._kernel.slice_rows(
                *(image, out, matrices, self._guide, self._slopes, detail, factor),
                *(*own, start, stop),
            )

        self._workers.run(work, image.shape[0])

    def _prepare(self, image: Image) -> None:
        if image.ndim != 3 or image.shape[2] != 3 or min(image.shape) < 1:
            raise BackendError(f'Expected an image (H, W, 3), found {image.shape}.')
        width = image.shape[1]
        if width == self._width:
            return
        if width > MAX_WIDTH_PX:
            raise BackendError(
                f'The fused backend takes images up to {MAX_WIDTH_PX} pixels wide, not {width}; '
                'use the backend onnxruntime.'
            )
        columns, bins = self._description.columns, self._description.bins
        self._scratch = [
            (
                np.empty((ROWS_OF_SCRATCH, STRIDE), np.float32),
                np.empty((3, width), np.uint8),
                np.empty((columns + 1, bins, TERMS), np.float32),
                np.empty((columns, bins, TERMS), np.float32),
            )
            for _ in range(self._workers.threads)
        ]
        self._width = width


def _check(name: str, array: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    # The kernel looks at no bounds.
    if array.shape != shape:
        raise BackendError(f'The {name} has the shape {array.shape}, expected {shape}.')
