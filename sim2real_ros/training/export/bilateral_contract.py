"""The model contract around a bilateral grid, whose graph a runtime may cut in two.

Slicing as ONNX operators passes over the image dozens of times; a kernel made for it, once. The
graph stays whole and portable: it only names the tensors between its parts, and its metadata say
what is between them.
"""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sim2real_ros.runtime.bilateral.structure import METADATA_KEY, VERSION
from sim2real_ros.runtime.frame_context import DETAIL_STRENGTH
from sim2real_ros.training.export.uint8_contract import Uint8Contract
from sim2real_ros.training.networks.bilateral_grid import BilateralGrid, BilateralGridDetail

COPY, GRID, DETAIL = 'bilateral_copy', 'bilateral_grid', 'bilateral_detail'
"""Names of the tensors in the graph."""


class BilateralContract(Uint8Contract):
    """A bilateral grid as it is exported; one with a detail branch has the input ``strength``."""

    generator: BilateralGrid

    def __init__(
        self,
        generator: BilateralGrid,
        dtype: torch.dtype = torch.float32,
        kept: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Wrap a generator; see Uint8Contract."""
        super().__init__(generator, dtype, kept)
        self.has_detail = isinstance(generator, BilateralGridDetail)
        self.further_inputs = {DETAIL_STRENGTH: [1.0]} if self.has_detail else {}
        self.inner_names = (COPY, GRID, DETAIL) if self.has_detail else (COPY, GRID)

    def forward(  # type: ignore[override]
        self, image: torch.Tensor, detail_strength: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Translate uint8 (N, H, W, 3) RGB to the same, and return the tensors with names, too."""
        levels, scaled = self.prepared(image)
        strength = None if detail_strength is None else detail_strength.to(self.dtype)
        translated, parts = self.generator.translated_in_parts(scaled, strength)
        result = self.finished(translated, levels)
        inner = (parts.copy, parts.grid, parts.detail)
        return (result, *(each for each in inner if each is not None))

    def metadata(self) -> dict[str, str]:
        """Return the entries of ``metadata_props`` that let a runtime cut the graph.

        There are none where a kernel in float32 would compute something else.
        """
        if self.dtype != torch.float32 or self.kept is not None:
            return {}
        generator = self.generator
        guide = generator.guide
        inner = torch.cat([guide.inner.weight, guide.inner.bias[:, None]], 1)
        content: dict[str, Any] = {
            'version': VERSION,
            'copy': COPY,
            'copy_size': list(generator.copy_size),
            'grid': GRID,
            'columns': generator.grid_size[0],
            'rows': generator.grid_size[1],
            'bins': generator.bins,
            'guide_slopes': guide.slopes.flatten().tolist(),
            'guide_inner': inner.tolist(),
            'guide_outer': guide.outer.weight.flatten().tolist(),
        }
        if isinstance(generator, BilateralGridDetail):
            content['detail'] = DETAIL
            content['detail_amplitude'] = generator.detail.amplitude
        return {METADATA_KEY: json.dumps(content, sort_keys=True)}
