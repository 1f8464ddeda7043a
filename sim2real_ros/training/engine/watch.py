"""Watch: notices when training goes wrong, says what it was, and what may help."""

from collections.abc import Mapping

import torch
from torch import nn

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine.checkpoint import WatchMemory
from sim2real_ros.training.options import TrainingConfig

FP16_PATIENCE_STEPS = 50
"""Losses of fp16 may overflow for a few steps, until the scale of the gradients has come down;
those steps are left out by the scaler. In other precisions a single one spoils the weights."""

COLLAPSED_DIVERSITY = 0.1
"""Measured on frames of a robot's camera: identity 1, strong changes of colour, contrast or gamma
0.7 to 1.3, one picture with 10 % of the input shining through 0.18, one picture in other
brightnesses or with noise 0.05 and less."""

LOW_DIVERSITY = 0.4
"""From here on it is worth a warning."""

WARNED_FROM_STEP = 300
"""Before this, outputs of a generator that starts from random weights are alike anyhow."""

REUSED_SHARE = 0.25
"""Likewise: a quarter of all frames is drawn as some other, unrelated frame is. Changes of colour
give 0, a third of the frames drawn as one picture a third."""

COLLAPSED_REUSED = 0.9
"""Nearly all frames share few pictures, which may well differ from each other."""

COLLAPSE_PATIENCE_LOOKS = 3
COLLAPSE_PATIENCE_STEPS = 1000
"""A collapse stops the run when so many looks in a row found it, over at least so many steps: in
its first hundreds of steps a healthy generator can give grey images, too."""

WON_LOSS = 0.01
"""Mean loss below which a discriminator tells all pictures apart. Undecided ones have 0.25 to 0.5
(least squares), 0.7 to 1.4 (cross entropy), 1 to 2 (hinge)."""

WON_PATIENCE_LOOKS = 10


class Watch:
    """Keeps an eye on one run.

    ``saw`` belongs after every step and does not wait for the device; ``check`` belongs wherever
    the loop waits anyhow, and before every checkpoint, so that none is written with weights that
    are no numbers. The others turn metrics into warnings, each said once per episode.

    Args:
        config: Of the run.
        precision: What is computed in, with ``auto`` resolved.
        memory: Of the checkpoint that the run goes on from; None = it is new.
    """

    def __init__(
        self, config: TrainingConfig, precision: str, memory: WatchMemory | None = None
    ) -> None:
        """Go on counting where an earlier watch has stopped."""
        memory = memory or WatchMemory()
        self._config, self._precision = config, precision
        self._patience = FP16_PATIENCE_STEPS if precision == 'fp16-mixed' else 1
        self._seen: dict[tuple[str, ...], _LossRecord] = {}
        self._collapse_looks = list(memory.collapse_looks)
        self._won_looks = dict(memory.won_looks)
        self._warned = set(memory.warned)

    def memory(self) -> WatchMemory:
        """Return what has been counted, for a checkpoint."""
        return WatchMemory(
            tuple(self._collapse_looks), dict(self._won_looks), tuple(sorted(self._warned))
        )

    def saw(self, step: int, losses: Mapping[str, torch.Tensor]) -> None:
        """Take note of the losses of a step, on the device that computed them.

        Args:
            step: Its number.
            losses: Detached scalars by name; the names may change from step to step.
        """
        if not losses:
            return
        names = tuple(losses)
        values = torch.stack([losses[name].detach().float().reshape(()) for name in names])
        record = self._seen.get(names)
        if record is None:
            record = self._seen[names] = _LossRecord(values)
        record.add(step, values, self._patience)

    def check(self, step: int, networks: nn.Module | None = None) -> None:
        """Stop if a loss, or a weight, is NaN or infinite. Waits for the device.

        Args:
            step: Number of the latest step.
            networks: A ModuleDict of all networks; None = look at the losses only.

        Raises:
            TrainingError: It diverged; says what became what at which step, and what may help.
        """
        first, losses = self._first_bad_losses()
        weights = _bad_networks(networks) if networks is not None else []
        if not losses and not weights:
            return
        found = [f'loss {name!r} is {value} since step {first}' for name, value in losses]
        if weights:
            found.append(f'weights of {", ".join(map(repr, weights))} are not finite')
        raise TrainingError(
            f'Training has diverged (noticed at step {step}): {"; ".join(found)}. '
            'The last checkpoint is intact: go on from it by --resume, and '
            f'{self._advice(losses, first)}.'
        )

    def warnings_of_losses(self, losses: Mapping[str, float]) -> list[str]:
        """Warn of a discriminator that has won, from which a generator learns nothing any more.

        Args:
            losses: Means over the steps since the last call, by name.
        """
        warnings: list[str] = []
        if self._adversarial_kind() == 'wgan':
            return warnings
        for name in (name for name in losses if 'discriminator' in name):
            won = 0 <= losses[name] < WON_LOSS
            self._won_looks[name] = self._won_looks.get(name, 0) + 1 if won else 0
            if self._is_new(f'won {name}', self._won_looks[name] >= WON_PATIENCE_LOOKS):
                warnings.append(
                    f'The discriminator seems to have won: {name!r} stays below {WON_LOSS}, so '
                    'the generator learns little from it. Halve '
                    f'discriminator_optimiser.learning_rate (now {self._discriminator_rate():g}), '
                    'or use more, or more varied, real images.'
                )
        return warnings

    def warnings_of_metrics(self, step: int, metrics: Mapping[str, float]) -> list[str]:
        """Warn of outputs that are more alike than their inputs; stop when they are all one.

        Args:
            step: Number of the step that was measured.
            metrics: ``diversity`` and ``reused`` of a ``Measurement``; without them nothing is
                said.

        Raises:
            TrainingError: All outputs have been the same few pictures for some time.
        """
        if 'diversity' not in metrics:
            return []
        ratio, reused = metrics['diversity'], metrics.get('reused', 0.0)
        collapsed = ratio < COLLAPSED_DIVERSITY or reused >= COLLAPSED_REUSED
        self._collapse_looks = [*self._collapse_looks, step] if collapsed else []
        self._stop_when_collapsed(ratio, reused)
        suspect = ratio < LOW_DIVERSITY or reused >= REUSED_SHARE
        if step < WARNED_FROM_STEP or not self._is_new('collapse', suspect):
            return []
        alike = _alike(ratio, reused)
        return [f'Mode collapse? {alike} (step {step}). {self._collapse_advice()}']

    def _stop_when_collapsed(self, ratio: float, reused: float) -> None:
        looks = self._collapse_looks
        if len(looks) < COLLAPSE_PATIENCE_LOOKS:
            return
        if looks[-1] - looks[0] < COLLAPSE_PATIENCE_STEPS:
            return
        raise TrainingError(
            f'The generator has collapsed: since step {looks[0]} it gives the same few pictures '
            f'for all inputs. {_alike(ratio, reused)}. {self._collapse_advice()} A lower '
            f'rate can be tried by --resume, after removing the checkpoints from step {looks[0]} '
            'on; the rest needs a new run.'
        )

    def _is_new(self, key: str, holds: bool) -> bool:
        """Tell whether this holds and did not when last asked."""
        new = holds and key not in self._warned
        (self._warned.add if holds else self._warned.discard)(key)
        return new

    def _first_bad_losses(self) -> tuple[int, list[tuple[str, float]]]:
        """Return the earliest bad step and what was bad at it; (-1, []) if nothing was."""
        found = [
            (int(step), name, float(value))
            for names, record in self._seen.items()
            for name, step, value in zip(names, *record.first_bad(), strict=True)
            if step >= 0
        ]
        first = min((step for step, _, _ in found), default=-1)
        return first, [(name, value) for step, name, value in found if step == first]

    def _advice(self, losses: list[tuple[str, float]], first: int) -> str:
        advice = []
        if self._precision == 'fp16-mixed':
            advice.append('set precision to bf16-mixed or fp32 (fp16 overflows above 65504)')
        elif self._precision == 'bf16-mixed':
            advice.append('set precision to fp32')
        blamed = [name for name, _ in losses]
        if blamed and all('discriminator' in name or 'penalty' in name for name in blamed):
            advice.append(
                'lower discriminator_optimiser.learning_rate '
                f'(now {self._discriminator_rate():g}) to a half'
            )
        else:
            rate = self._config.optimiser.learning_rate
            advice.append(f'lower optimiser.learning_rate (now {rate:g}) to a half')
        kind = self._adversarial_kind()
        if kind and kind != 'lsgan':
            advice.append(f'in a new run try the adversarial loss lsgan instead of {kind}')
        if 0 <= first <= 1:
            advice.append('look at the images, too, as it was so from the first step')
        return ', '.join(advice[:-1]) + (' and ' if advice[1:] else '') + advice[-1]

    def _collapse_advice(self) -> str:
        keys = [key for key in _WEIGHTS_AGAINST_COLLAPSE if getattr(self._config, key, 0)]
        larger = f'a larger {" or ".join(keys)}, ' if keys else ''
        return (
            'Look at the sample sheets. What helps: more varied real images, '
            f'extra_losses.gradient_weight or extra_losses.semantic_weight, {larger}'
            f'a lower optimiser.learning_rate (now {self._config.optimiser.learning_rate:g}).'
        )

    def _discriminator_rate(self) -> float:
        options = self._config.discriminator_optimiser or self._config.optimiser
        return options.learning_rate

    def _adversarial_kind(self) -> str:
        return str(getattr(self._config, 'adversarial', ''))


_WEIGHTS_AGAINST_COLLAPSE = (
    *('cycle_weight', 'identity_weight', 'nce_weight', 'l1_weight', 'edge_weight'),
    *('self_regularisation_weight', 'reconstruction_weight'),
)
"""Keys, of one method or another, of losses that tie the output to the input; 0 = it is off."""


def _alike(ratio: float, reused: float) -> str:
    return (
        f'Translated frames differ {ratio:.0%} as much as their inputs do; {reused:.0%} look like '
        'the translation of an unrelated frame'
    )


class _LossRecord:
    """When some losses first were no numbers: tensors on the losses' own device."""

    def __init__(self, like: torch.Tensor) -> None:
        self._run = torch.zeros_like(like, dtype=torch.int64)
        self._step = torch.full_like(self._run, -1)
        self._value = torch.zeros_like(like)

    def add(self, step: int, values: torch.Tensor, patience: int) -> None:
        """Note values that are no numbers for the ``patience``-th time in a row."""
        self._run = torch.where(values.isfinite(), 0, self._run + 1)
        new = (self._run >= patience) & (self._step < 0)
        self._step.masked_fill_(new, step - patience + 1)
        self._value = torch.where(new, values, self._value)

    def first_bad(self) -> tuple[list[int], list[float]]:
        return self._step.tolist(), self._value.tolist()


def _bad_networks(networks: nn.Module) -> list[str]:
    """Name the networks with weights or running statistics that are not finite."""
    norms = {}
    for name, network in networks.named_children():
        tensors = [*network.parameters(), *network.buffers()]
        floating = [each.detach() for each in tensors if each.is_floating_point()]
        if floating:
            norms[name] = nn.utils.get_total_norm(floating)
    if not norms:
        return []
    finite = torch.stack(list(norms.values())).isfinite().tolist()
    return [name for name, good in zip(norms, finite, strict=True) if not good]
