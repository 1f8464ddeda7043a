"""TrainingData: from the options of a run to the batch of each of its steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sim2real_ros.data.frame import Skipped
from sim2real_ros.training.batches.batch import Batch
from sim2real_ros.training.batches.cropping import Placed, stacked, stacked_masks
from sim2real_ros.training.batches.description import describe
from sim2real_ros.training.batches.held_out import HeldOut
from sim2real_ros.training.batches.image_cache import (
    ProgressReport,
    default_cache_folder,
    open_cache,
)
from sim2real_ros.training.batches.image_file import ImageFile
from sim2real_ros.training.batches.image_store import (
    FileStore,
    ImageStore,
    no_readable_pair,
    none_readable,
)
from sim2real_ros.training.batches.mask_checks import check_class_ids
from sim2real_ros.training.batches.pixel_batch import PixelBatch, to_batch
from sim2real_ros.training.batches.prefetching import prefetched_batches
from sim2real_ros.training.batches.preparation import (
    Pixels,
    Preparation,
    SizeAdvice,
    is_cropped,
    testing_preparation,
    training_preparation,
)
from sim2real_ros.training.batches.sampling import REAL, SIM, Changes, Sampler, draw_changes
from sim2real_ros.training.batches.size_checks import check_sizes
from sim2real_ros.training.batches.sources import BatchKind, find_sources
from sim2real_ros.training.options import DataOptions


@dataclass(frozen=True)
class _Sample:
    """The two images of a place in a batch."""

    sim: tuple[Pixels, Pixels | None]
    real: tuple[Pixels, Pixels | None]
    sim_changes: Changes
    real_changes: Changes


class TrainingData:
    """The batches of a run; made by ``open_training_data``.

    Attributes:
        images_per_epoch: As many as the larger domain has; an epoch shows each of these once.
        held_out_sim: Images for samples and measurements, prepared as for testing: whole, not
            mirrored, at the scale of the training, sides rounded to what the generator takes.
            Of paired data, ``held_out_real`` has the partner under the same number.
        held_out_real: Likewise. Of several sizes where nothing is resized.
        description: What the data is, for run folder and card; can be written as JSON.
    """

    def __init__(
        self,
        options: DataOptions,
        stores: tuple[ImageStore, ImageStore],
        sampler: Sampler,
        batch_size: int,
        held_out: tuple[HeldOut, HeldOut],
        description: Mapping[str, Any],
    ) -> None:
        """Take what ``open_training_data`` has opened."""
        self.images_per_epoch = sampler.images_per_epoch
        self.held_out_sim, self.held_out_real = held_out
        self.description = dict(description)
        self._options = options
        self._sim, self._real = stores
        self._sampler = sampler
        self._batch_size = batch_size

    @property
    def skipped(self) -> list[Skipped]:
        """Files that are left out because they cannot be read, as far as is known.

        With a cache all are known from the beginning; without one they are found when their turn
        comes. Others stand in for them, chosen by the seed, so both give the same batches.
        """
        held_out = [*self.held_out_sim.skipped, *self.held_out_real.skipped]
        reasons = {s.where: s for s in [*held_out, *self._sim.skipped, *self._real.skipped]}
        return [reasons[where] for where in sorted(reasons)]

    def batch(self, step: int, rank: int = 0, world_size: int = 1) -> Batch:
        """Return the batch of a step, on the CPU: a function of its arguments and the seed alone.

        The batches of all ranks, one after the other, are the batch that one process would get
        with a batch size of ``world_size`` times this one.

        Args:
            step: Number of the step, from 0 on.
            rank: Number of this process.
            world_size: How many processes share the work.

        Raises:
            DataError: An image has changed its size since the beginning, or none can be read.
        """
        return to_batch(self._pixels(step, rank, world_size, pinned=False), torch.device('cpu'))

    def prefetched(
        self,
        first_step: int,
        last_step: int,
        rank: int = 0,
        world_size: int = 1,
        device: torch.device | str = 'cpu',
    ) -> Iterator[Batch]:
        """Yield the batches of the steps ``range(first_step, last_step)``, prepared ahead.

        They equal those of ``batch``; on a GPU they have been copied there, as bytes, while it
        was busy with the batch before. May be left at any time.

        Args:
            first_step: The first one.
            last_step: The one after the last.
            rank: Number of this process.
            world_size: How many processes share the work.
            device: Where the batches are wanted.

        Raises:
            DataError: As ``batch`` does, at its turn.
        """
        device = torch.device(device)

        def prepare(step: int) -> PixelBatch:
            return self._pixels(step, rank, world_size, pinned=device.type == 'cuda')

        steps = range(first_step, last_step)
        return prefetched_batches(prepare, steps, workers=self._options.workers, device=device)

    def _pixels(self, step: int, rank: int, world_size: int, *, pinned: bool) -> PixelBatch:
        if step < 0 or not 0 <= rank < world_size:
            raise ValueError(f'step {step}, rank {rank} of {world_size}')
        first = (step * world_size + rank) * self._batch_size
        samples = [self._sample(first + number) for number in range(self._batch_size)]
        sim = [Placed(*sample.sim, sample.sim_changes) for sample in samples]
        real = [Placed(*sample.real, sample.real_changes) for sample in samples]
        size = (sim[0].image.shape[1], sim[0].image.shape[0])
        if is_cropped(self._options):
            size = self._options.crop_size
        jitter = self._options.colour_jitter
        return PixelBatch(
            stacked(sim, size, pinned=pinned),
            stacked(real, size, pinned=pinned),
            stacked_masks(sim, size, pinned=pinned),
            tuple(each.changes.colours for each in sim if jitter),
            tuple(each.changes.colours for each in real if jitter),
        )

    def _sample(self, sample: int) -> _Sample:
        sim_changes, real_changes = self._changes(sample, SIM), self._changes(sample, REAL)
        numbers = self._sampler.numbers(sample)
        if self._sampler.paired:
            pair = self._read_pair(numbers[0])
            for number in () if pair else self._sampler.replacements(sample, SIM):
                pair = pair or self._read_pair(int(number))
            if pair is None:
                raise no_readable_pair(self._sim, self._real)
            return _Sample(*pair, sim_changes, sim_changes)
        sim, real = self._read(sample, SIM, numbers[0]), self._read(sample, REAL, numbers[1])
        return _Sample(sim, real, sim_changes, real_changes)

    def _changes(self, sample: int, domain: int) -> Changes:
        flip, jitter = self._options.flip, self._options.colour_jitter
        return draw_changes(self._sampler.seed, sample, domain, flip=flip, colour_jitter=jitter)

    def _read(self, sample: int, domain: int, number: int) -> tuple[Pixels, Pixels | None]:
        store = self._real if domain == REAL else self._sim
        found = store.read(number)
        for other in () if found else self._sampler.replacements(sample, domain):
            found = found or store.read(int(other))
        if found is None:
            raise none_readable(store)
        return found

    def _read_pair(
        self, number: int
    ) -> tuple[tuple[Pixels, Pixels | None], tuple[Pixels, Pixels | None]] | None:
        sim = self._sim.read(number)
        real = self._real.read(number) if sim else None
        return (sim, real) if sim and real else None


def open_training_data(
    options: DataOptions,
    kind: BatchKind,
    batch_size: int,
    seed: int,
    *,
    size_multiple: int = 4,
    size_advice: SizeAdvice | None = None,
    classes: int = 0,
    progress: ProgressReport | None = None,
) -> TrainingData:
    """Find, decode and check the images of a run.

    Args:
        options: What to train on.
        kind: Whether ``Batch.real`` shows the same scene as ``Batch.sim``.
        batch_size: Images of each domain per step and process.
        seed: Of orders, crops, flips and colours.
        size_multiple: What the sides of the generator's input must be multiples of.
        size_advice: Tells what to change in the generator so that it takes a (width, height).
        classes: How many class ids masks may have; 0 = any.
        progress: Told what is decoded into the cache: a word, how many, of how many.

    Raises:
        ConfigError: The options exclude each other or do not suit the generator.
        DataError: Folders are missing or empty, partners do not match, sizes do not make a
            batch, a mask has an unknown class id, no held-out image can be read, or the cache
            cannot be written.
    """
    preparation = training_preparation(options, size_multiple, size_advice)
    sources = find_sources(options, kind)
    with_masks = sources.masks is not None
    sim = _open_store(sources.sim.files, preparation, options, progress, with_masks=with_masks)
    real = _open_store(sources.real.files, preparation, options, progress, with_masks=False)
    if classes and with_masks:
        check_class_ids(sim, classes)
    paired = kind == 'paired'
    check_sizes(sim, real, options, paired=paired, batch_size=batch_size)
    sampler = Sampler(seed, len(sim.files), len(real.files), paired)
    whole = testing_preparation(options, size_multiple)
    held_out_sim = sources.held_out_sim or sources.sim
    held_out_real = sources.held_out_real or sources.real
    held_out = (
        HeldOut(held_out_sim.files, whole, held_out_real.files if paired else ()),
        HeldOut(held_out_real.files, whole, held_out_sim.files if paired else ()),
    )
    for each, apart in zip(held_out, (sources.held_out_sim, sources.held_out_real), strict=True):
        if apart:
            # Else it would end the run when it is measured for the first time, hours later.
            each.check_readable()
    description = describe(sources, (sim, real), options, kind, preparation)
    return TrainingData(options, (sim, real), sampler, batch_size, held_out, description)


def _open_store(
    files: tuple[ImageFile, ...],
    preparation: Preparation,
    options: DataOptions,
    progress: ProgressReport | None,
    *,
    with_masks: bool,
) -> ImageStore:
    if not options.cache:
        return FileStore(files, preparation, with_masks=with_masks)
    folder = Path(options.cache_folder).expanduser()
    if not options.cache_folder:
        folder = default_cache_folder()
    return open_cache(files, preparation, folder, with_masks=with_masks, progress=progress)
