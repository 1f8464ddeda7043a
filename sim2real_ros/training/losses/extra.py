"""Extra losses: terms against moved roads and lost labels, the same for every method."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Adam, Optimizer

from sim2real_ros.evaluation.colours.thresholds import load_thresholds
from sim2real_ros.evaluation.perception.shipped import perception_file
from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.losses.colour_consistency import (
    ColourPair,
    colour_consistency,
    colour_pairs,
)
from sim2real_ros.training.losses.edge_aware_smoothness import edge_aware_smoothness
from sim2real_ros.training.losses.gradient_consistency import gradient_consistency
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.losses.semantic_consistency import (
    Segmenter,
    checked_mask,
    labelled_cross_entropy,
    present,
    random_colours,
)
from sim2real_ros.training.options import ExtraLossOptions, TrainingConfig
from sim2real_ros.training.stepper import Stepper

_RATE_OF_SEGMENTER = 5.0
"""Its learning rate, in those of the generator: the usual 2e-4 becomes 1e-3."""


class ExtraLosses:
    """What ``extra_losses`` of a configuration switches on.

    A method adds ``networks`` and ``optimisers()`` to its own, calls ``learn`` once per step,
    adds the sum of ``generator_losses`` to its generator's loss inside autocast, and gives
    ``region`` to its other losses.

    Attributes:
        options: As configured.
        region: Where all losses look.
        networks: By name; {} when no term needs one.
    """

    def __init__(self, options: ExtraLossOptions) -> None:
        """Build what is switched on, on the CPU.

        Raises:
            ConfigError: The region's mask or the thresholds cannot be used.
        """
        self.options = options
        self.region = Region(options)
        self.networks: dict[str, nn.Module] = {}
        self._segmenter: Segmenter | None = None
        if options.semantic_weight:
            self._segmenter = Segmenter(options.semantic_classes)
            self.networks['segmenter'] = self._segmenter
        self._masks_are_checked = False
        self._colours = _colours(options)

    def optimisers(self, config: TrainingConfig) -> dict[str, Optimizer]:
        """Return new optimisers of the networks, by the names that ``learn`` uses.

        Args:
            config: Whose generators' learning rate the segmenter's follows, five times as high.
        """
        rate = _RATE_OF_SEGMENTER * config.optimiser.learning_rate
        return {
            name: Adam(network.parameters(), lr=rate, fused=True)
            for name, network in self.networks.items()
        }

    def learn(self, batch: Batch, stepper: Stepper) -> dict[str, torch.Tensor]:
        """Let the segmenter learn from the batch's sim images and masks.

        Returns:
            Its loss, detached, as ``segmenter``; {} when there is none.

        Raises:
            DataError: The batch has no masks, or the first batch has unknown class ids.
        """
        if self._segmenter is None:
            return {}
        if not self._masks_are_checked:
            checked_mask(batch.sim_mask, self.options.semantic_classes)
            self._masks_are_checked = True
        with stepper.autocast():
            logits = self._segmenter(random_colours(batch.sim))
            loss = labelled_cross_entropy(logits, present(batch.sim_mask), self.region)
        stepper.update('segmenter', loss)
        return {'segmenter': loss.detach()}

    def generator_losses(
        self, sim: torch.Tensor, translated: torch.Tensor, sim_mask: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """Return the terms for a generator from sim to real.

        Args:
            sim: (N, 3, H, W), -1..1.
            translated: What the generator made of it, likewise, with its graph.
            sim_mask: Class ids, int64 (N, H, W), 255 = not labelled.

        Returns:
            Weighted scalars with gradients, by name; {} when nothing is switched on.

        Raises:
            DataError: The semantic term is on and there is no mask.
        """
        losses = {}
        if self._segmenter is not None:
            judged = _judge(self._segmenter, translated)
            entropy = labelled_cross_entropy(judged, present(sim_mask), self.region)
            losses['semantic'] = self.options.semantic_weight * entropy
        if self.options.gradient_weight:
            edges = gradient_consistency(translated, sim, self.region)
            losses['gradient'] = self.options.gradient_weight * edges
        if self.options.smoothness_weight:
            painted = edge_aware_smoothness(translated, sim, self.region)
            losses['smoothness'] = self.options.smoothness_weight * painted
        if self._colours:
            colour = colour_consistency(
                translated, sim, self._colours, self.region, self.options.colour_top
            )
            losses['colour'] = self.options.colour_weight * colour
        return losses


def _colours(options: ExtraLossOptions) -> tuple[ColourPair, ...]:
    if not options.colour_weight:
        return ()
    sim = load_thresholds(perception_file(options.sim_thresholds))
    return colour_pairs(sim, load_thresholds(perception_file(options.real_thresholds)))


def _judge(segmenter: Segmenter, translated: torch.Tensor) -> torch.Tensor:
    """Segment so that gradients reach the image but not the segmenter."""
    segmenter.requires_grad_(False)
    try:
        logits: torch.Tensor = segmenter(translated)
        return logits
    finally:
        segmenter.requires_grad_(True)
