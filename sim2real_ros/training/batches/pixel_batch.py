"""PixelBatch: a batch as bytes on the CPU, and how it becomes numbers on the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sim2real_ros.training.batches.batch import Batch

ColourFactors = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class PixelBatch:
    """Cropped and mirrored images; a quarter of the bytes that the batch has in the end.

    Attributes:
        sim: uint8 (N, H, W, 3), RGB.
        real: Likewise.
        sim_mask: Class ids, uint8 (N, H, W), or None.
        sim_colours: Factors on brightness, contrast and saturation of each image; () = unchanged.
        real_colours: Likewise.
    """

    sim: torch.Tensor
    real: torch.Tensor
    sim_mask: torch.Tensor | None
    sim_colours: Sequence[ColourFactors] = ()
    real_colours: Sequence[ColourFactors] = ()


def to_batch(pixels: PixelBatch, device: torch.device) -> Batch:
    """Bring a batch to the device as bytes, and make floats of it there."""
    mask = pixels.sim_mask
    return Batch(
        _to_floats(pixels.sim, pixels.sim_colours, device),
        _to_floats(pixels.real, pixels.real_colours, device),
        None if mask is None else mask.to(device, non_blocking=True).long(),
    )


def _to_floats(
    images: torch.Tensor, colours: Sequence[ColourFactors], device: torch.device
) -> torch.Tensor:
    planes = images.to(device, non_blocking=True).permute(0, 3, 1, 2)
    floats = planes.to(torch.float32, memory_format=torch.contiguous_format)
    if not colours:
        return floats.div_(127.5).sub_(1)
    floats.div_(255)
    changed = [_changed(image, each) for image, each in zip(floats, colours, strict=True)]
    return torch.stack(changed).mul_(2).sub_(1)


def _changed(image: torch.Tensor, factors: ColourFactors) -> torch.Tensor:
    # One image at a time: what happens to it must not depend on its neighbours in the batch.
    # Imported here because it takes a second, and few runs need it.
    from torchvision.transforms.v2 import functional  # type: ignore[import-untyped]

    brightness, contrast, saturation = factors
    image = functional.adjust_brightness(image, brightness)
    image = functional.adjust_contrast(image, contrast)
    changed: torch.Tensor = functional.adjust_saturation(image, saturation)
    return changed
