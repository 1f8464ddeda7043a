"""Translate one message of a bag, with the bytes that the node would publish."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim2real_ros.bags import COMPRESSED_TYPE, BagMessage, BagReader
from sim2real_ros.camera_model import described_image_size, place_camera_info
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.image import encode_into, layout_like, place
from sim2real_ros.image.headers import read_header
from sim2real_ros.runtime.message_image import MessageImage, compress_like, read_image
from sim2real_ros.runtime.pixel_format import RgbImage
from sim2real_ros.translation.camera_turns import FrameTranslator
from sim2real_ros.translation.model_pool import ModelPool

Size = tuple[int, int]

_OTHER_FIELDS = (AttributeError, TypeError, ValueError, IndexError, OverflowError)
"""What reading a message comes to whose type the bag has defined in a way of its own."""


def translate_message(
    reader: BagReader, message: BagMessage, model: FrameTranslator, quality: int
) -> bytes:
    """Translate an Image or CompressedImage.

    Header, encoding, row padding and endianness stay. A pixel that the model left as it was keeps
    the bytes of its source, and a message without any other pixel is returned as it is.

    Args:
        reader: Knows the message's type.
        message: To translate.
        model: A model pool, or the message's turn at it; is told the stamp of the header.
        quality: Of a JPEG that has to be written anew.

    Returns:
        The serialised message; ``message.raw`` itself where nothing changes.

    Raises:
        DataError: The message is damaged.
        ImageError: It holds no image that can be translated.
        BackendError: The model failed.
    """
    content = reader.deserialize(message)
    is_compressed = message.connection.msgtype == COMPRESSED_TYPE
    try:
        image = read_image(content, is_compressed=is_compressed)
    except _OTHER_FIELDS as error:
        raise ImageError(f'the message type is another one than ROS knows: {error}') from error
    result = model.translate(image.rgb, _stamp_s(content))
    if np.array_equal(result, image.rgb):
        return message.raw
    if is_compressed:
        data, content.format = compress_like(image, result, image.encoding, quality)
        content.data = np.frombuffer(data, np.uint8)
    else:
        _fill(content, image, result)
    return reader.serialize(message.connection, content)


def _stamp_s(content: Any) -> float | None:
    """Return the stamp of a message's header in seconds, None where it has none."""
    try:
        stamp = content.header.stamp
        return int(stamp.sec) + int(stamp.nanosec) / 1e9
    except _OTHER_FIELDS:
        return None


def _fill(content: Any, image: MessageImage, result: RgbImage) -> None:
    size = (result.shape[1], result.shape[0])
    layout = layout_like(image.raw, encoding=image.encoding, size=size)
    pixels = np.empty(layout.size_bytes, np.uint8)
    encode_into(pixels, layout, result, source=image.raw, decoded=image.rgb)
    content.width, content.height = size
    content.step = layout.step
    content.is_bigendian = int(layout.is_bigendian)
    content.data = pixels


def image_size(reader: BagReader, message: BagMessage) -> Size | None:
    """Return the (width, height) of an image message, None where it is not to be had."""
    try:
        content = reader.deserialize(message)
        if message.connection.msgtype == COMPRESSED_TYPE:
            header = read_header(bytes(content.data))
            return header.width, header.height
        return int(content.width), int(content.height)
    except (DataError, ImageError, *_OTHER_FIELDS):
        return None


def translate_camera_info(
    reader: BagReader, message: BagMessage, pool: ModelPool, sizes: Sequence[Size]
) -> bytes:
    """Describe the same camera at the size of its translated images.

    Args:
        reader: Knows the message's type.
        message: A CameraInfo.
        pool: Knows the size of the results.
        sizes: (width, height) of the camera's images before, of each of its topics. What the
            CameraInfo says itself counts where it is among them, or none is known.

    Returns:
        The serialised message; ``message.raw`` itself where the size stays.

    Raises:
        DataError: The message is damaged or describes no camera.
    """
    content = reader.deserialize(message)
    try:
        described = described_image_size(content)
        before = described if described in sizes or not sizes else sizes[0]
        after = pool.published_size(before)
        if before == after or 0 in before:
            return message.raw
        placed = place_camera_info(content, place(before, after, 'stretch'))
    except (ImageError, *_OTHER_FIELDS) as error:
        raise DataError(f'the camera_info cannot be scaled: {error}') from error
    return reader.serialize(message.connection, placed)
