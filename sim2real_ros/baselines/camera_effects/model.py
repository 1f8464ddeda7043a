"""Write fitted camera effects as a model file, alone or behind a generator."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim2real_ros.baselines.camera_effects.append import append_effects
from sim2real_ros.baselines.camera_effects.fit import CameraEffectsFit
from sim2real_ros.baselines.camera_effects.graph import build_effects_graph
from sim2real_ros.baselines.camera_effects.reference import EffectsReference
from sim2real_ros.baselines.export import write_model
from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.files import write_atomically
from sim2real_ros.runtime.backends import Backend, BackendOptions, create_backend
from sim2real_ros.runtime.model_file import ModelFile, open_model
from sim2real_ros.runtime.model_path import check_writable
from sim2real_ros.runtime.parity import Parity, check_parity

Image = npt.NDArray[np.uint8]

METHOD = 'camera effects'

PARITY_SIZES = ((136, 104), (256, 192))
"""(width, height), made multiples of what the generator wants."""

APPENDED_TOLERANCE = Parity(max_levels=2, mean_levels=0.05)
"""A level for rounding, as ever, and one that the generator's result may have rounded otherwise,
as runtimes fuse it with what follows."""


def write_effects_model(
    fit: CameraEffectsFit,
    path: str | Path,
    training_data: str,
    licence: str,
    *,
    generator: ModelFile | None = None,
    force: bool = False,
) -> tuple[str, ...]:
    """Write a fit as a model file with its card, after a parity check.

    Args:
        fit: The fit.
        path: The ``.onnx`` file; its stem becomes the model's name.
        training_data: What the effects were fitted on.
        licence: Under which terms they may be used.
        generator: The model that the effects come after; None = they stand alone.
        force: Whether an existing file may be replaced.

    Returns:
        Keys of the generator's metadata entries that were left out, as they are no longer true.

    Raises:
        ModelError: The file exists or cannot be written, the generator keeps another contract,
            or parity fails.
    """
    reference = EffectsReference(fit.effects)
    if generator is None:
        card = _card(fit, path, training_data, licence)
        write_model(build_effects_graph(fit.effects, card), path, reference, force=force)
        return ()
    check_writable(path, force=force)
    card = _merged_card(generator.card, _card(fit, path, training_data, licence))
    appended = append_effects(generator, fit.effects, card)
    content = appended.model.SerializeToString()
    check_parity(_appended_parity(content, generator, reference), APPENDED_TOLERANCE)
    write_atomically(Path(path), content)
    return appended.left_out


def _card(fit: CameraEffectsFit, path: str | Path, data: str, licence: str) -> ModelCard:
    names = ', '.join(name.replace('_', ' ') for name in fit.effects.active) or 'none'
    width, height = fit.size
    return ModelCard(
        name=Path(path).stem,
        method=METHOD,
        description=f'Camera effects ({names}) fitted at {width}x{height}.',
        source_domain='simulation',
        target_domain='real camera',
        training_data=data,
        licence=licence,
        metrics=fit.metrics,
    )


def _merged_card(generator: ModelCard, effects: ModelCard) -> ModelCard:
    """Return the card of both: the generator's contract, both origins, both terms."""
    return replace(
        generator,
        name=effects.name,
        method=f'{generator.method} + {METHOD}',
        description=' '.join(filter(None, (generator.description, effects.description))),
        target_domain=generator.target_domain or effects.target_domain,
        training_data=_both(generator.training_data, effects.training_data),
        licence=_both(generator.licence, effects.licence),
        metrics={**generator.metrics, **effects.metrics},
    )


def _both(generator: str, effects: str) -> str:
    if generator == effects:
        return generator
    return f'generator: {generator or "not stated"}; camera effects: {effects or "not stated"}'


def _appended_parity(content: bytes, generator: ModelFile, reference: EffectsReference) -> Parity:
    """Compare the joined graph with the generator's own run followed by the reference."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'joined.onnx'
        path.write_bytes(content)
        joined = open_model(path)
    first, both = _backend(generator), _backend(joined)
    worst, total, count = 0, 0.0, 0
    for image in _parity_images(generator.card):
        wanted = reference(first.run(image, None).astype(np.uint8, copy=False), image)
        found = both.run(image, None)
        if found.shape != wanted.shape:
            raise ModelError(
                f'Not written: the joined model answers {image.shape} with {found.shape}.'
            )
        difference = np.abs(found.astype(np.int16) - wanted)
        worst = max(worst, int(difference.max()))
        total, count = total + float(difference.sum()), count + difference.size
    return Parity(worst, total / count)


def _backend(model: ModelFile) -> Backend:
    return create_backend('onnxruntime', model, BackendOptions(provider='cpu'))


def _parity_images(card: ModelCard) -> Iterator[Image]:
    multiple = card.size_multiple
    sizes = [tuple(-(-side // multiple) * multiple for side in size) for size in PARITY_SIZES]
    generator = np.random.default_rng(0)
    for width, height in [card.size] if card.size else sizes:
        coarse = generator.integers(0, 256, (1, height // 8 + 1, width // 8 + 1, 3), np.uint8)
        yield coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width].copy()
