"""The model contract around a generator: uint8 NHWC RGB in, uint8 NHWC RGB of equal size out."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

Image = npt.NDArray[np.uint8]

HALF_RANGE = 127.5
"""uint8 0..255 are -1..1 times this, plus this."""


class Uint8Contract(nn.Module):
    """A generator with its pre- and post-processing, as it is exported.

    The first and the last operation are casts, which TensorRT wants of uint8 inputs and outputs.
    Everything outside of the generator is float32, also around a generator of float16.

    Attributes:
        further_inputs: Values of the graph's inputs besides the image, by name, for the card.
        inner_names: Names of further tensors that ``forward`` returns after the image. They are
            no outputs of the graph; they only keep their names in it.
    """

    further_inputs: dict[str, list[float]]
    inner_names: tuple[str, ...]

    def __init__(
        self,
        generator: nn.Module,
        dtype: torch.dtype = torch.float32,
        kept: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Wrap a generator.

        Args:
            generator: (N, 3, H, W) of ``dtype`` in -1..1 to the same.
            dtype: What the generator computes in.
            kept: Pixels that stay as they are, bool (H, W); None = no pixel.
        """
        super().__init__()
        self.generator = generator
        self.dtype = dtype
        self.kept: torch.Tensor | None
        self.further_inputs, self.inner_names = {}, ()
        mask = None if kept is None else torch.from_numpy(kept)[None, None]
        self.register_buffer('kept', mask)

    def metadata(self) -> dict[str, str]:
        """Return entries for the file's ``metadata_props``, besides the card."""
        return {}

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Translate uint8 (N, H, W, 3) RGB to the same; rounds to the nearest level."""
        levels, scaled = self.prepared(image)
        return self.finished(self.generator(scaled), levels)

    def prepared(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return uint8 (N, H, W, 3) as float32 (N, 3, H, W): levels, and -1..1 in ``dtype``."""
        levels = image.to(torch.float32).permute(0, 3, 1, 2)
        return levels, (levels / HALF_RANGE - 1).to(self.dtype)

    def finished(self, translated: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        """Return (N, 3, H, W) in -1..1 as uint8 (N, H, W, 3), with the pixels that are kept."""
        result = ((translated.to(torch.float32) + 1) * HALF_RANGE).round().clamp(0, 255)
        if self.kept is not None:
            result = torch.where(self.kept, levels, result)
        return result.permute(0, 2, 3, 1).to(torch.uint8)


def translate_in_torch(generator: nn.Module, images: Image) -> Image:
    """Translate images with a generator, without any of the code that is exported.

    Args:
        generator: (N, 3, H, W) in -1..1 to the same, on any device; its mode is left alone.
        images: uint8 (N, H, W, 3) RGB, H and W multiples of the generator's.

    Returns:
        uint8 (N, H, W, 3) RGB, rounded to the nearest level.
    """
    parameter = next(generator.parameters(), torch.empty(0))
    scaled = images.astype(np.float32).transpose(0, 3, 1, 2) / np.float32(HALF_RANGE) - 1
    with torch.inference_mode():
        source = torch.from_numpy(np.ascontiguousarray(scaled)).to(parameter.device)
        translated = generator(source).float().cpu().numpy()
    levels = np.rint((translated + 1) * np.float32(HALF_RANGE)).clip(0, 255)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1).astype(np.uint8))
