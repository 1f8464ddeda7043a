"""SegmenterCard: what the user knows of a segmentation network and its file does not say."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sim2real_ros.config import load_yaml
from sim2real_ros.errors import ModelError
from sim2real_ros.evaluation.normalisation import Triple, check_normalisation

MAX_SIDE_PX = 4096
MAX_CLASSES = 256


@dataclass(frozen=True)
class SegmenterCard:
    """The side card ``NAME.segmenter.yaml`` of ``NAME.onnx``.

    Attributes:
        class_ids: Id in the masks of each class of the network, in its order; several may have
            one id, and 255 is for those that the masks do not know.
        name: For the report; the file's name where it is ''.
        input: Name of the image input; '' where the graph has only one.
        output: Name of the output; '' for the first.
        output_kind: ``scores``, one channel for each class, of which the highest counts; or
            ``ids``, the number of the class.
        size: (width, height) to resize images to; None for what the graph fixes, or each image's
            own size.
        size_multiple: Without a size, images are resized to the nearest multiple of this, and to
            64 px a side at least.
        dtype: Element type of the input.
        layout: Axis order of input and output.
        colour_order: Channel order of the input.
        value_range: The numbers that stand for black and white.
        mean: Taken off each of red, green and blue then, in units of ``value_range``.
        std: What each is divided by then.
        class_names: For people, by id.
    """

    class_ids: tuple[int, ...]
    name: str = ''
    input: str = ''
    output: str = ''
    output_kind: Literal['scores', 'ids'] = 'scores'
    size: tuple[int, int] | None = None
    size_multiple: int = 1
    dtype: Literal['float32', 'uint8'] = 'float32'
    layout: Literal['NCHW', 'NHWC'] = 'NCHW'
    colour_order: Literal['RGB', 'BGR'] = 'RGB'
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: Triple = (0.485, 0.456, 0.406)
    std: Triple = (0.229, 0.224, 0.225)
    class_names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ValueError: A number is outside its meaning.
        """
        if not 2 <= len(self.class_ids) <= MAX_CLASSES:
            raise ValueError(
                f'class_ids must name 2..{MAX_CLASSES} classes, found {len(self.class_ids)}'
            )
        if not all(0 <= each <= 255 for each in self.class_ids):
            raise ValueError(f'class_ids must lie in 0..255, found {self.class_ids}')
        check_normalisation(self.value_range, self.mean, self.std)
        if self.size is not None and not all(1 <= side <= MAX_SIDE_PX for side in self.size):
            raise ValueError(f'size must be (width, height) of 1..{MAX_SIDE_PX}, not {self.size}')
        if not 1 <= self.size_multiple <= MAX_SIDE_PX:
            raise ValueError(f'size_multiple must lie in 1..{MAX_SIDE_PX}: {self.size_multiple}')


def segmenter_card_path(model: str | Path) -> Path:
    """Return where the card of a segmenter lies: ``x.onnx`` -> ``x.segmenter.yaml``."""
    return Path(model).with_suffix('.segmenter.yaml')


def read_segmenter_card(model: str | Path, card: str | Path | None = None) -> SegmenterCard:
    """Read the card of a segmenter.

    Args:
        model: The ``.onnx`` file.
        card: Its card; None = the one beside it.

    Raises:
        ModelError: There is none beside the model.
        ConfigError: It cannot be read, or says what no network is like.
    """
    path = segmenter_card_path(model) if card is None else Path(card)
    if card is None and not path.is_file():
        raise ModelError(
            f'{str(model)!r} needs a card {path.name!r} beside it, for example: '
            '{class_ids: [0, 1, 2], size: [512, 384], layout: NCHW, value_range: [0, 1]}; '
            'class_ids are the ids in the masks of the classes of the network.'
        )
    return load_yaml(SegmenterCard, path)
