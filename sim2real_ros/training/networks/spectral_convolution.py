"""A convolution that cannot amplify: its weights are divided by their largest singular value.

T. Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018), algorithm 1.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

_ITERATIONS_AT_FIRST = 20
_EPS = 1e-12


class SpectralConvolution(nn.Conv2d):
    """``Conv2d`` of weight / sigma; sigma is the largest singular value of (out, in * k * k).

    In place of torch's parametrisation because ``initialise`` of this room cannot draw weights
    behind one, and because sigma is computed in the precision of the weights here, whatever the
    precision of the run. The gain of the initialisation has no effect.
    """

    singular: torch.Tensor

    def __init__(self, *args: Any, **options: Any) -> None:
        """Build it from the arguments of ``Conv2d``."""
        super().__init__(*args, **options)
        self.register_buffer('singular', torch.empty(self.out_channels))
        self.estimate_anew()

    @torch.no_grad()
    def estimate_anew(self) -> None:
        """Find sigma of weights that were just drawn; training then follows their changes."""
        nn.init.normal_(self.singular)
        for _ in range(_ITERATIONS_AT_FIRST):
            self._improve()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Convolve (N, C, H, W); in training mode the estimate of sigma follows the weights."""
        with torch.autocast(features.device.type, enabled=False):
            weight = self.weight / self._sigma()
        result: torch.Tensor = self._conv_forward(features, weight, self.bias)
        return result

    def _sigma(self) -> torch.Tensor:
        """Return |u W|, the length of the image of u, in which only W has a gradient."""
        if self.training:
            self._improve()
        # A copy, for a later pass changes it while this one's graph may still be needed.
        sigma: torch.Tensor = torch.linalg.vector_norm(
            self.singular.clone() @ self.weight.flatten(1)
        )
        return sigma

    @torch.no_grad()
    def _improve(self) -> None:
        """Turn u, of length 1, to the largest singular vector, by a step of power iteration.

        The buffer is changed in place: it is in checkpoints.
        """
        matrix = self.weight.flatten(1)
        image = functional.normalize(self.singular @ matrix, dim=0, eps=_EPS)
        self.singular.copy_(functional.normalize(matrix @ image, dim=0, eps=_EPS))
