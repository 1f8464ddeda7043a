"""Image pool: earlier fakes, so that a discriminator does not forget them (Shrivastava 2017)."""

from collections.abc import Mapping

import torch

from sim2real_ros.errors import TrainingError


class ImagePool:
    """A fixed number of translated images; what CycleGAN shows its discriminators.

    While it fills, it hands on and keeps what it gets. Once full, it tosses a coin for each
    image: hand it on, or keep it and hand on a random kept one in its place. Kept images are on
    the device of those that came in, without gradients.

    Randomness is torch's own on the CPU, so nothing waits for a device and the loop's seed per
    step decides.

    Attributes:
        capacity: Number of images kept at most; 0 = hand on everything and keep nothing.
    """

    def __init__(self, capacity: int = 50) -> None:
        """Start empty."""
        self.capacity = capacity
        self._images: list[torch.Tensor] = []

    def __len__(self) -> int:
        """Return the number of images kept."""
        return len(self._images)

    def query(self, images: torch.Tensor) -> torch.Tensor:
        """Exchange fresh images for a mix of fresh and old ones.

        Args:
            images: (N, C, H, W).

        Returns:
            The same shape, detached. An old image of another size than the fresh one is
            replaced, but not handed on.
        """
        images = images.detach()
        if not self.capacity:
            return images
        return torch.stack([self._exchange(image) for image in images])

    def _exchange(self, image: torch.Tensor) -> torch.Tensor:
        if len(self._images) < self.capacity:
            # A copy, for a view would keep its whole batch in memory.
            self._images.append(image.clone())
            return image
        if torch.rand(()) <= 0.5:
            return image
        place = int(torch.randint(self.capacity, ()))
        old, self._images[place] = self._images[place], image.clone()
        return old.to(image) if old.shape == image.shape else image

    def state(self) -> dict[str, torch.Tensor]:
        """Return the kept images, on the CPU."""
        return {f'image_{i}': image.cpu() for i, image in enumerate(self._images)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned; more than fits in is cut off.

        Raises:
            TrainingError: The state is not one of an image pool.
        """
        names = [f'image_{i}' for i in range(len(state))]
        if set(names) != set(state):
            raise TrainingError(
                f'the state of an image pool has {sorted(state)[:3]!r}..., expected image_0 to '
                f'image_{len(state) - 1}; the checkpoint is damaged, resume from an earlier one'
            )
        names = names[: self.capacity]
        self._images = [state[name].clone() for name in names]
