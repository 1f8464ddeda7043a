"""The node's parameters: one frozen dataclass, declared with descriptions, ranges and checks."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from sim2real_ros.image import ENCODINGS
from sim2real_ros.runtime.backends import BACKENDS, PRECISIONS, PROVIDERS
from sim2real_ros.runtime.batch_sizes import BATCHING
from sim2real_ros.runtime.blend import blend_reason

LAYOUT_FIELDS = ('cameras', 'image_transport', 'output_namespace')
"""These decide which topics exist; they change only while the node is unconfigured."""

_ROS_NAME = re.compile(r'(~/|/)?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*/?')


def _parameter(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    constraints: str = '',
    read_only: bool = False,
) -> Any:
    """Define one parameter; its metadata becomes the ROS descriptor."""
    metadata = {
        'description': description,
        'range': None if low is None else (low, high),
        'choices': choices,
        'constraints': f'One of: {", ".join(choices)}.' if choices else constraints,
        'read_only': read_only,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class ProxyParameters:
    """All parameters of the perception proxy; config/proxy.yaml explains them at length."""

    model: str = _parameter(
        'identity',
        'Model to run: path of an .onnx file, or the name of one in the models folder.',
    )
    backend: str = _parameter(
        'auto',
        'Inference runtime; auto takes the fastest that runs the model.',
        choices=('auto', *BACKENDS),
    )
    provider: str = _parameter(
        'auto',
        'Hardware; auto takes the fastest one that the machine has.',
        choices=PROVIDERS,
    )
    threads: int = _parameter(
        0, 'CPU threads of inference; 0 leaves the choice to the runtime.', low=0, high=256
    )
    precision: str = _parameter(
        'auto',
        'Arithmetic of inference; auto takes the fastest that stays within a level of float32.',
        choices=PRECISIONS,
    )
    batching: str = _parameter(
        'auto',
        'Whether frames of several cameras that wait at the same time share a run of the model: '
        'auto = where that is faster.',
        choices=BATCHING,
    )
    size: tuple[int, ...] = _parameter(
        (0, 0),
        'Width and height at which a model of free size runs; 0, 0 = the size of the input.',
        constraints='Two integers, both 0 or both 16..8192.',
    )
    warm_up: bool = _parameter(True, 'Run the model once before the first frame.')
    trial_run: bool = _parameter(
        True, 'Try every model in a child process before it is loaded, so that it cannot crash us.'
    )
    cameras: tuple[str, ...] = _parameter(
        ('',),
        "Namespaces of the cameras, relative to the node's; '' = image_raw beside the node.",
        constraints='At least one valid ROS name, all different.',
    )
    image_transport: str = _parameter(
        'raw',
        'What to subscribe to: image_raw, or image_raw/compressed.',
        choices=('raw', 'compressed'),
    )
    output_namespace: str = _parameter(
        'realistic', 'Namespace in front of the output topics.', constraints='A valid ROS name.'
    )
    output_size: str = _parameter(
        'input',
        "Size of the output: the input's, or the model's (camera_info is scaled then).",
        choices=('input', 'model'),
    )
    output_encoding: str = _parameter(
        '',
        "Encoding of image_raw out; '' = that of the input.",
        choices=('', *ENCODINGS),
    )
    jpeg_quality: int = _parameter(95, 'Quality of image_raw/compressed out.', low=1, high=100)
    strength: float = _parameter(1.0, '0 = the original, 1 = the translated image.', low=0, high=1)
    detail_strength: float = _parameter(
        1.0,
        "Share of the change that a model's detail branch makes; others have none.",
        low=0,
        high=1,
    )
    temporal_smoothing_s: float = _parameter(
        0.0,
        'Time over which the colours of a bilateral grid are averaged, in seconds; 0 = off.',
        low=0,
        high=10,
    )
    roi: tuple[float, ...] = _parameter(
        (0.0, 0.0, 1.0, 1.0),
        'Region that is translated: x, y, width, height as fractions of the image; the rest stays '
        'original. 0.0, 0.5, 1.0, 0.5 is the lower half.',
        constraints='Four fractions that stay inside 0..1.',
    )
    roi_feather_px: float = _parameter(
        0.0, 'Width of the soft inner border of the region in pixels.', low=0, high=10000
    )
    enabled: bool = _parameter(True, 'False republishes the originals; see also ~/enable.')
    on_failure: str = _parameter(
        'drop',
        'When a frame cannot be translated: publish nothing, or the original.',
        choices=('drop', 'passthrough'),
    )
    stale_after_s: float = _parameter(
        2.0, 'Diagnostics warn when no frame came for so long, in seconds.', low=0.1, high=3600
    )
    domain_check_interval: int = _parameter(
        10,
        'Compare every so many frames one with those that the model was trained on, where its '
        'card knows them, and warn when they are unlike; 0 = never.',
        low=0,
        high=10000,
    )
    autostart: bool = _parameter(
        True,
        'Configure and activate without a lifecycle manager.',
        read_only=True,
    )

    @property
    def is_bypassed(self) -> bool:
        """Whether the originals are published, and no model runs."""
        return not self.enabled or self.strength == 0.0

    @property
    def model_size(self) -> tuple[int, int] | None:
        """The ``size`` parameter as (width, height), None for 0, 0."""
        return (self.size[0], self.size[1]) if self.size[0] > 0 else None


def reason_against(parameters: ProxyParameters) -> str:
    """Say what is wrong with a set of parameters; '' when they can be used."""
    for field in dataclasses.fields(ProxyParameters):
        value, choices = getattr(parameters, field.name), field.metadata['choices']
        if choices and value not in choices:
            return f'{field.name} must be one of {", ".join(map(repr, choices))}, not {value!r}'
    size = parameters.size
    if len(size) != 2 or not (size == (0, 0) or all(16 <= side <= 8192 for side in size)):
        return f'size must be [width, height], both 0 or both 16..8192, not {list(size)}'
    cameras = [name.strip('/') for name in parameters.cameras]
    if not cameras or len(set(cameras)) != len(cameras):
        return f'cameras must name at least one camera and none twice, not {cameras}'
    if not parameters.output_namespace.strip('/'):
        return 'output_namespace must not be empty: the output would be the input'
    for name in (*filter(None, parameters.cameras), parameters.output_namespace):
        private = name.startswith('~') and name in parameters.cameras
        if private or not _ROS_NAME.fullmatch(name):
            return f'{name!r} is not a ROS name (letters, digits, _ and /; no digit after a /)'
    for name, value, high in (
        ('detail_strength', parameters.detail_strength, 1.0),
        ('temporal_smoothing_s', parameters.temporal_smoothing_s, 10.0),
    ):
        # The range of the descriptor lets NaN pass.
        if not 0.0 <= value <= high:
            return f'{name} must lie in 0..{high:g}, not {value}'
    return blend_reason(parameters.strength, parameters.roi, parameters.roi_feather_px)


def declare_parameters(node: Node) -> ProxyParameters:
    """Declare every parameter and return the values that the user gave.

    Raises:
        ValueError: A value is outside its meaning; the message says which and why.
        rclpy.exceptions.InvalidParameterTypeException: A value is of the wrong type.
        rclpy.exceptions.InvalidParameterValueException: A value is out of range.
    """
    for field in dataclasses.fields(ProxyParameters):
        node.declare_parameter(field.name, _as_ros(field.default), _descriptor(field))
    parameters = read_parameters(node)
    reason = reason_against(parameters)
    if reason:
        raise ValueError(reason)
    return parameters


def read_parameters(node: Node) -> ProxyParameters:
    """Read the declared parameters of the node."""
    names = [field.name for field in dataclasses.fields(ProxyParameters)]
    return with_changes(ProxyParameters(), {p.name: p.value for p in node.get_parameters(names)})


def with_changes(parameters: ProxyParameters, changes: Mapping[str, Any]) -> ProxyParameters:
    """Return the parameters with some values replaced; names of others are ignored."""
    known = {field.name for field in dataclasses.fields(ProxyParameters)}
    ours = {k: _from_ros(v) for k, v in changes.items() if k in known}
    return dataclasses.replace(parameters, **ours)


def changed_values(changes: list[Parameter]) -> dict[str, Any]:
    """Return the new values by name."""
    return {parameter.name: parameter.value for parameter in changes}


def _as_ros(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _from_ros(value: Any) -> Any:
    return value if isinstance(value, (str, bool, int, float)) else tuple(value)


def _descriptor(field: 'dataclasses.Field[Any]') -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=field.metadata['description'],
        additional_constraints=field.metadata['constraints'],
        read_only=field.metadata['read_only'],
    )
    if field.metadata['range'] is not None:
        low, high = field.metadata['range']
        if isinstance(field.default, float):
            bounds = FloatingPointRange(from_value=float(low), to_value=float(high))
            descriptor.floating_point_range = [bounds]
        else:
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    return descriptor
