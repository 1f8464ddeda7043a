"""One camera frame: decode, translate, blend, encode, publish."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from sim2real_ros.image import (
    ImageLike,
    OutputLayout,
    compress,
    decode,
    decompress,
    encode_into,
    layout_like,
    original_encoding,
    resize,
    rgb_view,
)
from sim2real_ros.ros.camera import Camera, Listeners, stamp_ns
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.runtime.blend import Blend, Blender
from sim2real_ros.runtime.pixel_format import RgbImage
from sim2real_ros.runtime.translator import Translator

# What a decompressed picture may be published as; a Bayer original, say, is gone for good.
_AFTER_DECOMPRESSION = ('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'mono16')


@dataclass(frozen=True)
class Source:
    """A decoded frame.

    Attributes:
        message: As it arrived.
        raw: The image message itself, or what its compressed data held.
        rgb: uint8 (H, W, 3); often a view of ``raw.data``.
        encoding: Encoding to publish by default.
    """

    message: Image | CompressedImage
    raw: ImageLike
    rgb: RgbImage
    encoding: str

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return (self.rgb.shape[1], self.rgb.shape[0])


def read_source(message: Image | CompressedImage) -> Source:
    """Decode a message.

    Raises:
        ImageError: It holds no image that we can translate.
    """
    if isinstance(message, Image):
        return Source(message, message, decode(message), message.encoding)
    raw = decompress(message.data, message.format)
    original = original_encoding(message.format)
    encoding = original if original in _AFTER_DECOMPRESSION else raw.encoding
    return Source(message, raw, decode(raw), encoding)


class FrameProcessor:
    """Handles the frames of one camera, reusing its buffers. Used by the worker thread only."""

    def __init__(self, camera: Camera) -> None:
        """Start without buffers; they come with the first frame of each size."""
        self._camera = camera
        self._blender = Blender(Blend())
        self._layout: OutputLayout | None = None
        self._message = Image()
        self._buffer: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._scratch: RgbImage = np.empty((0, 0, 3), np.uint8)

    def process(
        self,
        message: Image | CompressedImage,
        receive_ns: int,
        translator: Translator,
        parameters: ProxyParameters,
    ) -> None:
        """Translate one frame and publish it on every output that has a listener.

        Args:
            message: As it arrived.
            receive_ns: CLOCK_MONOTONIC of its arrival.
            translator: The model of this frame.
            parameters: The parameters of this frame.

        Raises:
            Sim2RealError: The frame cannot be decoded or translated, and is not published.
        """
        start_ns = time.monotonic_ns()
        listeners = self._camera.listeners()
        source = read_source(message)
        decoded_ns = time.monotonic_ns()
        size = source.size
        if parameters.output_size == 'model':
            size = translator.model_size(source.size)
        layout = layout_like(
            source.raw, encoding=parameters.output_encoding or source.encoding, size=size
        )
        self._prepare(layout)
        result = self._result(source, size, translator, parameters)
        translated_ns = time.monotonic_ns()
        if listeners.image:
            self._encode(source, result, layout)
        encoded_ns = time.monotonic_ns()
        self._publish(source, result, listeners, parameters)
        end_ns = time.monotonic_ns()
        self._camera.statistics.count_published(
            (
                start_ns - receive_ns,
                decoded_ns - start_ns,
                translated_ns - decoded_ns,
                encoded_ns - translated_ns,
                end_ns - encoded_ns,
            )
        )

    def _prepare(self, layout: OutputLayout) -> None:
        """Have a message of this layout; the array inside is written to again and again."""
        if layout == self._layout:
            return
        self._layout = layout
        self._message = Image(
            height=layout.height,
            width=layout.width,
            encoding=layout.encoding,
            is_bigendian=int(layout.is_bigendian),
            step=layout.step,
            data=bytes(layout.size_bytes),
        )
        self._buffer = np.frombuffer(self._message.data, np.uint8)
        self._scratch = np.empty((layout.height, layout.width, 3), np.uint8)

    def _target(self) -> RgbImage:
        """Return where the model shall write: into the message itself where it is plain rgb8."""
        assert self._layout is not None
        view = rgb_view(self._buffer, self._layout)
        return view if view is not None and view.flags.c_contiguous else self._scratch

    def _result(
        self,
        source: Source,
        size: tuple[int, int],
        translator: Translator,
        parameters: ProxyParameters,
    ) -> RgbImage:
        """Return the RGB image to publish, of ``size``."""
        blend = Blend(parameters.strength, _roi(parameters), parameters.roi_feather_px)
        if not parameters.enabled or blend.keeps_original:
            return _original(source, size)
        try:
            return self._translate(source, size, translator, blend)
        # Whatever a model does to us, the camera has to go on.
        except Exception as error:
            if parameters.on_failure != 'passthrough':
                raise
            self._camera.statistics.count_failed(f'published the original: {error}')
            return _original(source, size)

    def _translate(
        self, source: Source, size: tuple[int, int], translator: Translator, blend: Blend
    ) -> RgbImage:
        target = self._target()
        if size == source.size:
            result = translator.translate(source.rgb, out=target)
        else:
            result = translator.translate_at_model_size(source.rgb, out=target)
        if not blend.keeps_translated:
            if blend != self._blender.blend:
                self._blender = Blender(blend)
            self._blender.apply(_original(source, size), result)
        return result

    def _encode(self, source: Source, result: RgbImage, layout: OutputLayout) -> None:
        if result is source.rgb or not np.shares_memory(result, self._buffer):
            encode_into(self._buffer, layout, result, source=source.raw, decoded=source.rgb)

    def _publish(
        self,
        source: Source,
        result: RgbImage,
        listeners: Listeners,
        parameters: ProxyParameters,
    ) -> None:
        header = source.message.header
        if listeners.image:
            self._message.header = header
            self._camera.publish_image(self._message)
        if listeners.compressed:
            self._camera.publish_compressed(_compressed(source, result, parameters))
        if listeners.compare:
            self._camera.publish_compare(_side_by_side(source, result))
        if listeners.info and listeners.wants_images:
            size = (result.shape[1], result.shape[0])
            self._camera.publish_info(stamp_ns(header), (source.size, size))


def _roi(parameters: ProxyParameters) -> tuple[float, float, float, float]:
    x, y, width, height = parameters.roi
    return (x, y, width, height)


def _original(source: Source, size: tuple[int, int]) -> RgbImage:
    return source.rgb if size == source.size else resize(source.rgb, size)


def _compressed(source: Source, result: RgbImage, parameters: ProxyParameters) -> CompressedImage:
    message = source.message
    if result is source.rgb and isinstance(message, CompressedImage):
        # Nothing was changed: no second loss by JPEG.
        return message
    png = isinstance(message, CompressedImage) and 'png' in message.format.lower()
    data, image_format = compress(
        result,
        'png' if png else 'jpeg',
        quality=parameters.jpeg_quality,
        source_encoding=parameters.output_encoding or source.encoding,
    )
    return CompressedImage(header=message.header, format=image_format, data=data)


def _side_by_side(source: Source, result: RgbImage) -> Image:
    original = _original(source, (result.shape[1], result.shape[0]))
    both: NDArray[np.uint8] = np.concatenate([original, result], axis=1)
    height, width = both.shape[:2]
    message: Any = Image(
        header=source.message.header, height=height, width=width, encoding='rgb8', step=3 * width
    )
    message.data.frombytes(both.tobytes())
    return message
