"""Name the image encodings that can be translated, and say why the others cannot."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

import cv2

from sim2real_ros.errors import ImageError

Kind = Literal['colour', 'alpha', 'grey', 'grey16', 'bayer', 'yuv']


@dataclass(frozen=True)
class Encoding:
    """How the pixels of one `sensor_msgs/Image` encoding lie in memory.

    Attributes:
        name: Canonical name; aliases (`yuv422` and `uyvy`) share one.
        kind: Family, which decides how pixels are written back.
        bytes_per_pixel: Of one row, averaged over the row.
        to_rgb: `cv2.cvtColor` code from this encoding to RGB; None where no conversion is needed.
        from_rgb: `cv2.cvtColor` code from RGB; None where cv2 has none.
        mosaic: For Bayer, the RGB channel index of the pixels (0,0), (0,1), (1,0), (1,1).
        luma_first: For YUV 4:2:2, whether the byte order is Y U Y V instead of U Y V Y.
    """

    name: str
    kind: Kind
    bytes_per_pixel: int
    to_rgb: int | None = None
    from_rgb: int | None = None
    mosaic: tuple[int, int, int, int] = (0, 1, 1, 2)
    luma_first: bool = False

    @property
    def channels(self) -> int:
        """Return the number of values per pixel (two for YUV 4:2:2)."""
        return 1 if self.kind == 'grey16' else self.bytes_per_pixel


_RGB = Encoding('rgb8', 'colour', 3)
_BGR = Encoding('bgr8', 'colour', 3, cv2.COLOR_BGR2RGB, cv2.COLOR_RGB2BGR)
_RGBA = Encoding('rgba8', 'alpha', 4, cv2.COLOR_RGBA2RGB, cv2.COLOR_RGB2RGBA)
_BGRA = Encoding('bgra8', 'alpha', 4, cv2.COLOR_BGRA2RGB, cv2.COLOR_RGB2BGRA)
_MONO = Encoding('mono8', 'grey', 1, cv2.COLOR_GRAY2RGB, cv2.COLOR_RGB2GRAY)
_MONO16 = Encoding('mono16', 'grey16', 2, cv2.COLOR_GRAY2RGB, cv2.COLOR_RGB2GRAY)
_UYVY = Encoding('uyvy', 'yuv', 2, cv2.COLOR_YUV2RGB_UYVY)
_YUYV = Encoding('yuyv', 'yuv', 2, cv2.COLOR_YUV2RGB_YUY2, luma_first=True)

# OpenCV names a Bayer pattern after the second row's second and third pixel, ROS after the
# first two rows' first two pixels: bayer_rggb8 is OpenCV's BayerBG.
_BAYER = (
    Encoding('bayer_rggb8', 'bayer', 1, cv2.COLOR_BayerBG2RGB, mosaic=(0, 1, 1, 2)),
    Encoding('bayer_bggr8', 'bayer', 1, cv2.COLOR_BayerRG2RGB, mosaic=(2, 1, 1, 0)),
    Encoding('bayer_gbrg8', 'bayer', 1, cv2.COLOR_BayerGR2RGB, mosaic=(1, 2, 0, 1)),
    Encoding('bayer_grbg8', 'bayer', 1, cv2.COLOR_BayerGB2RGB, mosaic=(1, 0, 2, 1)),
)

ENCODINGS: dict[str, Encoding] = {
    **{e.name: e for e in (_RGB, _BGR, _RGBA, _BGRA, _MONO, _MONO16, *_BAYER, _UYVY, _YUYV)},
    'yuv422': _UYVY,
    'yuv422_yuy2': _YUYV,
    # Plain channel counts say nothing about colour; OpenCV's order is what publishers mean.
    '8UC1': _MONO,
    '8UC3': _BGR,
    '8UC4': _BGRA,
}
"""Every supported encoding by the name used in `sensor_msgs/Image.encoding` (case sensitive)."""

_CHANNEL_TYPE = re.compile(r'(8[US]|16[US]|32[SF]|64F)(C\d*)?')
_SIXTEEN_BIT = re.compile(r'(rgb|bgr|rgba|bgra|bayer_\w{4})16')
_PLANAR = ('nv12', 'nv21', 'nv24', 'nv61', 'nv16')


def encoding_named(name: object) -> Encoding:
    """Look up an encoding by its ROS name.

    Args:
        name: For example `'rgb8'`; case sensitive, as in ROS.

    Raises:
        ImageError: The encoding is not supported; the message gives the reason.
    """
    found = ENCODINGS.get(name) if isinstance(name, str) else None
    if found is not None:
        return found
    raise ImageError(
        f'image encoding {name!r} cannot be translated: {_refusal(name)}. '
        f'Supported: {", ".join(ENCODINGS)}'
    )


def is_depth(name: str) -> bool:
    """Tell whether an encoding holds depth or raw sensor values (REP-118: 16UC1, 32FC1)."""
    return name not in ENCODINGS and _CHANNEL_TYPE.fullmatch(name) is not None


def _refusal(name: object) -> str:
    if not isinstance(name, str):
        return 'an encoding is a string'
    if not name:
        return 'the publisher left the encoding empty'
    if name == '8UC2':
        return 'two channels without a meaning; YUV 4:2:2 is called yuv422 or yuv422_yuy2'
    if is_depth(name):
        return 'depth or raw sensor values, not a colour image (REP-118)'
    if _SIXTEEN_BIT.fullmatch(name):
        return f'16 bits per channel; publish {name[:-2]}8 instead'
    if name in _PLANAR:
        return 'semi-planar YUV; publish yuv422 or rgb8 instead'
    close = difflib.get_close_matches(name.lower()[:32], list(ENCODINGS), n=1)
    return f'unknown name, did you mean {close[0]!r}?' if close else 'unknown name'
