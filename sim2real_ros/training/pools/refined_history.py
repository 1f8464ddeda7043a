"""RefinedHistory: earlier refined images, shown to the discriminator again (SimGAN)."""

from collections.abc import Mapping

import torch

from sim2real_ros.errors import TrainingError


class RefinedHistory:
    """A buffer of refined images of the past, half of what the discriminator is shown.

    After Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through
    Adversarial Training", section 2.3: half of the discriminator's refined images come from the
    buffer, half from the refiner as it is; afterwards half of the latter replace random entries
    of the buffer, or join them while it is not full.

    "Half" of an odd number is drawn by lot between the two neighbours, so it is a half on
    average. In particular a batch of one is, at every other step, one image of the past. The lots
    come from torch's generator of the CPU, whatever the device: nothing waits for it.

    Images of several sizes may be stored; a batch only gets images of its own size.

    Attributes:
        capacity: Number of images the buffer holds at most; 0 = none, every batch is fresh.
    """

    def __init__(self, capacity: int) -> None:
        """Start empty."""
        if capacity < 0:
            raise ValueError(f'the capacity of a history must be 0 or more, not {capacity}')
        self.capacity = capacity
        self._images: list[torch.Tensor] = []

    def __len__(self) -> int:
        """Return the number of images stored."""
        return len(self._images)

    def mix(self, refined: torch.Tensor) -> torch.Tensor:
        """Replace half of a batch by images of the past, as far as there are any.

        Args:
            refined: Fresh images (N, C, H, W), of which the first ones are replaced.

        Returns:
            As many images, detached; the same tensor where nothing was replaced.
        """
        fitting = [i for i, image in enumerate(self._images) if image.shape == refined.shape[1:]]
        count = min(_half(len(refined)), len(fitting))
        if not count:
            return refined.detach()
        chosen = [fitting[i] for i in torch.randperm(len(fitting))[:count].tolist()]
        for i in chosen:
            # Images of a checkpoint begin on the CPU.
            self._images[i] = self._images[i].to(refined.device)
        past = torch.stack([self._images[i] for i in chosen]).to(refined.dtype)
        return torch.cat([past, refined.detach()[count:]])

    def add(self, refined: torch.Tensor) -> None:
        """Store a random half of a batch, in place of random entries once the buffer is full.

        Args:
            refined: Fresh images (N, C, H, W); copies are stored.
        """
        count = min(_half(len(refined)), self.capacity)
        new = refined.detach()[torch.randperm(len(refined))[:count].tolist()].float()
        free = self.capacity - len(self._images)
        replaced = torch.randperm(len(self._images))[: max(count - free, 0)].tolist()
        for slot, image in zip(replaced, new, strict=False):
            self._images[slot] = image.clone()
        self._images += [image.clone() for image in new[len(replaced) :]]

    def state(self) -> dict[str, torch.Tensor]:
        """Return the images as float32 (C, H, W) on the CPU, named by their place."""
        return {f'image_{i}': image.cpu() for i, image in enumerate(self._images)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned; more than fits in is cut off.

        Raises:
            TrainingError: An image is missing, or something is no image.
        """
        names = [f'image_{i}' for i in range(len(state))]
        wrong = [name for name in names if name not in state or state[name].ndim != 3]
        if wrong:
            raise TrainingError(
                f'The history of refined images is damaged: expected {len(names)} images '
                f'(C, H, W), but {wrong[0]!r} is missing or of another shape. Resume from '
                'another checkpoint.'
            )
        self._images = [state[name].float().clone() for name in names[: self.capacity]]


def _half(count: int) -> int:
    """Return half of a number, an odd one's remainder by lot."""
    return count // 2 + (int(torch.randint(2, ())) if count % 2 else 0)
