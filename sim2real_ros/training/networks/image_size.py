"""Sizes of images that a fully convolutional network can work with."""

import torch

from sim2real_ros.errors import ConfigError


def check_size(image: torch.Tensor, multiple: int, minimum: int = 1) -> None:
    """Refuse images that would fail deep inside, or come out in another size.

    Does nothing while a graph is traced for export or compilation, where sizes may be symbols.

    Args:
        image: (N, C, H, W).
        multiple: H and W must be multiples of it.
        minimum: And at least this.

    Raises:
        ConfigError: They are not.
    """
    if torch.compiler.is_compiling():
        return
    height, width = image.shape[-2:]
    if height % multiple or width % multiple or min(height, width) < minimum:
        multiples = f'multiples of {multiple}, ' if multiple > 1 else ''
        raise ConfigError(
            f'images of {width}x{height} pixels do not suit this network: width and height must '
            f'be {multiples}at least {max(multiple, minimum)}; change data.crop_size or '
            f'data.load_size'
        )
