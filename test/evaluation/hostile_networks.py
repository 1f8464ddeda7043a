"""Networks of every kind that loop for ever, ask for all memory or crash their process."""

import shutil
from pathlib import Path

import lpips
import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT

CONSTANTS = {
    'trips': np.int64(2**63 - 1), 'go_on': np.bool_(True),
    'one': np.ones((1, 1), np.float32), 'huge': np.array([2**20, 2**20]), 'axis': np.int64(0),
    'least': np.int32(-(2**31)), 'minus_one': np.int32(-1), 'none': np.int32(0),
    'boxes': np.array([[[1, 2, 30, 40, 0.9, 0]]], np.float32), 'nothing': np.float32(0),
}  # fmt: skip


def _value(name, kind, shape=()):
    return helper.make_tensor_value_info(name, kind, shape)


def _loop():
    """Repeat an addition for some 300 years."""
    body = helper.make_graph(
        [
            helper.make_node('Identity', ['go'], ['goes_on']),
            helper.make_node('Add', ['old', 'old'], ['new']),
        ],
        'body',
        [_value('i', TensorProto.INT64), _value('go', TensorProto.BOOL), _value('old', FLOAT)],
        [_value('goes_on', TensorProto.BOOL), _value('new', FLOAT)],
    )
    return [helper.make_node('Loop', ['trips', 'go_on', 'level'], ['evil'], body=body)]


def _memory():
    """Expand one number to 4 TiB, and sum them up."""
    return [
        helper.make_node('Expand', ['one', 'huge'], ['expanded']),
        helper.make_node('CumSum', ['expanded', 'axis'], ['summed']),
        helper.make_node('ReduceMax', ['summed'], ['evil'], keepdims=0),
    ]


def _crash():
    """INT_MIN modulo -1, which ends the process on x86 where the runtime does not care."""
    return [
        helper.make_node('Cast', ['level'], ['whole'], to=TensorProto.INT32),
        helper.make_node('Mul', ['whole', 'none'], ['zero']),
        helper.make_node('Add', ['zero', 'least'], ['dividend']),
        helper.make_node('Add', ['zero', 'minus_one'], ['divisor']),
        helper.make_node('Mod', ['dividend', 'divisor'], ['rest']),
        helper.make_node('Cast', ['rest'], ['evil'], to=FLOAT),
    ]


HOSTILE = {'loop': _loop, 'memory': _memory, 'crash': _crash}

KINDS = ('features', 'inception', 'lpips', 'segmenter', 'detector')


def write_network(folder: Path, kind: str, harm: str) -> Path:
    """Write a network whose outputs have the right shape, if they ever come.

    Args:
        folder: Where to; gets the side files, too.
        kind: Of ``KINDS``.
        harm: Of ``HOSTILE``; '' for a good one.
    """
    side = 299 if kind == 'inception' else 64
    evil = HOSTILE[harm]() if harm else [helper.make_node('Mul', ['level', 'nothing'], ['evil'])]
    nodes = [
        # Of the image, so that nothing can be computed before there is one.
        helper.make_node('ReduceMean', ['image'], ['level'], axes=[0, 1, 2, 3], keepdims=0),
        *evil,
        *_useful(kind),
    ]
    names = [f'map{n}' for n in range(5)] if kind == 'lpips' else ['out']
    graph = helper.make_graph(
        nodes, kind, [_value('image', FLOAT, (1, 3, side, side))],
        [_value(name, FLOAT, None) for name in names],
        [numpy_helper.from_array(np.asarray(each), name) for name, each in CONSTANTS.items()]
        + _weights(kind),
    )  # fmt: skip
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)])
    path = folder / f'{"alex" if kind == "lpips" else "net"}.onnx'
    onnx.save(model, path)
    return _with_side_files(path, kind)


LPIPS_CHANNELS = (64, 192, 384, 256, 256)


def _useful(kind):
    make = helper.make_node
    if kind in ('features', 'inception'):
        return [
            make('ReduceMean', ['image'], ['means'], axes=[2, 3], keepdims=0),
            make('MatMul', ['means', 'weight'], ['rows']),
            make('Add', ['rows', 'evil'], ['out']),
        ]
    if kind == 'lpips':
        convolutions = [make('Conv', ['image', f'weight{n}'], [f'plain{n}']) for n in range(5)]
        return convolutions + [make('Add', [f'plain{n}', 'evil'], [f'map{n}']) for n in range(5)]
    return [make('Add', ['image' if kind == 'segmenter' else 'boxes', 'evil'], ['out'])]


def _weights(kind):
    if kind == 'lpips':
        shapes = {f'weight{n}': (count, 3, 1, 1) for n, count in enumerate(LPIPS_CHANNELS)}
    else:
        shapes = {'weight': (3, 2048)}
    random = np.random.default_rng(0)
    return [
        numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]


def _with_side_files(path, kind):
    if kind == 'lpips':
        shutil.copy(Path(lpips.__file__).parent / 'weights/v0.1/alex.pth', path.parent)
    if kind == 'segmenter':
        path.with_suffix('.segmenter.yaml').write_text('class_ids: [0, 1, 2]')
    if kind == 'detector':
        described = {
            'model': path.name, 'classes': ['duck'], 'output': 'end2end',
            'input': {'size': [64, 64]},
        }  # fmt: skip
        path.with_suffix('.yaml').write_text(yaml.safe_dump(described))
    return path
