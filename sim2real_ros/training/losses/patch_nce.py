"""PatchNCE: a patch of the translated image should know its place in the source (CUT)."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from sim2real_ros.training.losses.region import at_least_float32


def patch_nce_loss(
    queries: torch.Tensor,
    keys: torch.Tensor,
    temperature: float = 0.07,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the cross entropy of finding each patch's place among the others' of its image.

    After Park et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation", eq. 3:
    for query i, key i is the right answer and the keys of the other places of the same image are
    the wrong ones. The original appends all keys after the right one and lowers the right one's
    second appearance to -10; leaving it out altogether, as here, differs by exp(-10/temperature).

    Args:
        queries: Features of the translated image (N, P, C), each vector of length 1.
        keys: Features of the source image at the same places, likewise; no gradient flows back
            through them.
        temperature: Divides the similarities.
        weights: How much each query counts, (P,), 0 or more; None = all the same. Where all are
            0 so is the loss.

    Returns:
        A float32 or float64 scalar: the mean over images and patches. Equal features everywhere
        give log(P).
    """
    # bf16 has 8 bits, and similarities become 14 times as large: too coarse, and cheap anyway.
    with torch.autocast(queries.device.type, enabled=False):
        keys = at_least_float32(keys.detach())
        similarities = at_least_float32(queries) @ keys.transpose(1, 2)
        images, patches = similarities.shape[:2]
        right = torch.arange(patches, device=queries.device).expand(images, -1)
        losses = functional.cross_entropy(
            (similarities / temperature).flatten(0, 1), right.flatten(), reduction='none'
        ).view(images, patches)
    if weights is None:
        return losses.mean()
    weights = at_least_float32(weights)
    return (losses * weights).sum() / (images * weights.sum().clamp(min=1e-12))


def patch_nce_over_layers(
    queries: Sequence[torch.Tensor],
    keys: Sequence[torch.Tensor],
    temperature: float = 0.07,
    weights: Sequence[torch.Tensor | None] | None = None,
) -> torch.Tensor:
    """Return the mean of ``patch_nce_loss`` over the layers of an encoder.

    Args:
        queries: By layer; see ``patch_nce_loss``.
        keys: By layer.
        temperature: Divides the similarities.
        weights: By layer.
    """
    weights = weights or [None] * len(queries)
    by_layer = [
        patch_nce_loss(query, key, temperature, weight)
        for query, key, weight in zip(queries, keys, weights, strict=True)
    ]
    return torch.stack(by_layer).mean()
