"""Measurement: how real the held-out frames look after translation, and what was lost by it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from sim2real_ros.errors import ModelError, TrainingError
from sim2real_ros.evaluation.artefacts.diversity import SMALL_SIDE_PX, diversity
from sim2real_ros.evaluation.distribution.kernel_distance import kernel_distance
from sim2real_ros.evaluation.pairs.psnr import psnr_db
from sim2real_ros.training.engine.features import FeatureExtractor, Features

Images = Sequence[npt.NDArray[np.uint8]]
Autocast = Callable[[], AbstractContextManager[None]]

WATCHED_IMAGES = 32
"""Frames for a look at the diversity alone, which shall cost little."""

_UNEQUAL = 'psnr leaves out held-out pairs whose images differ in size'


class Measurement:
    """Measures generators on the same held-out images, again and again.

    What does not depend on the generator (the features of both domains, their distance) is
    computed at the first call and kept. The same weights give the same numbers on the same
    machine: images are taken evenly over each domain, random numbers start from the seed, and
    the caller's own random numbers go on as if nothing had been.

    Attributes:
        notes: What the user should be told once, such as why there is no KID; a measurement may
            add to them.
    """

    def __init__(
        self,
        held_out_sim: Images,
        held_out_real: Images,
        *,
        images: int = 200,
        seed: int = 0,
        device: torch.device | str = 'cpu',
        batch_size: int = 8,
        paired: bool = False,
        autocast: Autocast = nullcontext,
    ) -> None:
        """Choose the images; none is decoded yet.

        Args:
            held_out_sim: uint8 RGB (H, W, 3), of sizes that the generator takes.
            held_out_real: Likewise; where ``paired``, of the same scenes in the same order.
            images: Of each domain, at most.
            seed: Of the subsets of KID, and of generators that draw random numbers.
            device: Where the generators are.
            batch_size: Images of equal size that are translated at once.
            paired: Whether to compare each translation with its own real image, too.
            autocast: What to translate in, such as ``Stepper.autocast``.
        """
        self._sim = _Chosen(held_out_sim, images)
        self._real = _Chosen(held_out_real, images)
        self._seed, self._batch_size = seed, batch_size
        self._device, self._autocast = torch.device(device), autocast
        self._paired = paired
        self.notes: list[str] = []
        self._extractor = self._features_if_possible()
        self._real_features: Features | None = None
        self._kid_before = 0.0

    def __call__(self, generator: nn.Module) -> dict[str, float]:
        """Translate the held-out simulated images and measure the results.

        Args:
            generator: From sim to real, (N, 3, H, W) in -1..1 to the same; its mode is restored.

        Returns:
            ``kid`` and ``kid_std`` of translated and real (features of EfficientNet-Lite0: not
            comparable with numbers on Inception's), ``kid_before`` of sim and real, ``diversity``
            and ``reused`` (see ``evaluation.artefacts.diversity``), and ``psnr`` in dB where
            paired. What cannot be measured is not there, and ``notes`` tells why.

        Raises:
            TrainingError: The generator's outputs are no numbers or of another size.
        """
        seen = self._translate(generator, self._sim.indices, features=self._extractor is not None)
        result = seen.diversity()
        if self._extractor is not None:
            result = {**self._kid(np.concatenate(seen.features)), **result}
        if seen.psnr:
            result['psnr'] = float(np.mean(seen.psnr))
        return result

    def watched(self, generator: nn.Module) -> dict[str, float]:
        """Measure ``diversity`` and ``reused`` alone, on a few of the images.

        Raises:
            TrainingError: As in a full measurement.
        """
        indices = self._sim.indices
        few = [indices[i] for i in _spread(len(indices), WATCHED_IMAGES)]
        return self._translate(generator, few, features=False).diversity()

    def _features_if_possible(self) -> FeatureExtractor | None:
        counts = len(self._sim.indices), len(self._real.indices)
        if min(counts) < 2:
            self.notes.append(
                f'no KID: {counts[0]} simulated and {counts[1]} real images are held out, it '
                'needs at least 2 of each (better 50); give test_sim and test_real'
            )
            return None
        try:
            return FeatureExtractor(self._device)
        except ModelError as error:
            self.notes.append(f'no KID: {error}')
            return None

    def _kid(self, translated: Features) -> dict[str, float]:
        if self._real_features is None:
            sim, self._real_features = self._features(self._sim), self._features(self._real)
            self._kid_before = kernel_distance(sim, self._real_features, seed=self._seed).mean
        kid = kernel_distance(translated, self._real_features, seed=self._seed)
        return {'kid': kid.mean, 'kid_std': kid.std, 'kid_before': self._kid_before}

    def _features(self, chosen: '_Chosen') -> Features:
        assert self._extractor is not None
        images = (chosen.images[index] for index in chosen.indices)
        return self._extractor.of_images(images, self._batch_size)

    def _translate(
        self, generator: nn.Module, indices: Sequence[int], *, features: bool
    ) -> '_Translated':
        seen = _Translated()
        with _evaluating(generator), _own_random_numbers(self._seed, self._device):
            for numbers, sim in self._batches(indices):
                translated = self._translated_batch(generator, sim)
                seen.small_sim.append(_small(sim))
                seen.small_translated.append(_small(translated))
                if features and self._extractor is not None:
                    seen.features.append(self._extractor.of_tensor(translated))
                if self._paired:
                    real = [self._real.images[number] for number in numbers]
                    seen.psnr.extend(self._psnr(translated, real))
        return seen

    def _psnr(self, translated: torch.Tensor, real: Images) -> Iterator[float]:
        """Yield dB for each image that has a partner of its size; uint8 (N, 3, H, W)."""
        for ours, theirs in zip(translated.permute(0, 2, 3, 1).cpu().numpy(), real, strict=True):
            if ours.shape == theirs.shape:
                yield psnr_db(ours, theirs)
            elif _UNEQUAL not in self.notes:
                self.notes.append(_UNEQUAL)

    def _batches(self, indices: Sequence[int]) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yield images that follow each other and have one size: their numbers, (N, 3, H, W)."""
        numbers: list[int] = []
        images: list[npt.NDArray[np.uint8]] = []
        for index in indices:
            image = self._sim.images[index]
            if images and (len(images) == self._batch_size or image.shape != images[0].shape):
                yield numbers, self._on_device(images)
                numbers, images = [], []
            numbers.append(index)
            images.append(image)
        if images:
            yield numbers, self._on_device(images)

    def _on_device(self, images: Images) -> torch.Tensor:
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(self._device)

    def _translated_batch(self, generator: nn.Module, sim: torch.Tensor) -> torch.Tensor:
        """Translate uint8 to uint8, as the exported model will."""
        with self._autocast():
            output: torch.Tensor = generator(sim.float() / 127.5 - 1)
        if output.shape != sim.shape:
            raise TrainingError(
                f'the generator made {tuple(output.shape)} of {tuple(sim.shape)}; expected equal '
                'sizes: held-out images must be multiples of its size_multiple'
            )
        if not bool(torch.isfinite(output).all()):
            raise TrainingError(
                'the generator gives NaN or infinity on held-out images: it has diverged; go back '
                'to an earlier checkpoint'
            )
        return ((output.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


class _Chosen:
    """Some images of a domain, evenly spread, so that every drive in it counts."""

    def __init__(self, images: Images, limit: int) -> None:
        self.images, self.indices = images, _spread(len(images), limit)


@dataclass
class _Translated:
    """What is kept of translated images, which themselves would fill the memory."""

    small_sim: list[npt.NDArray[np.float32]] = field(default_factory=list)
    small_translated: list[npt.NDArray[np.float32]] = field(default_factory=list)
    features: list[Features] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)

    def diversity(self) -> dict[str, float]:
        if sum(map(len, self.small_sim)) < 2:
            return {}
        found = diversity(np.concatenate(self.small_sim), np.concatenate(self.small_translated))
        return {'diversity': found.ratio, 'reused': found.reused}


def _spread(count: int, limit: int) -> list[int]:
    return [int(i) for i in np.linspace(0, count - 1, min(count, limit)).round()]


def _small(images: torch.Tensor) -> npt.NDArray[np.float32]:
    """Return small copies (N, h, w, 3), values 0..255."""
    small = functional.interpolate(images.float(), (SMALL_SIDE_PX, SMALL_SIDE_PX), mode='area')
    copies: npt.NDArray[np.float32] = small.permute(0, 2, 3, 1).cpu().numpy()
    return copies


@contextmanager
def _evaluating(generator: nn.Module) -> Iterator[None]:
    """Switch to evaluation mode without gradients, and restore every module's own mode."""
    modes = [(module, module.training) for module in generator.modules()]
    generator.eval()
    try:
        # Not inference_mode: what a network keeps from such a call could not be trained with.
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _own_random_numbers(seed: int, device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng([device] if device.type == 'cuda' else []):
        torch.manual_seed(seed)
        yield
