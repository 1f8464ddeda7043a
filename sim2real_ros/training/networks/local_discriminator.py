"""The local discriminator of SimGAN.

A. Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial
Training" (2017), section 2.1 and appendix.
"""

import torch
from torch import nn

from sim2real_ros.training.options import DiscriminatorOptions

USUAL_FILTERS = 96
REFINED, REAL = 0, 1


class LocalDiscriminator(nn.Module):
    """Logits of the classes refined and real at every fourth pixel.

    A logit depends on 23x23 pixels. The last layer is linear: a ReLU there, as some public copies
    have it, keeps the network from ever preferring a class by a negative logit.
    """

    def __init__(self, options: DiscriminatorOptions, channels: int = 3) -> None:
        """Build it; weights start as torch starts them.

        Args:
            options: ``filters`` counts; the second layer has two thirds of them, the others one.
            channels: Of the input; the paper's images were grey.
        """
        super().__init__()
        first = options.filters or USUAL_FILTERS
        second, third = max(2 * first // 3, 1), max(first // 3, 1)
        self.model = nn.Sequential(
            nn.Conv2d(channels, first, 3, 2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, 3, 2, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 1, padding=1),
            nn.Conv2d(second, third, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(third, third, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(third, 2, 1),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 2, ceil(H / 4), ceil(W / 4)) of images (N, channels, H, W) in -1..1.

        Channel 0 is refined, 1 is real.
        """
        logits: torch.Tensor = self.model(image)
        return logits
