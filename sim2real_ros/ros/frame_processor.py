"""One camera frame: decode, translate, blend, encode; then publish."""

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from sim2real_ros.image import OutputLayout, codec_of, layout_like, original_encoding
from sim2real_ros.ros.camera import Camera, Listeners, stamp_ns
from sim2real_ros.ros.domain_check import DomainCheck
from sim2real_ros.ros.output_buffer import OutputBuffer
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.runtime.blend import Blend, Blender
from sim2real_ros.runtime.input_domain import InputDomain
from sim2real_ros.runtime.message_image import (
    MessageImage,
    compress_like,
    read_image,
    resized,
    run_model,
)
from sim2real_ros.runtime.pixel_format import RgbImage
from sim2real_ros.runtime.translator import Translator


@dataclass(frozen=True)
class FinishedFrame:
    """A translated frame on its way out.

    Attributes:
        camera: Where it goes.
        source: What arrived.
        result: uint8 (H, W, 3) RGB, of the published size.
        buffer: Holds the encoded message, if somebody listens to it.
        listeners: The outputs to serve.
        parameters: The parameters of this frame.
        stages_ns: Durations so far: waiting, decoding, translating, encoding.
        domain: What to compare the source with afterwards; None = it is not its turn.
    """

    camera: Camera
    source: MessageImage
    result: RgbImage
    buffer: OutputBuffer
    listeners: Listeners
    parameters: ProxyParameters
    stages_ns: tuple[int, ...]
    domain: InputDomain | None = None

    def publish(self) -> None:
        """Publish on every output that has a listener, and count the frame."""
        start_ns = time.monotonic_ns()
        header = self.source.message.header
        if self.listeners.image:
            self.buffer.message.header = header
            self.camera.publish_image(self.buffer.message)
        if self.listeners.compressed:
            self.camera.publish_compressed(_compressed(self.source, self.result, self.parameters))
        if self.listeners.compare:
            self.camera.publish_compare(_side_by_side(self.source, self.result))
        if self.listeners.info:
            size = (self.result.shape[1], self.result.shape[0])
            self.camera.publish_info(stamp_ns(header), (self.source.size, size))
        end_ns = time.monotonic_ns()
        self.camera.statistics.count_published((*self.stages_ns, end_ns - start_ns))
        if self.domain is not None:
            # Only now, so that no frame has to wait for its own check.
            score = self.domain.score(self.source.rgb)
            duration_ns = time.monotonic_ns() - end_ns
            self.camera.statistics.count_domain_score(self.domain, score, duration_ns)


class FrameProcessor:
    """Translates the frames of one camera into two buffers in turn.

    While a frame is being published from one, the next one is translated into the other.
    """

    def __init__(self, camera: Camera) -> None:
        """Start without buffers; they come with the first frame of each size."""
        self._camera = camera
        self._blender = Blender(Blend())
        self._domain_check = DomainCheck(camera.statistics)
        self._buffers: list[OutputBuffer | None] = [None, None]

    def process(
        self,
        message: Image | CompressedImage,
        receive_ns: int,
        translator: Translator,
        parameters: ProxyParameters,
    ) -> FinishedFrame:
        """Translate one frame.

        Args:
            message: As it arrived.
            receive_ns: CLOCK_MONOTONIC of its arrival.
            translator: The model of this frame.
            parameters: The parameters of this frame.

        Returns:
            The frame to publish, before the next but one is processed.

        Raises:
            Sim2RealError: The frame cannot be decoded or translated.
        """
        times_ns = [receive_ns, time.monotonic_ns()]
        listeners = self._camera.listeners()
        source = read_image(message, is_compressed=isinstance(message, CompressedImage))
        times_ns.append(time.monotonic_ns())
        size = source.size
        if parameters.output_size == 'model':
            size = translator.model_size(source.size)
        encoding = parameters.output_encoding or source.encoding
        buffer = self._next_buffer(layout_like(source.raw, encoding=encoding, size=size))
        result = self._result(source, buffer.target, size, translator, parameters)
        times_ns.append(time.monotonic_ns())
        if listeners.image:
            buffer.encode(result, source.raw, source.rgb)
        times_ns.append(time.monotonic_ns())
        stages_ns = tuple(after - before for before, after in pairwise(times_ns))
        # What is not translated need not look like anything.
        interval = 0 if _is_bypassed(parameters) else parameters.domain_check_interval
        domain = self._domain_check.due(translator, interval)
        return FinishedFrame(
            self._camera, source, result, buffer, listeners, parameters, stages_ns, domain
        )

    def _next_buffer(self, layout: OutputLayout) -> OutputBuffer:
        """Return the buffer that was used the longest ago, anew where the layout changed."""
        buffer = self._buffers.pop(0)
        if buffer is None or buffer.layout != layout:
            buffer = OutputBuffer(layout)
        self._buffers.append(buffer)
        return buffer

    def _result(
        self,
        source: MessageImage,
        target: RgbImage,
        size: tuple[int, int],
        translator: Translator,
        parameters: ProxyParameters,
    ) -> RgbImage:
        """Return the RGB image to publish: ``target``, or the original where it is wanted."""
        blend = _blend(parameters)
        if _is_bypassed(parameters):
            return resized(source.rgb, size)
        try:
            run_model(translator, source.rgb, size, target)
        # Whatever a model does to us, the camera has to go on.
        except Exception as error:
            if parameters.on_failure != 'passthrough':
                raise
            self._camera.statistics.count_failed(f'published the original: {error}')
            return resized(source.rgb, size)
        if not blend.keeps_translated:
            if blend != self._blender.blend:
                self._blender = Blender(blend)
            self._blender.apply(resized(source.rgb, size), target)
        return target


def _blend(parameters: ProxyParameters) -> Blend:
    x, y, width, height = parameters.roi
    return Blend(parameters.strength, (x, y, width, height), parameters.roi_feather_px)


def _is_bypassed(parameters: ProxyParameters) -> bool:
    """Tell whether the originals are published, and no model runs."""
    return not parameters.enabled or _blend(parameters).keeps_original


def _compressed(
    source: MessageImage, result: RgbImage, parameters: ProxyParameters
) -> CompressedImage:
    message = source.message
    encoding = parameters.output_encoding or source.encoding
    if isinstance(message, CompressedImage):
        codec = codec_of(message.data)
        named = original_encoding(message.format)
        if result is source.rgb and named == encoding and f' {codec} ' in message.format:
            # Nothing was changed, and the label is right: no second loss by JPEG.
            return message
    data, image_format = compress_like(source, result, encoding, parameters.jpeg_quality)
    return CompressedImage(header=message.header, format=image_format, data=data)


def _side_by_side(source: MessageImage, result: RgbImage) -> Image:
    original = resized(source.rgb, (result.shape[1], result.shape[0]))
    both: NDArray[np.uint8] = np.concatenate([original, result], axis=1)
    height, width = both.shape[:2]
    message: Any = Image(
        header=source.message.header, height=height, width=width, encoding='rgb8', step=3 * width
    )
    message.data.frombytes(both.tobytes())
    return message
