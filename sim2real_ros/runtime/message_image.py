"""What becomes of the image in one message: the same in the node and offline, without ROS."""

from array import array
from dataclasses import dataclass
from typing import Any, Literal

from sim2real_ros.image import (
    ImageLike,
    codec_of,
    compress,
    decode,
    decompress,
    original_encoding,
    resize,
)
from sim2real_ros.runtime.frame_context import ALONE, FrameContext
from sim2real_ros.runtime.pixel_format import RgbImage
from sim2real_ros.runtime.translator import Translator

# What a decompressed picture may be published as; a Bayer original, say, is gone for good.
_AFTER_DECOMPRESSION = ('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'mono16')


@dataclass(frozen=True)
class MessageImage:
    """A decoded image message.

    Attributes:
        message: As it arrived: rclpy's or rosbags' Image or CompressedImage.
        raw: The image message itself, or what its compressed data held.
        rgb: uint8 (H, W, 3); often a view of ``raw.data``.
        encoding: Encoding to publish by default.
    """

    message: Any
    raw: ImageLike
    rgb: RgbImage
    encoding: str

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return (self.rgb.shape[1], self.rgb.shape[0])

    @property
    def is_compressed(self) -> bool:
        """Whether the message is a CompressedImage."""
        return self.raw is not self.message


def read_image(message: Any, *, is_compressed: bool) -> MessageImage:
    """Decode a message.

    Args:
        message: An Image, or a CompressedImage, of whatever library.
        is_compressed: Which of the two.

    Raises:
        ImageError: It holds no image that we can translate.
    """
    if not is_compressed:
        return MessageImage(message, message, decode(message), message.encoding)
    raw = decompress(message.data, message.format)
    original = original_encoding(message.format)
    encoding = original if original in _AFTER_DECOMPRESSION else raw.encoding
    return MessageImage(message, raw, decode(raw), encoding)


def run_model(
    translator: Translator,
    rgb: RgbImage,
    size: tuple[int, int],
    out: RgbImage,
    context: FrameContext = ALONE,
) -> RgbImage:
    """Translate an image to one of the two sizes that may be published.

    Args:
        translator: The model.
        rgb: uint8 (H, W, 3), RGB.
        size: (width, height) of the result: the image's own, or the model's.
        out: uint8 (height, width, 3), where the result is written.
        context: Of the frame; what the model has no use for is ignored.

    Raises:
        ImageError: ``rgb`` is no such image, or ``out`` no place for the result.
        BackendError: The runtime failed, or the model returned no image.
    """
    if size == (rgb.shape[1], rgb.shape[0]):
        return translator.translate(rgb, out=out, context=context)
    return translator.translate_at_model_size(rgb, out=out, context=context)


def resized(rgb: RgbImage, size: tuple[int, int]) -> RgbImage:
    """Return an image at (width, height): itself where it has that size."""
    return rgb if size == (rgb.shape[1], rgb.shape[0]) else resize(rgb, size)


def compress_like(
    image: MessageImage, result: RgbImage, encoding: str, quality: int
) -> tuple['array[int]', str]:
    """Compress a result in the codec that it came in, JPEG where it came raw.

    Args:
        image: What was translated.
        result: uint8 (H, W, 3), RGB.
        encoding: What the raw image is published as.
        quality: Of a JPEG, 1 to 100.

    Returns:
        Data and format string of a CompressedImage.

    Raises:
        ImageError: ``result`` is no RGB image.
    """
    codec: Literal['jpeg', 'png'] = 'jpeg'
    if image.is_compressed:
        codec = codec_of(image.message.data)
    return compress(result, codec, quality=quality, source_encoding=encoding)
