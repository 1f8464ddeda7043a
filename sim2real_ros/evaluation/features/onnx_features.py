"""OnnxFeatures: images in, pooled features out, by a graph whose contract is known."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sim2real_ros.errors import BackendError
from sim2real_ros.evaluation.features.extractor import Features, Prepared, RgbImage
from sim2real_ros.evaluation.features.finite_outputs import run_finite
from sim2real_ros.evaluation.features.resizing import RESIZING, resized
from sim2real_ros.evaluation.onnx_session import RUNTIME, OnnxSession

MAX_DIMENSIONS = 16384
"""Longest row of features: its covariance takes 2 GiB."""

MIDDLE_LEVEL = 128


@dataclass(frozen=True)
class GraphContract:
    """What a graph takes and gives.

    Attributes:
        input: Name of its input, float32.
        output: Name of its output: (N, D), or maps that are averaged over their positions.
        size: (width, height) in pixels.
        value_range: The numbers that stand for black and white.
        mean: Taken off each of red, green and blue then, in units of ``value_range``.
        std: What each is divided by then.
        layout: Axis order of the input, and of maps.
        colour_order: Channel order of the input.
        batch: The number of images that it must be given at once; 0 for any.
    """

    input: str
    output: str
    size: tuple[int, int]
    value_range: tuple[float, float] = (0.0, 255.0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    layout: Literal['NCHW', 'NHWC'] = 'NCHW'
    colour_order: Literal['RGB', 'BGR'] = 'RGB'
    batch: int = 0


class OnnxFeatures:
    """A ``FeatureExtractor`` that runs a graph."""

    def __init__(
        self,
        session: OnnxSession,
        contract: GraphContract,
        *,
        key: str,
        network: str,
        is_fid: bool = False,
    ) -> None:
        """Run the graph once to see what it gives.

        Args:
            session: The graph.
            contract: What it takes and gives.
            key: For the quantities' keys.
            network: Name of the network with the checksum of its weights, for ``protocol``.
            is_fid: See ``FeatureExtractor``.

        Raises:
            BackendError: The graph fails, or its output is no row of features.
        """
        self.key, self.size, self.is_fid = key, contract.size, is_fid
        self._session, self._contract = session, contract
        low, high = contract.value_range
        std = np.array(contract.std, np.float64)
        self._scale = ((high - low) / 255 / std).astype(np.float32)
        self._offset = ((low - np.array(contract.mean)) / std).astype(np.float32)
        width, height = contract.size
        grey = np.full((height, width, 3), MIDDLE_LEVEL, np.uint8)
        trial = np.repeat(self.prepare(grey)[None], contract.batch or 1, axis=0)
        self.dimensions = self._pooled(trial).shape[1]
        self.protocol = (
            f'{network}, {self.dimensions} features, {width}x{height} {RESIZING}, {RUNTIME}'
        )

    def prepare(self, rgb: RgbImage) -> Prepared:
        """Resize and normalise one image; see ``FeatureExtractor.prepare``.

        Returns:
            float32 (3, height, width) or (height, width, 3), as the graph's layout is.
        """
        values = resized(rgb, self.size)
        values *= self._scale
        values += self._offset
        if self._contract.colour_order == 'BGR':
            values = values[..., ::-1]
        if self._contract.layout == 'NCHW':
            values = values.transpose(2, 0, 1)
        return np.ascontiguousarray(values)

    def features(self, prepared: Prepared) -> Features:
        """Compute the features of a batch; see ``FeatureExtractor.features``."""
        fixed = self._contract.batch
        step = fixed or max(1, len(prepared))
        parts = [np.zeros((0, self.dimensions), np.float32)]
        for begin in range(0, len(prepared), step):
            batch = prepared[begin : begin + step]
            # A graph with a fixed number of images gets the last one again and again.
            missing = max(0, fixed - len(batch))
            filled = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
            parts.append(self._pooled(filled)[: len(batch)])
        return np.concatenate(parts)

    def of_image(self, rgb: RgbImage) -> Features:
        """Compute the features of one image; see ``FeatureExtractor.of_image``."""
        row: Features = self.features(self.prepare(rgb)[None])[0]
        return row

    def _pooled(self, batch: Prepared) -> Features:
        contract = self._contract
        (output,) = run_finite(self._session, {contract.input: batch}, [contract.output])
        if output.ndim == 4:
            output = output.mean(axis=(2, 3) if contract.layout == 'NCHW' else (1, 2))
        known = getattr(self, 'dimensions', 0)
        fits = output.ndim == 2 and len(output) == len(batch)
        if not fits or not 1 <= output.shape[1] <= MAX_DIMENSIONS:
            raise BackendError(
                f'The output {contract.output!r} of {len(batch)} images has the shape '
                f'{output.shape}; expected (images, values) with 1..{MAX_DIMENSIONS} values, or '
                'maps of them (images, values, rows, columns).'
            )
        if known and output.shape[1] != known:
            raise BackendError(
                f'The output {contract.output!r} has {output.shape[1]} values now and had {known} '
                'before; expected one length for all images.'
            )
        return output.astype(np.float32, copy=False)
