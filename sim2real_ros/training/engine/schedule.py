"""Schedule: how long a run is, and by how much the learning rate is multiplied when.

Index convention: everything counts from 0. The first epoch has index 0, and an epoch's factor
holds for all of its steps; this is how CUT and the older CycleGAN code number them (their
scheduler steps at the end of an epoch). The newer CycleGAN code is one epoch ahead.
"""

import math
from dataclasses import dataclass

from sim2real_ros.training.options import ScheduleOptions


def rate_factor(options: ScheduleOptions, index: int) -> float:
    """Return the factor on the learning rate.

    Args:
        options: Policy and lengths.
        index: Of the epoch or step, whichever ``options.unit`` counts; from 0.

    Returns:
        ``linear``: 1 - max(0, index + 1 - constant) / (decay + 1), which is that of CycleGAN.
        ``cosine``: (1 + cos(pi index / (constant + decay))) / 2.
        ``step``: decay_factor ** floor(index / decay_interval). ``constant``: 1.
    """
    if options.policy == 'linear':
        return 1 - max(0, index + 1 - options.constant) / (options.decay + 1)
    if options.policy == 'cosine':
        progress = min(1.0, index / (options.constant + options.decay))
        return (1 + math.cos(math.pi * progress)) / 2
    if options.policy == 'step':
        return float(options.decay_factor ** (index // options.decay_interval))
    return 1.0


@dataclass(frozen=True)
class Schedule:
    """A schedule in steps.

    Attributes:
        options: Policy and lengths.
        steps_per_epoch: Steps in which every image of the larger domain is seen once.
    """

    options: ScheduleOptions
    steps_per_epoch: int

    @classmethod
    def of(
        cls, options: ScheduleOptions, images_per_epoch: int, images_per_step: int
    ) -> 'Schedule':
        """Make a schedule for some data.

        Args:
            options: Policy and lengths.
            images_per_epoch: Of the larger domain.
            images_per_step: Over all processes; a last, smaller batch counts as a step.
        """
        return cls(options, max(1, math.ceil(images_per_epoch / images_per_step)))

    @property
    def total_steps(self) -> int:
        """Length of the run in steps, whatever time it takes."""
        length = self.options.constant + self.options.decay
        return length * (self.steps_per_epoch if self.options.unit == 'epochs' else 1)

    def factor(self, step: int) -> float:
        """Return the factor on the learning rate in a step, counted from 0."""
        by_epoch = self.options.unit == 'epochs'
        return rate_factor(self.options, step // self.steps_per_epoch if by_epoch else step)

    def epoch(self, steps: int) -> float:
        """Return how many epochs a number of steps is."""
        return steps / self.steps_per_epoch
