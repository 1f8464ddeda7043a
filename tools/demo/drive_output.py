"""Files of the demo drive: a rosbag2 of camera messages, and the masks as palette PNGs."""

from __future__ import annotations

import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from drive_camera import Intrinsics, UInt8Array
from drive_objects import PALETTE
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from sim2real_ros.errors import DataError

IMAGE_TOPIC = '/sim/camera/image_raw/compressed'
INFO_TOPIC = '/sim/camera/camera_info'
IMAGE_TYPE = 'sensor_msgs/msg/CompressedImage'
INFO_TYPE = 'sensor_msgs/msg/CameraInfo'
FRAME_ID = 'camera_optical_frame'
JPEG_FORMAT = 'rgb8; jpeg compressed bgr8'
BAG_NAME, MASKS_NAME = 'drive', 'masks.zip'

FOREVER = QosTime(9223372036, 854775807)
"""The duration that stands for 'no limit': RMW_DURATION_INFINITE, the largest int64."""
PUBLISHER_QOS = Qos(
    QosHistory.KEEP_LAST,
    10,
    QosReliability.RELIABLE,
    QosDurability.VOLATILE,
    FOREVER,
    FOREVER,
    QosLiveliness.AUTOMATIC,
    FOREVER,
    avoid_ros_namespace_conventions=False,
)


@dataclass(frozen=True)
class DriveFrame:
    """One rendered moment.

    Attributes:
        stamp_ns: Time stamp in nanoseconds.
        rgb: (H, W, 3) RGB uint8 picture.
        labels: (H, W) uint8 label ids, equal in size to the picture.
    """

    stamp_ns: int
    rgb: UInt8Array
    labels: UInt8Array


def check_output(folder: Path, *, force: bool) -> None:
    """Refuse to overwrite an earlier drive.

    Raises:
        DataError: The folder holds a bag or masks already, and `force` is not set.
    """
    found = [name for name in (BAG_NAME, MASKS_NAME) if (folder / name).exists()]
    if found and not force:
        raise DataError(
            f'{str(folder)!r} holds {" and ".join(found)} already: '
            'choose another --output, or overwrite with --force'
        )


def write_drive(
    folder: Path,
    frames: Iterable[DriveFrame],
    intrinsics: Intrinsics,
    *,
    quality: int,
    force: bool = False,
) -> None:
    """Write bag and masks; they appear under their names only when both are complete.

    Args:
        folder: Receives `drive/` and `masks.zip`; made when it is missing.
        frames: The moments in the order of their stamps.
        intrinsics: The camera that saw them.
        quality: JPEG quality, 1 to 100.
        force: Replace an earlier drive.

    Raises:
        DataError: An earlier drive is there and `force` is not set, or a frame cannot be encoded.
    """
    check_output(folder, force=force)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='.drive-', dir=folder) as name:
        staging = Path(name)
        _write_files(staging, frames, intrinsics, quality)
        for item in (BAG_NAME, MASKS_NAME):
            if (folder / item).exists():
                (folder / item).rename(staging / f'{item}.old')
            (staging / item).rename(folder / item)


def palette_png(labels: UInt8Array) -> bytes:
    """Encode (H, W) uint8 labels as a PNG whose palette index is the label id.

    Source of the format: W3C PNG specification, colour type 3, filter type 0 on every row.
    """
    height, width = labels.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)
    rows[:, 1:] = labels
    header = struct.pack('>IIBBBBB', width, height, 8, 3, 0, 0, 0)
    palette = bytes(level for colour in PALETTE for level in colour)
    chunks = [
        (b'IHDR', header),
        (b'PLTE', palette),
        (b'IDAT', zlib.compress(rows.tobytes(), 9)),
        (b'IEND', b''),
    ]
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _write_files(
    staging: Path, frames: Iterable[DriveFrame], intrinsics: Intrinsics, quality: int
) -> None:
    """Write bag and masks into an empty folder."""
    store = get_typestore(Stores.ROS2_JAZZY)
    bag = Writer(staging / BAG_NAME, version=9, storage_plugin=StoragePlugin.MCAP)
    with bag, zipfile.ZipFile(staging / MASKS_NAME, 'w') as masks:
        images, infos = (
            bag.add_connection(topic, kind, typestore=store, offered_qos_profiles=[PUBLISHER_QOS])
            for topic, kind in ((IMAGE_TOPIC, IMAGE_TYPE), (INFO_TOPIC, INFO_TYPE))
        )
        for frame in frames:
            jpeg = _jpeg(frame.rgb, quality)
            bag.write(images, frame.stamp_ns, _image_message(store, frame.stamp_ns, jpeg))
            bag.write(infos, frame.stamp_ns, _info_message(store, frame.stamp_ns, intrinsics))
            # An entry without a date: equal drives give equal files.
            masks.writestr(zipfile.ZipInfo(f'{frame.stamp_ns}.png'), palette_png(frame.labels))


def _jpeg(rgb: UInt8Array, quality: int) -> UInt8Array:
    """Encode an RGB picture as JPEG; OpenCV wants blue first."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    done, jpeg = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), settings)
    if not done:
        raise DataError(
            f'cannot encode a picture of shape {rgb.shape!r} as JPEG: use another --size'
        )
    return np.asarray(jpeg, dtype=np.uint8).ravel()


def _image_message(store: Typestore, stamp_ns: int, jpeg: UInt8Array) -> bytes | memoryview:
    """Serialize a CompressedImage."""
    kind = store.types[IMAGE_TYPE]
    message = kind(header=_header(store, stamp_ns), format=JPEG_FORMAT, data=jpeg)
    return store.serialize_cdr(message, IMAGE_TYPE)


def _info_message(store: Typestore, stamp_ns: int, camera: Intrinsics) -> bytes | memoryview:
    """Serialize the CameraInfo of a camera without distortion."""
    focal, (cx, cy) = camera.focal_px, camera.centre_px
    region = store.types['sensor_msgs/msg/RegionOfInterest']
    message = store.types[INFO_TYPE](
        header=_header(store, stamp_ns),
        height=camera.height,
        width=camera.width,
        distortion_model='plumb_bob',
        d=np.zeros(5),
        k=np.array([focal, 0, cx, 0, focal, cy, 0, 0, 1], dtype=np.float64),
        r=np.eye(3).ravel(),
        p=np.array([focal, 0, cx, 0, 0, focal, cy, 0, 0, 0, 1, 0], dtype=np.float64),
        binning_x=0,
        binning_y=0,
        roi=region(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )
    return store.serialize_cdr(message, INFO_TYPE)


def _header(store: Typestore, stamp_ns: int) -> Any:
    """Build the header that image and camera_info of one moment share."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    time = store.types['builtin_interfaces/msg/Time'](sec=seconds, nanosec=nanoseconds)
    return store.types['std_msgs/msg/Header'](stamp=time, frame_id=FRAME_ID)
