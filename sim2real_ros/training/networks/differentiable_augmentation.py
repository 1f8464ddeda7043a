"""Random changes of all images that a discriminator sees, real and made ones alike.

S. Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (2020), without its
changes of colour: colours are what a generator between domains has to learn.
"""

import torch
from torch.nn import functional

LARGEST_SHIFT = 1 / 8
HIDDEN_SIDE = 1 / 2


def shifted_and_partly_hidden(images: torch.Tensor) -> torch.Tensor:
    """Shift each image, then hide a part of it; gradients go to what is still seen.

    Shifts are of up to 1/8 of height and width, in whole pixels; a rectangle of half of height and
    width is hidden, with its centre anywhere in the image. Both leave grey, 0. The same for all
    images: a discriminator that could tell them by it would tell real from made ones.

    Args:
        images: (N, C, H, W) in -1..1. Each is changed in its own way, by torch's random numbers.

    Returns:
        The same shape and range.
    """
    return torch.cat([_hidden(_shifted(images[i : i + 1])) for i in range(len(images))])


def _shifted(image: torch.Tensor) -> torch.Tensor:
    height, width = image.shape[2:]
    down, right = (_draw(round(side * LARGEST_SHIFT)) for side in (height, width))
    # Negative padding crops.
    return functional.pad(image, (right, -right, down, -down))


def _draw(largest: int) -> int:
    return int(torch.randint(-largest, largest + 1, ()))


def _hidden(image: torch.Tensor) -> torch.Tensor:
    seen = torch.ones_like(image[:, :1])
    rows, columns = (_hidden_places(side) for side in image.shape[2:])
    seen[..., rows, columns] = 0
    return image * seen


def _hidden_places(side: int) -> slice:
    length = round(side * HIDDEN_SIDE)
    first = int(torch.randint(side, ())) - length // 2
    return slice(max(first, 0), max(first + length, 0))
