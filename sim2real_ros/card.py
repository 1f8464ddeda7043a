"""ModelCard: what a model says about itself, and what the runtime must know to run it."""

import dataclasses
import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sim2real_ros.config import from_mapping, load_yaml
from sim2real_ros.errors import ConfigError, ModelError

METADATA_KEY = 'sim2real_card'
"""Key of the card in an ONNX file's ``metadata_props``; the value is the card as JSON."""

MAX_CARD_CHARS = 2**20
"""Longest card inside a file; anything longer is no card."""

MAX_SIZE_MULTIPLE = 4096

MAX_DESCRIPTOR_LENGTH = 512
MAX_COMPONENTS = 32
MAX_DOMAIN_NUMBER = 1e9


@dataclass(frozen=True)
class InputDomainNumbers:
    """What the frames look like that a model was made for, in numbers.

    ``runtime.input_domain`` tells how they are used.

    Attributes:
        descriptor: Name and version of what is computed of a frame.
        frames: How many frames the numbers were found from.
        mean: Mean descriptor, one number for each of its values.
        scale: Factor of each value.
        components: Directions in which the scaled descriptors vary most, each as long as ``mean``.
        variances: Of the frames in these directions.
        residual_variance: Mean variance in one of all other directions.
        unit_distance: The distance that gets the score 1.
        usual_distance: Half of the frames are nearer.
    """

    descriptor: str
    frames: int
    mean: list[float]
    scale: list[float]
    components: list[list[float]]
    variances: list[float]
    residual_variance: float
    unit_distance: float
    usual_distance: float

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ValueError: The numbers do not fit together, or are outside their meaning.
        """
        length, count = len(self.mean), len(self.components)
        if not (1 <= length <= MAX_DESCRIPTOR_LENGTH and 1 <= count <= MAX_COMPONENTS):
            raise ValueError(
                f'an input domain has 1..{MAX_COMPONENTS} components of '
                f'1..{MAX_DESCRIPTOR_LENGTH} values, not {count} of {length}'
            )
        if {len(self.scale), *map(len, self.components)} != {length}:
            raise ValueError(f'scale and all components must have {length} values, as mean has')
        if len(self.variances) != count:
            raise ValueError(
                f'{count} components need as many variances, not {len(self.variances)}'
            )
        if self.frames < 1:
            raise ValueError(f'an input domain is found from 1 frame or more, not {self.frames}')
        positive = [*self.scale, *self.variances, self.residual_variance]
        positive += [self.unit_distance, self.usual_distance]
        # Anything beyond would make distances of infinity; comparing with NaN is always false.
        if not all(1 / MAX_DOMAIN_NUMBER <= value <= MAX_DOMAIN_NUMBER for value in positive):
            raise ValueError(
                f'scale, variances and distances must lie in {1 / MAX_DOMAIN_NUMBER:g}..'
                f'{MAX_DOMAIN_NUMBER:g}'
            )
        signed = itertools.chain(self.mean, *self.components)
        if not all(abs(value) <= MAX_DOMAIN_NUMBER for value in signed):
            raise ValueError(f'mean and components must lie within +-{MAX_DOMAIN_NUMBER:g}')


@dataclass(frozen=True)
class ModelCard:
    """The contract and the origin of one image translation model.

    The defaults describe this project's own contract: input ``image`` and output ``translated``,
    both uint8 NHWC RGB of equal size, pre- and post-processing inside the graph.

    Attributes:
        name: Short name, shown in diagnostics.
        method: How it was made, for example ``cyclegan`` or ``coral``.
        description: One sentence for people.
        source_domain: What its inputs look like, for example ``duckietown-gym``.
        target_domain: What its outputs look like.
        input: Name of the image input; '' means the graph's only image-like input.
        output: Name of the image output; '' means the graph's first output.
        layout: Axis order of input and output.
        dtype: Element type of input and output.
        value_range: The numbers that stand for black and white, for example (-1, 1).
        colour_order: Channel order of input and output.
        size: The fixed (width, height) in pixels, or None where the graph takes any.
        size_multiple: Width and height must be multiples of this, where the size is free.
        extra_inputs: Constant values for further inputs, flat, by input name.
        training_data: What it was fitted or trained on.
        licence: Under which terms it may be used.
        metrics: Named numbers of its evaluation.
        source: What the file was made from: a run with its step and hash, or a checkpoint.
        weights_sha256: Of the weights that went in, as 64 hexadecimal digits.
        input_domain: What the frames look like that it was trained on; None = not known.
    """

    name: str
    method: str = 'unknown'
    description: str = ''
    source_domain: str = ''
    target_domain: str = ''
    input: str = 'image'
    output: str = 'translated'
    layout: Literal['NHWC', 'NCHW'] = 'NHWC'
    dtype: Literal['uint8', 'float32'] = 'uint8'
    value_range: tuple[float, float] = (0.0, 255.0)
    colour_order: Literal['RGB', 'BGR'] = 'RGB'
    size: tuple[int, int] | None = None
    size_multiple: int = 1
    extra_inputs: dict[str, list[float]] = field(default_factory=dict)
    training_data: str = ''
    licence: str = ''
    metrics: dict[str, float] = field(default_factory=dict)
    source: str = ''
    weights_sha256: str = ''
    input_domain: InputDomainNumbers | None = None

    def __post_init__(self) -> None:
        """Check what types alone cannot.

        Raises:
            ValueError: A number is outside its meaning.
        """
        low, high = self.value_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f'value_range must be (black, white) with black < white: {low, high}')
        if self.dtype == 'uint8' and self.value_range != (0.0, 255.0):
            raise ValueError(f'a uint8 model has value_range (0, 255), not {self.value_range}')
        if self.size is not None and min(self.size) < 1:
            raise ValueError(f'size must be positive (width, height), not {self.size}')
        if not 1 <= self.size_multiple <= MAX_SIZE_MULTIPLE:
            raise ValueError(
                f'size_multiple must lie in 1..{MAX_SIZE_MULTIPLE}, not {self.size_multiple}'
            )

    def to_metadata(self) -> dict[str, str]:
        """Return the entries to store in an ONNX file's ``metadata_props``."""
        content = dataclasses.asdict(self)
        for optional in ('source', 'weights_sha256', 'input_domain'):
            # Only trained models have these; the others' files stay byte for byte what they were.
            if not content[optional]:
                del content[optional]
        return {METADATA_KEY: json.dumps(content, sort_keys=True)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> 'ModelCard | None':
        """Read the card of an ONNX file's metadata; None where it carries none.

        Raises:
            ModelError: There is a card, but it is damaged.
        """
        text = metadata.get(METADATA_KEY)
        if text is None:
            return None
        try:
            if len(text) > MAX_CARD_CHARS:
                raise ConfigError(f'{len(text)} characters, more than {MAX_CARD_CHARS}')
            content = json.loads(text)
            if not isinstance(content, dict):
                raise ConfigError(f'expected a JSON object, found {type(content).__name__}')
            return from_mapping(cls, content, 'model card')
        except (ValueError, RecursionError, ConfigError) as error:
            raise ModelError(f'The model card inside the file is damaged: {error}') from error

    @classmethod
    def read_side_file(cls, model_path: str | Path) -> 'ModelCard | None':
        """Read the card beside a model file; None where there is none.

        Raises:
            ModelError: There is a side file, but it does not describe a model.
        """
        path = side_file_path(model_path)
        try:
            return load_yaml(cls, path) if path.is_file() else None
        except OSError:
            # The model's name leaves no room for the longer suffix: no such file can be there.
            return None
        except ConfigError as error:
            raise ModelError(f'The side card cannot be used: {error}') from error


def side_file_path(model_path: str | Path) -> Path:
    """Return where the side card of a model lies: ``x.onnx`` -> ``x.card.yaml``."""
    return Path(model_path).with_suffix('.card.yaml')
