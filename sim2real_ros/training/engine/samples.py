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
    """Choose pairs of frames of equal size, evenly over the held-out images.

    Args:
        held_out_sim: uint8 RGB (H, W, 3).
        held_out_real: Likewise; of paired data in the same order.
        count: Number of pairs, at most.
    """
    frames: list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]] = []
    available = min(len(held_out_sim), len(held_out_real), count)
    for index in range(available):
        sim = held_out_sim[index * len(held_out_sim) // available]
        real = held_out_real[index * len(held_out_real) // available]
        first = frames[0][0] if frames else sim
        if sim.shape == real.shape == first.shape:
            frames.append((sim, real))
    return frames


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
