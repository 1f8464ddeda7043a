"""Fixed frames that a run translates again and again, to be looked at."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.engine.numerics import seed_step
from sim2real_ros.training.methods.method import Method
from sim2real_ros.training.stepper import Stepper

Images = Sequence[npt.NDArray[np.uint8]]


def sample_frames(
    held_out_sim: Images, held_out_real: Images, count: int
) -> list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Choose pairs of frames, evenly over the held-out images.

    Args:
        held_out_sim: uint8 RGB (H, W, 3), of any sizes.
        held_out_real: Likewise; of paired data in the same order.
        count: Number of pairs, at most.

    Returns:
        Frames of one size: where they differ, the middle of each that is as high as the lowest
        and as wide as the narrowest of them, so its sides suit the generator as theirs do.
    """
    available = min(len(held_out_sim), len(held_out_real), count)
    pairs = [
        [each[index * len(each) // available] for each in (held_out_sim, held_out_real)]
        for index in range(available)
    ]
    shapes = [image.shape for pair in pairs for image in pair]
    height, width = (min((shape[axis] for shape in shapes), default=0) for axis in (0, 1))
    return [(_middle(sim, height, width), _middle(real, height, width)) for sim, real in pairs]


def _middle(image: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def draw_samples(
    method: Method,
    stepper: Stepper,
    frames: Sequence[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]],
) -> dict[str, torch.Tensor]:
    """Return what a method shows of some frames, by column title, each (N, 3, H, W).

    One frame at a time, as frames are larger than the crops that memory was planned for. Networks
    are in training mode afterwards.
    """
    device = stepper.fabric.device
    columns: dict[str, list[torch.Tensor]] = {}
    method.networks.eval()
    try:
        # Not inference_mode: what a network keeps from such a call could not be trained with.
        with torch.no_grad(), stepper.autocast():
            for number, (sim, real) in enumerate(frames):
                seed_step(method.config.seed, number, 0)
                batch = Batch(_as_input(sim, device), _as_input(real, device))
                for title, picture in method.pictures(batch).items():
                    columns.setdefault(title, []).append(picture.float().cpu())
    finally:
        method.networks.train()
    return {title: torch.cat(pictures) for title, pictures in columns.items()}


def _as_input(image: npt.NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    levels = torch.from_numpy(np.ascontiguousarray(image)).to(device)
    return levels.permute(2, 0, 1)[None].float() / 127.5 - 1
