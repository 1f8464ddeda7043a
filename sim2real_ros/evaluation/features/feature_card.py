"""FeatureCard: what the user knows of a feature network and its ONNX file does not say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sim2real_ros.config import load_yaml
from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.features.onnx_features import GraphContract
from sim2real_ros.evaluation.normalisation import Triple, check_normalisation
from sim2real_ros.runtime.model_file import GraphFile, GraphTensor

MAX_SIDE_PX = 1024
"""Largest input of a feature network."""

DEFAULT_SIZE = (224, 224)
"""(width, height) for a graph that takes any size, unless its card says otherwise."""


@dataclass(frozen=True)
class FeatureCard:
    """The side card ``NAME.features.yaml`` of ``NAME.onnx``.

    Attributes:
        input: Name of the input; '' where the graph has only one.
        output: Name of the output; '' for the first.
        size: (width, height) in pixels; None for what the graph fixes, or 224x224.
        value_range: The numbers that stand for black and white.
        mean: Taken off each of red, green and blue then, in units of ``value_range``.
        std: What each is divided by then.
        layout: Axis order of the input.
        colour_order: Channel order of the input.
    """

    input: str = ''
    output: str = ''
    size: tuple[int, int] | None = None
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: Triple = (0.485, 0.456, 0.406)
    std: Triple = (0.229, 0.224, 0.225)
    layout: Literal['NCHW', 'NHWC'] = 'NCHW'
    colour_order: Literal['RGB', 'BGR'] = 'RGB'

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ValueError: A number is outside its meaning.
        """
        check_normalisation(self.value_range, self.mean, self.std)
        if self.size is not None and not all(1 <= side <= MAX_SIDE_PX for side in self.size):
            raise ValueError(f'size must be (width, height) of 1..{MAX_SIDE_PX}, not {self.size}')


def feature_card_path(model: Path) -> Path:
    """Return where the card of a feature network lies: ``x.onnx`` -> ``x.features.yaml``."""
    return model.with_suffix('.features.yaml')


def read_feature_card(model: Path, default: FeatureCard) -> FeatureCard:
    """Read the card beside a model; the default where there is none.

    Raises:
        ConfigError: There is one, but it says something that no network is like.
    """
    path = feature_card_path(model)
    return load_yaml(FeatureCard, path) if path.is_file() else default


def resolve_contract(graph: GraphFile, card: FeatureCard) -> GraphContract:
    """Check a card against its graph, and fill in what the graph knows.

    Raises:
        ModelError: They contradict each other, or the graph takes no images.
    """
    image = _named(graph, card.input, 'input')
    output = _named(graph, card.output, 'output')
    shape = image.shape
    if image.dtype != 'float32' or len(shape) != 4:
        raise ModelError(
            f'{_where(graph, image)} is {image.dtype} {list(shape)}; expected float32 images with '
            'four axes.'
        )
    channels = shape[1] if card.layout == 'NCHW' else shape[3]
    if channels not in (3, None):
        raise ModelError(
            f'{_where(graph, image)} has the shape {list(shape)}: no 3 channels in the layout '
            f'{card.layout}; say layout: NHWC or NCHW in {feature_card_path(graph.path).name!r}.'
        )
    return GraphContract(
        input=image.name,
        output=output.name,
        size=_size(graph, image, card),
        value_range=card.value_range,
        mean=card.mean,
        std=card.std,
        layout=card.layout,
        colour_order=card.colour_order,
        batch=shape[0] or 0,
    )


def _named(graph: GraphFile, name: str, kind: Literal['input', 'output']) -> GraphTensor:
    tensors = graph.inputs if kind == 'input' else graph.outputs
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    known = ', '.join(repr(tensor.name) for tensor in tensors)
    if name:
        raise ModelError(f'The card names the {kind} {name!r}; {str(graph.path)!r} has {known}.')
    if kind == 'input' and len(tensors) != 1:
        raise ModelError(
            f'{str(graph.path)!r} has the inputs {known}; expected one, for images. Export the '
            'network with the others as constants.'
        )
    return tensors[0]


def _size(graph: GraphFile, image: GraphTensor, card: FeatureCard) -> tuple[int, int]:
    height, width = image.shape[2:4] if card.layout == 'NCHW' else image.shape[1:3]
    wanted = card.size or (width or DEFAULT_SIZE[0], height or DEFAULT_SIZE[1])
    if width not in (None, wanted[0]) or height not in (None, wanted[1]):
        raise ModelError(
            f'The card says size {wanted}, but {_where(graph, image)} takes {(width, height)}.'
        )
    if max(wanted) > MAX_SIDE_PX:
        raise ModelError(
            f'{_where(graph, image)} takes {wanted}; at most {MAX_SIDE_PX} on a side is accepted.'
        )
    return wanted


def _where(graph: GraphFile, tensor: GraphTensor) -> str:
    return f'The input {tensor.name!r} of {str(graph.path)!r}'
