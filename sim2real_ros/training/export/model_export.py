"""Write a generator as a model file: one ONNX graph with the contract, a card, and a proof."""

import copy
import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import helper
from torch import nn

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import ModelError
from sim2real_ros.files import sha256_of_bytes, write_atomically
from sim2real_ros.runtime.frame_context import DETAIL_STRENGTH
from sim2real_ros.runtime.model_path import check_writable
from sim2real_ros.runtime.parity import Parity, check_parity, measure_parity
from sim2real_ros.training.export.bilateral_contract import BilateralContract
from sim2real_ros.training.export.half_precision import half_precision
from sim2real_ros.training.export.operators import check_operators
from sim2real_ros.training.export.parity_images import Size, parity_images
from sim2real_ros.training.export.uint8_contract import Image, Uint8Contract, translate_in_torch
from sim2real_ros.training.networks.bilateral_grid import BilateralGrid, BilateralGridDetail

OPSET = 18
FP16_TOLERANCE = Parity(max_levels=8, mean_levels=0.5)
"""What float16 may cost: its own rounding is 1/2048 of a value, and it adds up over the layers."""

PARITY_METRICS = ('parity_max_levels', 'parity_mean_levels')
"""Names under which a card says how far the file is from the network in torch."""


@dataclass(frozen=True)
class ExportedModel:
    """What was written.

    Attributes:
        path: The model file.
        card: As it is inside.
        parity: Between the network in torch, in float32, and the file in ONNX Runtime.
        sha256: Of the file.
        notes: What is not in it, though it could be, and why.
    """

    path: Path
    card: ModelCard
    parity: Parity
    sha256: str
    notes: tuple[str, ...] = ()


def export_model(
    generator: nn.Module,
    path: str | Path,
    card: ModelCard,
    *,
    size: Size | None = None,
    fp16: bool = False,
    kept: npt.NDArray[np.bool_] | None = None,
    force: bool = False,
) -> ExportedModel:
    """Write a generator as a model file, but only if ONNX Runtime computes the same.

    Args:
        generator: (N, 3, H, W) float32 RGB in -1..1 to the same; its attribute ``size_multiple``
            (1 where it is missing) says what H and W must be multiples of. It is not changed: a
            copy in evaluation mode is exported.
        path: Must end in ``.onnx``; missing folders are made.
        card: Name, method, data, licence. Size, multiple, hash of the weights and parity are
            filled in; input, output, layout and range must be the contract's.
        size: (width, height) to fix; None = any size and batch.
        fp16: Whether weights and convolutions are in float16; normalisations stay in float32.
        kept: Pixels that the model leaves as they are, bool (H, W); needs ``size``.
        force: Whether an existing file may be replaced.

    Raises:
        ModelError: The name is unfit, the file exists, the size is no multiple, the generator
            cannot be exported, has weights that are no numbers, or computes something else in ONNX
            Runtime: more than one level off, or more than ``FP16_TOLERANCE``.
        DataError: The disk refuses.
    """
    path = Path(path)
    check_writable(path, force=force)
    multiple = int(getattr(generator, 'size_multiple', 1))
    _check_sizes(size, multiple, kept)
    network = copy.deepcopy(generator).cpu().float().eval()
    digest = weights_sha256(network)
    body = half_precision(network) if fp16 else network
    dtype = torch.float16 if fp16 else torch.float32
    contract = contract_around(body, dtype, kept)
    model = to_onnx(contract, size, multiple)
    check_operators(model)
    parity = _measured(model, network, contract, parity_images(size, multiple))
    if fp16:
        check_parity(
            parity, FP16_TOLERANCE, 'Float16 is too coarse for these weights: leave it out.'
        )
    else:
        check_parity(parity)
    card = replace(
        card,
        size=size,
        size_multiple=1 if size else multiple,
        weights_sha256=digest,
        extra_inputs={**card.extra_inputs, **contract.further_inputs},
        metrics={**card.metrics, **_parity_metrics(parity)},
    )
    helper.set_model_props(model, {**card.to_metadata(), **contract.metadata()})
    content = model.SerializeToString()
    write_atomically(path, content)
    return ExportedModel(path, card, parity, sha256_of_bytes(content))


def contract_around(
    generator: nn.Module, dtype: torch.dtype, kept: npt.NDArray[np.bool_] | None
) -> Uint8Contract:
    """Wrap a generator in the contract that suits it; see Uint8Contract."""
    if isinstance(generator, BilateralGrid):
        return BilateralContract(generator, dtype, kept)
    return Uint8Contract(generator, dtype, kept)


def _parity_metrics(parity: Parity) -> dict[str, float]:
    values = (float(parity.max_levels), round(parity.mean_levels, 6))
    return dict(zip(PARITY_METRICS, values, strict=True))


def _check_sizes(size: Size | None, multiple: int, kept: npt.NDArray[np.bool_] | None) -> None:
    if size is not None and any(side < 1 or side % multiple for side in size):
        raise ModelError(
            f'The generator works at sides that are multiples of {multiple}, not at '
            f'{size[0]}x{size[1]}.'
        )
    if kept is not None and (size is None or kept.shape != (size[1], size[0])):
        raise ModelError('To keep a region of the image, export the model at one fixed size.')


def weights_sha256(generator: nn.Module) -> str:
    """Return the checksum of all weights, whatever they are stored in.

    Raises:
        ModelError: A weight is not finite.
    """
    digest = hashlib.sha256()
    for name, value in sorted(generator.state_dict().items()):
        array = value.detach().cpu().numpy()
        if not np.isfinite(array).all():
            raise ModelError(f'The weights {name!r} hold values that are no finite numbers.')
        digest.update(f'{name} {array.dtype} {array.shape}\n'.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def to_onnx(contract: Uint8Contract, size: Size | None, multiple: int = 1) -> onnx.ModelProto:
    """Turn a module with the contract into an ONNX graph.

    Args:
        contract: uint8 (N, H, W, 3) to the same.
        size: (width, height) to fix, with N = 1; None = N, H and W are free.
        multiple: Of the free sides.

    Raises:
        ModelError: It uses something that has no ONNX counterpart.
    """
    # Twice and thrice: a side of one multiple is often one pixel wide inside the network, and
    # equal sides would be taken for one.
    width, height = size or (max(24, 3 * multiple), max(16, 2 * multiple))
    width, height = (-(-side // multiple) * multiple for side in (width, height))
    example = torch.zeros((1 if size else 2, height, width, 3), dtype=torch.uint8)
    free = torch.export.Dim.DYNAMIC
    further = {n: torch.tensor(values) for n, values in contract.further_inputs.items()}
    fixed = dict.fromkeys(further)
    try:
        with _quiet():
            program = torch.onnx.export(
                contract.eval(),
                (example, *further.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=['image', *further],
                output_names=['translated', *contract.inner_names],
                dynamic_shapes=None if size else {'image': {0: free, 1: free, 2: free}, **fixed},
                verbose=False,
            )
    # The exporter's exceptions have no common base class below Exception.
    except Exception as error:
        reason = ' '.join(str(error).split())[:500]
        raise ModelError(f'The generator cannot be written as ONNX: {reason}') from error
    assert program is not None
    model = program.model_proto
    # The others only keep their names in the graph.
    del model.graph.output[1:]
    _name_dimensions(model, size)
    _forget_origins(model)
    onnx.checker.check_model(model)
    return model


def _name_dimensions(model: onnx.ModelProto, size: Size | None) -> None:
    """Call free dimensions N, H and W at both ends, and drop what is said about inner shapes."""
    del model.graph.value_info[:]
    sides: list[str | int | None] = (
        ['N', 'H', 'W', 3] if size is None else [1, size[1], size[0], 3]
    )
    for value in (model.graph.input[0], model.graph.output[0]):
        kind = value.type.tensor_type
        kind.CopyFrom(helper.make_tensor_type_proto(kind.elem_type, sides).tensor_type)


def _forget_origins(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes: versions, paths of the exporting machine, Python code."""
    model.producer_name, model.producer_version = 'sim2real_ros', ''
    graph = model.graph
    for noted in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del noted.metadata_props[:]
        noted.doc_string = ''


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, whose warnings are about its own inner life."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)


def _measured(
    model: onnx.ModelProto, network: nn.Module, contract: Uint8Contract, images: list[Image]
) -> Parity:
    """Compare the graph with the network in torch, and without its detail if it has a branch."""
    content = model.SerializeToString()
    kept = None if contract.kept is None else contract.kept[0, 0, :, :, None].numpy()

    def measured(reference: nn.Module, further: dict[str, list[float]]) -> Parity:
        def translated(image: Image) -> Image:
            result = translate_in_torch(reference, image)
            return result if kept is None else np.where(kept, image, result)

        arrays = {name: np.array(values, np.float32) for name, values in further.items()}
        return measure_parity(content, translated, images, arrays)

    found = measured(network, contract.further_inputs)
    without = copy.deepcopy(network)
    if not isinstance(without, BilateralGridDetail):
        return found
    without.detail.amplitude = 0.0
    again = measured(without, {DETAIL_STRENGTH: [0.0]})
    return Parity(
        max(found.max_levels, again.max_levels), max(found.mean_levels, again.mean_levels)
    )
