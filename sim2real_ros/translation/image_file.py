"""Translate the content of one image file."""

from dataclasses import dataclass

import numpy as np

from sim2real_ros.image import RawImage, decode, encode_into, layout_like
from sim2real_ros.image.encode_file import FILE_FORMATS, encode_file
from sim2real_ros.image.file_pixels import (
    encoding_in_file,
    read_file_pixels,
    write_file_pixels,
)
from sim2real_ros.translation.camera_turns import FrameTranslator

FORMAT_OF_SUFFIX = {'.png': 'png', '.jpg': 'jpg', '.jpeg': 'jpg', '.webp': 'webp', '.bmp': 'bmp'}


@dataclass(frozen=True)
class TranslatedFile:
    """A translated image as the content of a file; ``size`` is its (width, height)."""

    content: bytes
    size: tuple[int, int]


def translate_file(
    content: bytes,
    model: FrameTranslator,
    source_format: str,
    file_format: str,
    quality: int,
    stamp_s: float | None = None,
) -> TranslatedFile:
    """Translate an image file; it stays grey, 16-bit or transparent where it was.

    Every pixel that the model left as it was keeps its value, and a file that was not changed at
    all keeps its bytes.

    Args:
        content: The whole file.
        model: A model pool, or the image's turn at it.
        source_format: Value of ``FORMAT_OF_SUFFIX``.
        file_format: The same for the result.
        quality: Of JPEG and WebP.
        stamp_s: When it was taken, in seconds; None = unknown.

    Raises:
        ImageError: It cannot be decoded or encoded.
        BackendError: The model failed.
    """
    raw = read_file_pixels(content)
    rgb = decode(raw)
    result = model.translate(rgb, stamp_s)
    size = (result.shape[1], result.shape[0])
    if source_format == file_format and np.array_equal(result, rgb):
        return TranslatedFile(content, size)
    encoding = encoding_in_file(raw.encoding, file_format)
    if encoding == 'bgr8' and file_format in FILE_FORMATS:
        lossy = quality if file_format != 'png' else None
        return TranslatedFile(encode_file(result, file_format, lossy), size)
    layout = layout_like(raw, encoding=encoding, size=size)
    pixels = np.empty(layout.size_bytes, np.uint8)
    encode_into(pixels, layout, result, source=raw, decoded=rgb)
    image = RawImage(*size[::-1], encoding, layout.is_bigendian, layout.step, pixels)
    return TranslatedFile(write_file_pixels(image, file_format, quality=quality), size)
