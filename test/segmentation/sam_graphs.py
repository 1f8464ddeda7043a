"""Tiny ONNX graphs with the exact signatures of SAM exports, which make mistakes visible.

The encoders average 16 x 16 pixels of the normalised image. The decoders draw the box between the
points of the labels 2 and 3, where the red of the image is near 200: a wrong order of colours, a
wrong normalisation, wrong coordinates, labels or sizes all change the mask.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save_model

FLOAT, UINT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
RED = 200.0
SCORES = {1: (0.5,), 3: (0.1, 0.3, 0.9), 4: (0.1, 0.2, 0.9, 0.3)}
SHRINK_PX = 20.0
"""Candidate number n is the box made smaller by n times this."""


class Graph:
    """Nodes and constants, written down one after the other."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f'{kind}_{len(self.nodes)}_{n}' for n in range(outputs)]
        inputs = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value):
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        name = f'constant_{len(self.constants)}'
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def name(self, tensor, name):
        self.nodes.append(helper.make_node('Identity', [tensor], [name]))

    def save(self, path, inputs, outputs):
        def values(named):
            return [helper.make_tensor_value_info(n, t, s) for n, (t, s) in named.items()]

        graph = helper.make_graph(
            self.nodes, 'tiny', values(inputs), values(outputs), self.constants
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
        model.ir_version = 8
        save_model(model, str(path))
        return path


def _embed(g, normalised):
    pooled = g.op('AveragePool', normalised, kernel_shape=[16, 16], strides=[16, 16])
    padded = g.op('Pad', pooled, np.array([0, 0, 0, 0, 0, 253, 0, 0], np.int64))
    g.name(padded, 'image_embeddings')


EMBEDDINGS = {'image_embeddings': (FLOAT, [1, 256, 64, 64])}


def nchw_encoder(path, name='image', side=1024, dtype=FLOAT, extra_output=False):
    """The bare network: normalised and padded outside, or raw uint8."""
    g = Graph()
    image = name
    if dtype == UINT8:
        raw = g.op('Cast', name, to=FLOAT)
        image = g.op('Div', g.op('Sub', raw, _planes(MEAN)), _planes(STD))
    if side != 1024:
        image = g.op('Resize', image, '', '', np.array([1, 3, 1024, 1024], np.int64))
    _embed(g, image)
    outputs = dict(EMBEDDINGS)
    if extra_output:
        g.name(image, 'interm')
        outputs = {'interm': (FLOAT, None), **outputs}
    return g.save(path, {name: (dtype, [1, 3, side, side])}, outputs)


def hwc_encoder(path, dtype=FLOAT, shape=('image_height', 'image_width', 3)):
    """The export with pre-processing inside (samexporter, Acly's MobileSAM)."""
    g = Graph()
    raw = g.op('Cast', 'input_image', to=FLOAT)
    normalised = g.op('Div', g.op('Sub', raw, list(MEAN)), list(STD))
    planes = g.op('Transpose', normalised, perm=[2, 0, 1])
    missing = g.op('Sub', np.array([3, 1024, 1024], np.int64), g.op('Shape', planes))
    pads = g.op('Concat', np.zeros(3, np.int64), missing, axis=0)
    padded = g.op('Unsqueeze', g.op('Pad', planes, pads), np.array([0], np.int64))
    _embed(g, padded)
    return g.save(path, {'input_image': (dtype, list(shape))}, EMBEDDINGS)


def efficient_encoder(path, shape=('batch', 3, 'height', 'width')):
    """EfficientSAM's: takes 0..1 of any size, and stretches it to a square."""
    g = Graph()
    square = g.op(
        'Resize', 'batched_images', '', '', np.array([1, 3, 1024, 1024], np.int64), mode='linear'
    )
    raw = g.op('Mul', square, [255.0])
    _embed(g, g.op('Div', g.op('Sub', raw, _planes(MEAN)), _planes(STD)))
    return g.save(path, {'batched_images': (FLOAT, list(shape))}, EMBEDDINGS)


def _planes(values):
    return np.reshape(values, (1, 3, 1, 1))


def _corners(g, coords, labels, axis):
    """Sum the points with the label 2 and those with the label 3: (..., 2) each."""
    found = []
    for label in (2.0, 3.0):
        is_it = g.op('Cast', g.op('Equal', labels, [label]), to=FLOAT)
        weight = g.op('Unsqueeze', is_it, np.array([-1], np.int64))
        chosen = g.op('Mul', coords, weight)
        found.append(g.op('ReduceSum', chosen, np.array([axis], np.int64), keepdims=0))
    return found


def _redness(g, shape):
    """Return 30 - |red - 200| at some (4,) shape, positive where the image is as red as that."""
    red = g.op('Slice', 'image_embeddings', *(np.array([n], np.int64) for n in (0, 1, 1)))
    large = g.op('Resize', red, '', '', shape, mode='nearest')
    value = g.op('Add', g.op('Mul', large, [STD[0]]), [MEAN[0]])
    return g.op('Sub', [30.0], g.op('Abs', g.op('Sub', value, [RED])))


def _box_logits(g, low, high, xs, ys, shrink):
    """Positive inside of boxes: corners (..., 2), grids (W,) and (H,) -> (..., H, W)."""

    def side(corner, index):
        one = g.op('Gather', corner, np.array([index], np.int64), axis=-1)
        return g.op('Unsqueeze', one, np.array([-1], np.int64))  # (..., 1, 1)

    rows = g.op('Unsqueeze', ys, np.array([1], np.int64))
    sides = [
        g.op('Sub', xs, side(low, 0)),
        g.op('Sub', side(high, 0), xs),
        g.op('Sub', rows, side(low, 1)),
        g.op('Sub', side(high, 1), rows),
    ]
    return g.op('Sub', g.op('Min', *sides), [shrink])


def sam_decoder(path, outputs=('masks', 'iou_predictions', 'low_res_masks'), candidates=1, **how):
    """SAM's and MobileSAM's; `points` fixes their number, `drop` leaves inputs out."""
    g = Graph()
    points, drop = how.get('points', 'num_points'), how.get('drop', ())
    low, high = _corners(g, 'point_coords', 'point_labels', 1)  # (1, 2)
    grid = np.arange(256, dtype=np.float32) * 4 + 2
    red = _redness(g, np.array([1, 1, 256, 256], np.int64))
    masks = []
    for number in range(candidates):
        box = _box_logits(g, low, high, grid, grid, SHRINK_PX * number)
        drawn = g.op('Min', g.op('Unsqueeze', box, np.array([0], np.int64)), red)
        masks.append(red if how.get('boxless') else drawn)
    low_res = g.op('Concat', *masks, axis=1) if candidates > 1 else masks[0]
    if 'has_mask_input' not in drop:  # nothing is left where a mask is announced
        low_res = g.op('Sub', low_res, g.op('Mul', 'has_mask_input', [1e6]))
    g.name(low_res, 'low_res_masks')
    g.name(g.op('Identity', np.reshape(SCORES[candidates], (1, candidates))), 'iou_predictions')
    if 'orig_im_size' in drop:
        g.name(low_res, 'masks')
    else:
        g.name(how.get('full', _full_size)(g, low_res, candidates), 'masks')
    inputs = {
        'image_embeddings': (FLOAT, [1, 256, 64, 64]),
        'point_coords': (FLOAT, [1, points, 2]),
        'point_labels': (FLOAT, [1, points]),
        'mask_input': (FLOAT, [1, 1, 256, 256]),
        'has_mask_input': (FLOAT, [1]),
        'orig_im_size': (FLOAT, [2]),
    }
    inputs = {name: value for name, value in inputs.items() if name not in drop}
    return g.save(path, inputs, dict.fromkeys(outputs, (FLOAT, None)))


def _full_size(g, low_res, candidates):
    """SAM's own way back: to the square, cut off the padding, to the image's size."""
    shape = [np.array([1, candidates], np.int64)]
    square = g.op(
        'Resize', low_res, '', '', np.array([1, candidates, 1024, 1024], np.int64), mode='linear'
    )
    size = 'orig_im_size'
    scale = g.op('Div', [1024.0], g.op('ReduceMax', size, keepdims=1))
    used = g.op('Cast', g.op('Floor', g.op('Add', g.op('Mul', size, scale), [0.5])), to=INT64)
    cut = g.op('Slice', square, np.zeros(2, np.int64), used, np.array([2, 3], np.int64))
    whole = g.op('Concat', *shape, g.op('Cast', size, to=INT64), axis=0)
    return g.op('Resize', cut, '', '', whole, mode='linear')


def frozen_size(g, low_res, candidates):
    """The export's known fault: the padding of one landscape image is cut off for all."""
    square = g.op(
        'Resize', low_res, '', '', np.array([1, candidates, 1024, 1024], np.int64), mode='linear'
    )
    first, last = np.zeros(2, np.int64), np.array([683, 1024], np.int64)
    cut = g.op('Slice', square, first, last, np.array([2, 3], np.int64))
    size = g.op('Cast', 'orig_im_size', to=INT64)
    whole = g.op('Concat', np.array([1, candidates], np.int64), size, axis=0)
    return g.op('Resize', cut, '', '', whole, mode='linear')


def efficient_decoder(path, queries='num_queries', points='num_points', candidates=3):
    """EfficientSAM's: coordinates of the image, all boxes at a time where `queries` is open."""
    g = Graph()
    low, high = _corners(g, 'batched_point_coords', 'batched_point_labels', 2)  # (1, Q, 2)
    height, width = g.op('Split', 'orig_im_size', outputs=2, axis=0)
    grids = []
    for side in (width, height):
        flat = g.op('Squeeze', side, np.array([0], np.int64))
        steps = g.op('Range', np.int64(0), flat, np.int64(1))
        grids.append(g.op('Add', g.op('Cast', steps, to=FLOAT), [0.5]))
    red = _redness(g, g.op('Concat', np.array([1, 1], np.int64), 'orig_im_size', axis=0))
    masks = []
    for number in range(candidates):
        box = _box_logits(g, low, high, *grids, SHRINK_PX * number)  # (1, Q, H, W)
        masks.append(g.op('Unsqueeze', g.op('Min', box, red), np.array([2], np.int64)))
    g.name(g.op('Concat', *masks, axis=2), 'output_masks')
    count = g.op(
        'Slice', g.op('Shape', 'batched_point_labels'), *(np.array([n], np.int64) for n in (0, 2))
    )
    shape = g.op('Concat', count, np.array([candidates], np.int64), axis=0)
    g.name(g.op('Expand', np.array(SCORES[candidates]), shape), 'iou_predictions')
    inputs = {
        'image_embeddings': (FLOAT, ['batch', 256, 64, 64]),
        'batched_point_coords': (FLOAT, [1, queries, points, 2]),
        'batched_point_labels': (FLOAT, [1, queries, points]),
        'orig_im_size': (INT64, [2]),
    }
    return g.save(path, inputs, dict.fromkeys(('output_masks', 'iou_predictions'), (FLOAT, None)))
