"""Write the generator of a run as a model file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ConfigError
from sim2real_ros.training.early_checks import SIZE_NEEDED, check_export
from sim2real_ros.training.engine.checkpoint import Checkpoint
from sim2real_ros.training.engine.run import Run, Which, load_generator, open_run
from sim2real_ros.training.engine.run_folder import RunFolder
from sim2real_ros.training.export.model_export import ExportedModel, export_model
from sim2real_ros.training.export.run_domain import RunDomain, find_run_domain
from sim2real_ros.training.losses.region import Region
from sim2real_ros.training.options import ExtraLossOptions, TrainingConfig

Size = tuple[int, int]


@dataclass(frozen=True)
class RunExportOptions:
    """How to export.

    Attributes:
        which: ``best``, ``latest``, or the number of steps of a checkpoint.
        size: (width, height) of a model of fixed size; None = any size. It may be larger than the
            crops that were trained on.
        fp16: Whether the model computes in float16.
        keep_region: Whether what training did not look at stays as it is in the image, in place
            of whatever the generator makes of it; needs ``size``.
        name: Of the model; '' = that of the file written.
        licence: Terms of the model, for its card.
        force: Whether an existing file may be replaced.
        domain: Whether the card says what the simulated images look like, where these are still
            there.
    """

    which: Which = 'best'
    size: Size | None = None
    fp16: bool = False
    keep_region: bool = False
    name: str = ''
    licence: str = ''
    force: bool = False
    domain: bool = True


def export_run(
    folder: str | Path, path: str | Path, options: RunExportOptions | None = None
) -> ExportedModel:
    """Write the generator of a run as a model file.

    Args:
        folder: Of the run; it may be training meanwhile.
        path: The ``.onnx`` file.
        options: How.

    Raises:
        TrainingError: It is no run, or has no such checkpoint.
        ConfigError: A region is to be kept, but there is none, it moved with random crops, or the
            size is free.
        ModelError: As ``export_model``.
        DataError: The disk refuses.
    """
    options = options or RunExportOptions()
    check_export(folder, path, options.size, keep_region=options.keep_region, force=options.force)
    run = open_run(folder)
    kept = kept_pixels(run.config, options.size) if options.keep_region else None
    generator = load_generator(run, options.which)
    card = _card(run, run.checkpoint(options.which), options, Path(path).stem)
    found = find_run_domain(run) if options.domain else RunDomain()
    exported = export_model(
        generator,
        path,
        replace(card, input_domain=found.numbers),
        size=options.size,
        fp16=options.fp16,
        kept=kept,
        force=options.force,
    )
    return replace(exported, notes=found.notes)


def kept_pixels(config: TrainingConfig, size: Size | None) -> npt.NDArray[np.bool_]:
    """Return which pixels training did not look at.

    Args:
        config: Of the run.
        size: (width, height) of the images.

    Returns:
        bool (H, W).

    Raises:
        ConfigError: There are none, they differed from crop to crop, or the size is free.
    """
    if size is None:
        raise ConfigError(SIZE_NEEDED)
    if _moving_region(config):
        raise ConfigError(
            f'{_moving_region(config)} of the run belongs to its random crops (data.preprocess '
            f'{config.data.preprocess!r}), not to a place of the whole image: there is no region '
            "to keep. Export without --keep-region, or train with preprocess 'resize', or with "
            'data.skip_top in place of region_top.'
        )
    width, height = size
    # What is skipped was cut off before the losses saw the rest.
    skipped = round(config.data.skip_top * height)
    region = Region(config.extra_losses)
    weights = region.weights(height - skipped, width, torch.empty(0))
    kept = np.ones((height, width), dtype=np.bool_)
    kept[skipped:] = False if weights is None else weights[0, 0].numpy() == 0
    if not kept.any():
        raise ConfigError(
            'There is no region to keep: the run looked at whole images (region_top, region_mask '
            'and skip_top are not set).'
        )
    return kept


def _moving_region(config: TrainingConfig) -> str:
    """Name the options of a region whose place in the scene changed from crop to crop."""
    extra = config.extra_losses
    names = [name for name in ('region_top', 'region_mask') if getattr(extra, name)]
    return ' and '.join(f'extra_losses.{name}' for name in names) if config.data.crops_move else ''


def _card(run: Run, checkpoint: Checkpoint, options: RunExportOptions, stem: str) -> ModelCard:
    config, facts = run.config, checkpoint.facts
    data = RunFolder(run.folder).read_data()
    folder = run.folder.resolve().name
    size = 'crops' if 'crop' in config.data.preprocess else 'whole images'
    return ModelCard(
        name=options.name or stem,
        method=config.method,
        description=(
            f'Generator {config.generator.name} after {facts.step} steps, trained on {size}.'
            f'{_region_hint(config, options)}'
        ),
        training_data=_training_data(data),
        licence=options.licence,
        metrics=facts.metrics,
        source=f'run {folder}, step {facts.step}, configuration {facts.config_sha256}',
    )


def _region_hint(config: TrainingConfig, options: RunExportOptions) -> str:
    skipped, extra = config.data.skip_top, config.extra_losses
    if _moving_region(config):
        # Training did look at what some of the crops left out.
        extra = ExtraLossOptions()
    unseen = skipped + (1 - skipped) * extra.region_top
    hints = [f'the upper {unseen:.0%}'] if unseen else []
    hints += ['what its region_mask hides'] if extra.region_mask else []
    if not hints:
        return ''
    if options.keep_region:
        return f' The model leaves {" and ".join(hints)} of the image as it is.'
    advice = f'; give the node the roi [0, {unseen:.2g}, 1, {1 - unseen:.2g}]' if unseen else ''
    return f' Training did not look at {" and ".join(hints)} of the image{advice}.'


def _training_data(data: Mapping[str, Any]) -> str:
    """Say what the run was trained on, as far as its folder tells."""
    parts = []
    for domain in ('sim', 'real'):
        facts = data.get(domain)
        if isinstance(facts, Mapping):
            folder = Path(str(facts.get('folder', '?')))
            checksum = str(facts.get('listing_sha256', ''))[:12]
            place = '/'.join(folder.parts[-2:])
            parts.append(f'{domain}: {facts.get("images")} images of {place} (list {checksum})')
    return '; '.join(parts)
