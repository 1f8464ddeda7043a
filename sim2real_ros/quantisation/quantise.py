"""Quantise a model, measure what that costs and gains, and say whether it is worth it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sim2real_ros.card import ModelCard
from sim2real_ros.data import Source
from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.quantisation.float_graph import FloatGraph, model_content, prepare_graph
from sim2real_ros.quantisation.frame_sets import FrameSets, read_frame_sets, some_of
from sim2real_ros.quantisation.int8_graph import Int8Converter
from sim2real_ros.quantisation.options import QuantiseOptions
from sim2real_ros.quantisation.quality import QualityLoss, RgbImage, image_loss
from sim2real_ros.quantisation.quantised_model import BackendSpeed, QuantisedModel
from sim2real_ros.quantisation.sensitivity import layers_to_keep
from sim2real_ros.quantisation.speed import SpeedMeter, measure_speed
from sim2real_ros.runtime.backends import GENERAL_BACKENDS, BackendOptions, create_backend
from sim2real_ros.runtime.card_exchange import with_card
from sim2real_ros.runtime.extra_inputs import extra_input_arrays
from sim2real_ros.runtime.model_file import ModelFile
from sim2real_ros.runtime.pixel_format import to_tensor
from sim2real_ros.runtime.translator import Translator

SEARCH_FRAMES = 4
"""Of those of calibration, which the search for the worst layers looks at."""

REFERENCE = 'onnxruntime'
"""The back end whose images of the float model count as right."""

EXACTLY = BackendOptions('cpu', precision='float32')
AS_THE_NODE = BackendOptions()

Say = Callable[[str], None]


def quantise_model(
    model: ModelFile,
    source: Source,
    options: QuantiseOptions,
    *,
    meter: SpeedMeter | None = None,
    say: Say = lambda _: None,
) -> QuantisedModel:
    """Quantise a model with the frames of a source, and measure it on others of them.

    Args:
        model: The float model, of any contract that its card describes.
        source: Frames like those that the model will see.
        options: How, and what to accept.
        meter: Measures times; None = ``measure_speed``.
        say: Is told what is being done, in a few words.

    Returns:
        The model with all that was measured. It does not depend on times but for these and for
        what is refused because of them.

    Raises:
        ModelError: The graph cannot be quantised.
        BackendError: A runtime is missing or fails.
        DataError: There are too few frames.
    """
    graph = prepare_graph(model)
    reference = _translator(model, REFERENCE, options, EXACTLY)
    say('reading frames')
    sets = read_frame_sets(
        source, options.calibration_frames, options.held_out_frames, reference.model_size
    )
    say(f'calibrating with {len(sets.calibration)} frames')
    converter = Int8Converter(
        graph,
        (_feeds(model, image) for image in sets.calibration),
        options.calibration,
        reduce_range=options.reduce_range,
    )
    build = partial(_as_model, model, converter)
    kept = _kept_in_float(build, graph, reference, sets, options, say)
    say(f'measuring on {len(sets.held_out)} other frames')
    return _measured(
        build(kept, model.card), kept, graph, reference, sets, options, meter or measure_speed
    )


def _translator(
    model: ModelFile, backend: str, options: QuantiseOptions, how: BackendOptions = AS_THE_NODE
) -> Translator:
    return Translator(model, create_backend(backend, model, how), options.size)


def _feeds(model: ModelFile, image: RgbImage) -> dict[str, NDArray[np.generic]]:
    return {model.card.input: to_tensor(image, model.card), **extra_input_arrays(model)}


def _as_model(
    model: ModelFile, converter: Int8Converter, kept: frozenset[str], card: ModelCard
) -> ModelFile:
    content = model_content(converter.convert(kept), model, card)
    return replace(model, content=content, sha256=hashlib.sha256(content).hexdigest(), card=card)


def _kept_in_float(
    build: Callable[[frozenset[str], ModelCard], ModelFile],
    graph: FloatGraph,
    reference: Translator,
    sets: FrameSets,
    options: QuantiseOptions,
    say: Say,
) -> frozenset[str]:
    images = some_of(sets.calibration, SEARCH_FRAMES)
    of_float = [reference.translate(image).copy() for image in images]
    looks = 0

    def loss_of(kept: frozenset[str]) -> QualityLoss:
        nonlocal looks
        looks += 1
        if looks == 2:
            say(f'too much is lost: looking which of {len(graph.layers)} layers to keep in float')
        quantised = build(kept, reference.model.card)
        translator = _translator(quantised, REFERENCE, options, EXACTLY)
        return _loss(translator, images, of_float)

    kept = layers_to_keep(graph.layers, loss_of, options.limits.stricter())
    if kept is not None:
        return kept
    if options.force_quality:
        return frozenset()
    raise ModelError(
        f'Not written: quality is only kept where no layer of {str(reference.model.path)!r} is '
        'quantised. Try another --calibration or more frames, or allow more loss '
        '(--max-mean-levels, --min-psnr-db).'
    )


def _loss(
    translator: Translator, images: Sequence[RgbImage], of_float: Sequence[RgbImage]
) -> QualityLoss:
    pairs = zip(of_float, images, strict=True)
    return QualityLoss.of_images(
        image_loss(right, translator.translate(image)) for right, image in pairs
    )


def _measured(
    quantised: ModelFile,
    kept: frozenset[str],
    graph: FloatGraph,
    reference: Translator,
    sets: FrameSets,
    options: QuantiseOptions,
    meter: SpeedMeter,
) -> QuantisedModel:
    translator = _translator(quantised, options.backend, options)
    of_float = [reference.translate(image).copy() for image in sets.held_out]
    loss = _loss(translator, sets.held_out, of_float)
    card = _card(quantised, reference.model, loss, len(sets.calibration), options)
    return QuantisedModel(
        with_card(quantised, card),
        card,
        graph.layers,
        tuple(layer for layer in graph.layers if layer in kept),
        loss,
        _speeds(reference.model, quantised, sets.held_out[0], options, meter),
        options,
        sets,
    )


def _card(
    quantised: ModelFile,
    original: ModelFile,
    loss: QualityLoss,
    frames: int,
    options: QuantiseOptions,
) -> ModelCard:
    """Add where the model comes from and what it lost; no times, which differ by machine."""
    how = f'{options.calibration} over {frames} frames'
    if options.reduce_range:
        how += ', 7-bit weights'
    note = f'quantised to int8 (static QDQ, {how}) from sha256 {original.sha256}'
    metrics = {
        'int8_calibration_frames': float(frames),
        'int8_mean_levels': round(loss.mean_levels, 4),
        'int8_max_levels': float(loss.max_levels),
        'int8_psnr_db': round(loss.psnr_db, 2),
        'int8_edge_agreement': round(loss.edge_agreement, 4),
    }
    card = quantised.card
    source = f'{card.source}; {note}' if card.source else note
    return replace(card, source=source, metrics={**card.metrics, **metrics})


def _speeds(
    original: ModelFile,
    quantised: ModelFile,
    image: RgbImage,
    options: QuantiseOptions,
    meter: SpeedMeter,
) -> tuple[BackendSpeed, ...]:
    """Measure on the back end that counts, then on the others that run both models."""
    speeds: list[BackendSpeed] = []
    for name in (options.backend, *GENERAL_BACKENDS):
        try:
            pair = [_translator(each, name, options) for each in (original, quantised)]
        except BackendError:
            if not speeds:
                raise
            # Not installed here, or not for such models.
            continue
        names = tuple(translator.backend.name for translator in pair)
        if names not in [speed.names for speed in speeds]:
            run_float, run_int8 = (partial(each.translate, image) for each in pair)
            speeds.append(BackendSpeed(name, names, meter(run_float, run_int8)))
    return tuple(speeds)
