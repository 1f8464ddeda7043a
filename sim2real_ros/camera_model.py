"""The pinhole camera of a CameraInfo: how it changes when its images are resized, and as YAML.

Works on any object with the fields of ``sensor_msgs/CameraInfo``, of ROS 1 (K, D, R, P) or ROS 2
(k, d, r, p), and on ``CameraModel``. Meaning of the fields: sensor_msgs/CameraInfo and REP-104.
"""

import dataclasses
import math
import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import yaml

from sim2real_ros.config import parse_yaml
from sim2real_ros.errors import ConfigError, DataError, ImageError
from sim2real_ros.image.limits import checked_size
from sim2real_ros.image.placement import Placement

MAX_YAML_CHARS = 2**16
MAX_COEFFICIENTS = 64
MAX_NAME_CHARS = 100

_Rows = tuple[tuple[float, ...], ...]
# Numbers as C++ writes them (1e-05), which YAML 1.1 takes for text.
_SHORT_NUMBER = re.compile(r'(?<![\w.+-])([-+]?\d+)(?:\.(\d*))?[eE]([-+]?)(\d+)(?![\w.])')


@dataclass
class RegionOfInterest:
    """The part of the sensor that was read out, in unbinned pixels; all zero = the whole."""

    x_offset: int = 0
    y_offset: int = 0
    height: int = 0
    width: int = 0
    do_rectify: bool = False


@dataclass
class CameraModel:
    """A camera's calibration, in the fields of ROS 2's ``sensor_msgs/CameraInfo``.

    Attributes:
        width: Of the sensor, in unbinned pixels.
        height: Of the sensor, in unbinned pixels.
        distortion_model: ``plumb_bob``, ``rational_polynomial``, ``equidistant``.
        d: Distortion coefficients.
        k: Camera matrix, 3 x 3 by rows, in pixels; k[0] = 0 means uncalibrated.
        r: Rectification, 3 x 3 by rows.
        p: Projection matrix, 3 x 4 by rows, in pixels (and pixels times metres in p[3], p[7]).
        binning_x: Sensor columns per column of the image, 0 = 1.
        binning_y: Sensor rows per row of the image, 0 = 1.
        roi: The part of the sensor that the image shows.
        name: Of the camera.
    """

    width: int
    height: int
    distortion_model: str = ''
    d: tuple[float, ...] = ()
    k: tuple[float, ...] = (0.0,) * 9
    r: tuple[float, ...] = (0.0,) * 9
    p: tuple[float, ...] = (0.0,) * 12
    binning_x: int = 0
    binning_y: int = 0
    roi: RegionOfInterest = field(default_factory=RegionOfInterest)
    name: str = ''


def described_image_size(info: Any) -> tuple[int, int]:
    """Return the (width, height) of the images that a CameraInfo belongs to.

    That is its region of interest (all zero = the whole sensor) after binning (0 = none).
    """
    width, height = info.roi.width or info.width, info.roi.height or info.height
    return (width // max(info.binning_x, 1), height // max(info.binning_y, 1))


def place_camera_info(info: Any, placement: Placement) -> Any:
    """Describe the same camera after its images were placed into another size.

    A pixel at x comes to lie at x * scale + offset, so the rows of K and P become
    row_x * scale_x + row_z * offset_x, and y alike. That holds for images as they are; K and P of
    a CameraInfo refer to the full, unbinned sensor, where the offset is that many binned pixels.
    Width, height and region of interest follow. Distortion D, rectification R and binning stay:
    they do not depend on the size of a pixel. K[0] = 0, an uncalibrated camera, remains 0.

    As everywhere in ROS, pixel positions are scaled without regard to pixel centres
    (image_proc's resize does the same).

    Args:
        info: A CameraInfo of ROS 1 or ROS 2, or a ``CameraModel``; left unchanged.
        placement: What was done to its images, ``original_size`` being theirs.

    Returns:
        A changed copy of the same type; ``info`` itself where nothing changes.
    """
    if placement.is_identity:
        return info
    binning = max(info.binning_x, 1), max(info.binning_y, 1)
    offset = placement.offset[0] * binning[0], placement.offset[1] * binning[1]
    placed = deepcopy(info)
    for names in (('k', 'K'), ('p', 'P')):
        name = names[0] if hasattr(info, names[0]) else names[1]
        values = getattr(info, name)
        setattr(placed, name, _like(values, _place_rows(values, placement.scale, offset)))
    # What a border adds to, or a cut takes from, the scaled sensor, in its unbinned pixels.
    added = [
        (size - original * scale) * bins
        for size, original, scale, bins in zip(
            placement.size, placement.original_size, placement.scale, binning, strict=True
        )
    ]
    for target in (placed, placed.roi):
        # 0 stands for "unknown", or for "all of it".
        target.width = target.width and round(target.width * placement.scale[0] + added[0])
        target.height = target.height and round(target.height * placement.scale[1] + added[1])
    placed.roi.x_offset = round(info.roi.x_offset * placement.scale[0])
    placed.roi.y_offset = round(info.roi.y_offset * placement.scale[1])
    return placed


def _place_rows(
    values: Any, scale: tuple[float, float], offset: tuple[float, float]
) -> list[float]:
    columns = len(values) // 3
    numbers = [float(each) for each in values]
    last = numbers[2 * columns :]
    for row in (0, 1):
        for column in range(columns):
            index = row * columns + column
            numbers[index] = numbers[index] * scale[row] + last[column] * offset[row]
    return numbers


def _like(values: Any, numbers: list[float]) -> Any:
    if isinstance(values, np.ndarray):
        return np.array(numbers, values.dtype)
    return tuple(numbers) if isinstance(values, tuple) else numbers


def image_camera(info: Any, name: str = 'camera') -> CameraModel:
    """Describe the camera by its images alone: binning and region of interest become part of K, P.

    Args:
        info: A CameraInfo of ROS 1 or ROS 2, or a ``CameraModel``.
        name: Of the camera.

    Raises:
        DataError: Fields have wrong lengths or absurd values.
    """
    try:
        return _image_camera(info, name)
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(f'camera_info: {error}.') from error
    except ImageError as error:
        raise DataError(str(error)) from error


def _image_camera(info: Any, name: str) -> CameraModel:
    k, p, r, d = (
        _numbers(getattr(info, each, getattr(info, each.upper(), ())), each.upper(), count)
        for each, count in (('k', 9), ('p', 12), ('r', 9), ('d', None))
    )
    width, height = checked_size(*described_image_size(info), what='camera_info')
    bins = max(info.binning_x, 1), max(info.binning_y, 1)
    scale = 1.0 / bins[0], 1.0 / bins[1]
    offset = -info.roi.x_offset * scale[0], -info.roi.y_offset * scale[1]
    k, p = (tuple(_place_rows(each, scale, offset)) for each in (k, p))
    model = str(info.distortion_model)[:MAX_NAME_CHARS].encode('utf-8', 'backslashreplace')
    return CameraModel(width, height, model.decode('utf-8'), d, k, r, p, name=name)


def _numbers(values: Any, name: str, count: int | None) -> tuple[float, ...]:
    numbers = tuple(float(each) for each in values)
    if count is None and len(numbers) > MAX_COEFFICIENTS:
        raise DataError(f'camera_info: {name} has {len(numbers)} numbers, too many.')
    if count is not None and len(numbers) != count:
        raise DataError(f'camera_info: {name} has {len(numbers)} numbers, expected {count}.')
    if not all(map(math.isfinite, numbers)):
        raise DataError(f'camera_info: {name} has values that are no finite numbers.')
    return numbers


def camera_info_to_yaml(info: Any, name: str = '') -> str:
    """Write a camera as ROS' camera_calibration_parsers does: the usual calibration YAML.

    The format knows neither binning nor regions of interest, so these become part of K and P.

    Args:
        info: A CameraInfo of ROS 1 or ROS 2, or a ``CameraModel``.
        name: Of the camera; '' = its own, or ``camera``.

    Raises:
        DataError: Fields have wrong lengths or absurd values.
    """
    camera = image_camera(info, name or getattr(info, 'name', '') or 'camera')
    content = {
        'image_width': camera.width,
        'image_height': camera.height,
        'camera_name': camera.name,
        'camera_matrix': _matrix(3, 3, camera.k),
        'distortion_model': camera.distortion_model,
        'distortion_coefficients': _matrix(1, len(camera.d), camera.d),
        'rectification_matrix': _matrix(3, 3, camera.r),
        'projection_matrix': _matrix(3, 4, camera.p),
    }
    return yaml.safe_dump(
        content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=10**6
    )


def _matrix(rows: int, columns: int, data: Iterable[float]) -> dict[str, Any]:
    # `+ 0.0` turns -0.0 into 0.0.
    return {'rows': rows, 'cols': columns, 'data': [each + 0.0 for each in data]}


@dataclass(frozen=True)
class _Matrix:
    rows: int
    cols: int
    data: tuple[float, ...]


@dataclass(frozen=True)
class _CameraFile:
    """The schema of a calibration YAML."""

    image_width: int
    image_height: int
    camera_matrix: _Matrix
    projection_matrix: _Matrix
    rectification_matrix: _Matrix = _Matrix(3, 3, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    distortion_coefficients: _Matrix = _Matrix(1, 0, ())
    distortion_model: str = ''
    camera_name: str = ''


def camera_info_from_yaml(text: str, where: str = 'camera_info') -> CameraModel:
    """Read a calibration YAML, strictly: it is not trusted.

    Args:
        text: In the format of ROS' camera_calibration_parsers.
        where: What it came from, for messages.

    Raises:
        DataError: It is no such YAML, or a field is unknown, missing, of a wrong length or absurd.
    """
    if len(text) > MAX_YAML_CHARS:
        raise DataError(f'{where}: {len(text)} characters are no calibration of a camera.')
    try:
        content = _SHORT_NUMBER.sub(_longer_number, text).encode('utf-8')
        found = parse_yaml(_CameraFile, content, 'calibration')
        width, height = checked_size(found.image_width, found.image_height, what='image')
    except (ConfigError, ImageError, UnicodeEncodeError) as error:
        raise DataError(f'{where}: {error} Expected a ROS camera calibration.') from error
    shapes = {'camera_matrix': 9, 'projection_matrix': 12, 'rectification_matrix': 9}
    for each in dataclasses.fields(_CameraFile):
        matrix = getattr(found, each.name)
        if isinstance(matrix, _Matrix):
            count = shapes.get(each.name)
            if matrix.rows * matrix.cols != len(matrix.data):
                raise DataError(f'{where}: {each.name} has not the size that it claims.')
            _numbers(matrix.data, each.name, count)
    return CameraModel(
        width,
        height,
        found.distortion_model,
        found.distortion_coefficients.data,
        found.camera_matrix.data,
        found.rectification_matrix.data,
        found.projection_matrix.data,
        name=found.camera_name,
    )


def _longer_number(match: re.Match[str]) -> str:
    return f'{match[1]}.{match[2] or "0"}e{match[3] or "+"}{match[4]}'
