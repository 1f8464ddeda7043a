"""Turn CameraEffects into an ONNX graph that is fast on a CPU.

The graph works on planes (NCHW): two depthwise convolutions with 1xk and kx1 are the cheapest
blur in ONNX Runtime, five times faster than one with dilation on the pixels as they come. The
checksum is computed in int32, which no runtime lowers to half precision.
"""

import numpy as np
import onnx

from sim2real_ros.baselines.camera_effects import noise_field as field
from sim2real_ros.baselines.camera_effects.discrete_gaussian import gaussian_kernel
from sim2real_ros.baselines.camera_effects.effects import CameraEffects
from sim2real_ros.baselines.graph_builder import GraphBuilder
from sim2real_ros.card import ModelCard

FLOAT, INT32 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32


def build_effects_graph(effects: CameraEffects, card: ModelCard) -> onnx.ModelProto:
    """Build the graph of camera effects, with dynamic N, H and W.

    Args:
        effects: What the graph shall compute, to within one level.
        card: Stored in the model; its contract fields must be the defaults.
    """
    graph = GraphBuilder()
    add_effects(graph, effects, card.input, card.input, card.output)
    return graph.build(card)


def add_effects(
    graph: GraphBuilder, effects: CameraEffects, image: str, seen: str, output: str
) -> None:
    """Add the nodes of the effects to a graph.

    Args:
        graph: Where to add them.
        effects: What to compute.
        image: Name of the image to change, uint8 NHWC.
        seen: Name of the image that decides where the noise lies: the frame as it came in. What a
            network makes of it may differ by a level between runtimes, and then all noise would.
        output: Name of the result, uint8 NHWC.
    """
    if not effects.active:
        graph.add('Identity', image, output=output)
        return
    planes = _Planes(graph, graph.add('Transpose', image, perm=[0, 3, 1, 2]))
    values = graph.add('Cast', planes.name, to=FLOAT)
    if 'lens_distortion' in effects.active:
        values = _distort(planes, values, effects)
    if 'vignetting' in effects.active:
        values = _darken_corners(planes, values, effects)
    values = _blur_and_balance(graph, values, effects)
    if 'noise' in effects.active:
        values = _add_noise(planes, values, seen, effects)
    values = graph.add('Round', values)
    values = graph.add('Clip', values, graph.constant(0.0), graph.constant(255.0))
    values = graph.add('Cast', values, to=onnx.TensorProto.UINT8)
    graph.add('Transpose', values, output=output, perm=[0, 2, 3, 1])


class _Planes:
    """An NCHW image with its sides."""

    def __init__(self, graph: GraphBuilder, name: str) -> None:
        self.graph = graph
        self.name = name
        shape = graph.add('Shape', name)
        self.count = graph.add('Gather', shape, graph.constant([0], np.int64), axis=0)
        self.height = graph.add('Gather', shape, graph.constant(2, np.int64), axis=0)
        self.width = graph.add('Gather', shape, graph.constant(3, np.int64), axis=0)

    def offsets(self, side: str, shape: list[int]) -> str:
        """Return the distances of the pixels' middles from the image's, along one side."""
        graph = self.graph
        index = _range(graph, side, FLOAT)
        half = graph.add('Mul', graph.add('Cast', side, to=FLOAT), graph.constant(0.5))
        half = graph.add('Sub', half, graph.constant(0.5))
        return graph.add('Reshape', graph.add('Sub', index, half), graph.constant(shape, np.int64))

    def squared_radius(self, factor: float) -> tuple[str, str, str]:
        """Return y, x and ``factor * r^2`` with r = 1 in the corners, (1, 1, H, W)."""
        graph = self.graph
        y = self.offsets(self.height, [1, 1, -1, 1])
        x = self.offsets(self.width, [1, 1, 1, -1])
        sides = [graph.add('Cast', side, to=FLOAT) for side in (self.height, self.width)]
        squares = [graph.add('Mul', side, side) for side in sides]
        scale = graph.add('Div', graph.constant(4 * factor), graph.add('Add', *squares))
        rows = graph.add('Mul', graph.add('Mul', y, y), scale)
        columns = graph.add('Mul', graph.add('Mul', x, x), scale)
        return y, x, graph.add('Add', rows, columns)


def _range(graph: GraphBuilder, length: str, dtype: int) -> str:
    start, step = graph.constant(0, np.int64), graph.constant(1, np.int64)
    return graph.add('Cast', graph.add('Range', start, length, step), to=dtype)


def _distort(planes: _Planes, values: str, effects: CameraEffects) -> str:
    graph = planes.graph
    y, x, squared = planes.squared_radius(1.0)
    factor = graph.add('Mul', squared, graph.constant(effects.lens_k2))
    factor = graph.add('Add', factor, graph.constant(effects.lens_k1))
    factor = graph.add('Add', graph.add('Mul', factor, squared), graph.constant(1.0))
    coordinates = []
    for offsets, side in ((x, planes.width), (y, planes.height)):
        half = graph.add('Mul', graph.add('Cast', side, to=FLOAT), graph.constant(0.5))
        relative = graph.add('Mul', graph.add('Div', offsets, half), factor)
        shape = graph.add(
            'Concat',
            graph.constant([1], np.int64),
            *(_as_vector(graph, each) for each in (planes.height, planes.width)),
            graph.constant([1], np.int64),
            axis=0,
        )
        coordinates.append(graph.add('Reshape', relative, shape))
    grid = graph.add('Concat', *coordinates, axis=3)
    one = graph.constant([1, 1, 1], np.int64)
    grid = graph.add('Tile', grid, graph.add('Concat', planes.count, one, axis=0))
    return graph.add('GridSample', values, grid, mode='bilinear', padding_mode='border')


def _darken_corners(planes: _Planes, values: str, effects: CameraEffects) -> str:
    graph = planes.graph
    *_, reach = planes.squared_radius(effects.vignetting_coefficient)
    reach = graph.add('Add', reach, graph.constant(1.0))
    gain = graph.add('Reciprocal', graph.add('Mul', reach, reach))
    return graph.add('Mul', values, gain)


def _blur_and_balance(graph: GraphBuilder, values: str, effects: CameraEffects) -> str:
    gains = np.reshape(effects.gains, (3, 1, 1, 1))
    if 'blur' not in effects.active:
        if 'white_balance' not in effects.active:
            return values
        return graph.add('Mul', values, graph.constant(gains.reshape(1, 3, 1, 1)))
    kernel = np.tile(gaussian_kernel(effects.blur_sigma_px), (3, 1, 1, 1))
    radius = kernel.shape[3] // 2
    pads = graph.constant([0, 0, radius, radius] * 2, np.int64)
    values = graph.add('Pad', values, pads, mode='edge')
    values = graph.add('Conv', values, graph.constant(kernel), group=3)
    # Both are linear, so the gains cost nothing here.
    columns = np.transpose(kernel, (0, 1, 3, 2)) * gains
    return graph.add('Conv', values, graph.constant(columns), group=3)


def _add_noise(planes: _Planes, values: str, seen: str, effects: CameraEffects) -> str:
    graph = planes.graph
    noise = _noise(planes, seen, effects)
    dark, bright = effects.noise_dark_levels**2, effects.noise_bright_levels**2
    variance = graph.add('Mul', values, graph.constant((bright - dark) / 255))
    variance = graph.add('Add', variance, graph.constant(dark))
    variance = graph.add('Max', variance, graph.constant(0.0))
    noise = graph.add('Mul', noise, graph.add('Sqrt', variance))
    return graph.add('Add', values, noise)


def _noise(planes: _Planes, seen: str, effects: CameraEffects) -> str:
    """Lay the stored field over the image: (N, 3, H, W)."""
    graph = planes.graph
    stored, scale = field.noise_field(effects)
    # Stored as int8; runtimes fold the two nodes into a float constant when they load the model.
    blocks = graph.constant(stored.reshape(-1, field.BLOCK), np.int8)
    blocks = graph.add('Mul', graph.add('Cast', blocks, to=FLOAT), graph.constant(scale))
    place = _field_place(graph, seen)
    row = graph.add('Div', place, _int32(graph, field.BLOCKS))
    column = graph.add('Mod', place, _int32(graph, field.BLOCKS))
    rows = graph.add(
        'Reshape', _range(graph, planes.height, INT32), graph.constant([1, 1, -1, 1], np.int64)
    )
    rows = graph.add('Mod', graph.add('Add', rows, row), _int32(graph, field.FIELD_SIDE))
    block_count = graph.add('Add', planes.width, graph.constant(field.BLOCK - 1, np.int64))
    block_count = graph.add('Div', block_count, graph.constant(field.BLOCK, np.int64))
    columns = _range(graph, block_count, INT32)
    columns = graph.add('Mod', graph.add('Add', columns, column), _int32(graph, field.BLOCKS))
    index = graph.add('Mul', rows, _int32(graph, field.BLOCKS))
    channel = np.reshape(field.PLACES * np.arange(3), (1, 3, 1, 1))
    index = graph.add('Add', index, graph.constant(channel, np.int32))
    index = graph.add('Add', index, columns)
    flat = graph.add(
        'Concat', graph.constant([-1], np.int64), _as_vector(graph, block_count), axis=0
    )
    noise = graph.add('Gather', blocks, graph.add('Reshape', index, flat), axis=0)
    shape = graph.add(
        'Concat',
        planes.count,
        graph.constant([3], np.int64),
        _as_vector(graph, planes.height),
        graph.constant([-1], np.int64),
        axis=0,
    )
    noise = graph.add('Reshape', noise, shape)
    start, axis = graph.constant([0], np.int64), graph.constant([3], np.int64)
    return graph.add('Slice', noise, start, _as_vector(graph, planes.width), axis)


def _field_place(graph: GraphBuilder, seen: str) -> str:
    """Return ``noise_field.field_place`` of each image, (N, 1, 1, 1), as row * BLOCKS + block."""
    start, end = graph.constant([0], np.int64), graph.constant([2**31 - 1], np.int64)
    step = graph.constant([field.ROW_STEP], np.int64)
    sample = graph.add('Slice', seen, start, end, graph.constant([1], np.int64), step)
    sample = graph.add('Cast', sample, to=INT32)
    rows, columns = _weighted(graph, sample, [2, 3]), _weighted(graph, sample, [1, 3])
    checksum = graph.add('Add', rows, graph.add('Mul', columns, _int32(graph, 7)))
    place = graph.add('Mod', checksum, _int32(graph, field.PLACES))
    place = graph.add('Mul', place, _int32(graph, field.STIR))
    place = graph.add('Mod', place, _int32(graph, field.PLACES))
    return graph.add('Reshape', place, graph.constant([-1, 1, 1, 1], np.int64))


def _weighted(graph: GraphBuilder, sample: str, axes: list[int]) -> str:
    sums = graph.add('ReduceSum', sample, graph.constant(axes, np.int64), keepdims=0)
    length = graph.add('Gather', graph.add('Shape', sums), graph.constant(1, np.int64), axis=0)
    weights = graph.add('Mul', _range(graph, length, INT32), _int32(graph, 31))
    weights = graph.add('Mod', weights, _int32(graph, field.SPREAD))
    weights = graph.add('Add', weights, _int32(graph, 1))
    modulus = _int32(graph, field.MODULUS)
    weighted = graph.add('Mul', graph.add('Mod', sums, modulus), weights)
    weighted = graph.add('Mod', weighted, modulus)
    return graph.add('ReduceSum', weighted, graph.constant([1], np.int64), keepdims=0)


def _int32(graph: GraphBuilder, value: int) -> str:
    return graph.constant(value, np.int32)


def _as_vector(graph: GraphBuilder, scalar: str) -> str:
    return graph.add('Reshape', scalar, graph.constant([-1], np.int64))
