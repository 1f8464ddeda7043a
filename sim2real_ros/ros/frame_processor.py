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
from sim2real_ros.runtime.frame_context import CameraMemory, FrameContext
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
        times_ns: CLOCK_MONOTONIC of its arrival, of its turn, and of the ends of decoding,
            translating and encoding.
        is_batched: Whether it shared a run of the model.
        is_smoothed: Whether it was smoothed over time.
        domain: What to compare the source with afterwards; None = it is not its turn.
    """

    camera: Camera
    source: MessageImage
    result: RgbImage
    buffer: OutputBuffer
    listeners: Listeners
    parameters: ProxyParameters
    times_ns: tuple[int, ...]
    is_batched: bool = False
    is_smoothed: bool = False
    domain: InputDomain | None = None

    def publish(self) -> None:
        """Publish on every output that has a listener, and count the frame."""
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
        # Without a gap, so that the stages add up to the latency: publishing begins with the
        # wait for its turn.
        stages_ns = tuple(after - before for before, after in pairwise((*self.times_ns, end_ns)))
        self.camera.statistics.count_published(
            stages_ns, batched=self.is_batched, smoothed=self.is_smoothed
        )
        if self.domain is not None:
            # Only now, so that no frame has to wait for its own check.
            score = self.domain.score(self.source.rgb)
            duration_ns = time.monotonic_ns() - end_ns
            self.camera.statistics.count_domain_score(self.domain, score, duration_ns)


@dataclass
class PreparedFrame:
    """A decoded frame with all that its translation needs.

    Attributes:
        source: What arrived.
        buffer: Where the translated image goes.
        size: (width, height) of the translated image.
        listeners: The outputs to serve.
        translator: The model of this frame.
        parameters: The parameters of this frame.
        context: For the model.
        times_ns: As in FinishedFrame, so far.
        is_translated: Whether the buffer holds the translated image already.
        is_batched: Whether its translation shared a run with others.
    """

    source: MessageImage
    buffer: OutputBuffer
    size: tuple[int, int]
    listeners: Listeners
    translator: Translator
    parameters: ProxyParameters
    context: FrameContext
    times_ns: list[int]
    is_translated: bool = False
    is_batched: bool = False


class FrameProcessor:
    """Translates the frames of one camera into two buffers in turn.

    While a frame is being published from one, the next one is translated into the other.
    """

    def __init__(self, camera: Camera) -> None:
        """Start without buffers; they come with the first frame of each size."""
        self._camera = camera
        self._blender = Blender(Blend())
        self._blended_by: ProxyParameters | None = None
        self._domain_check = DomainCheck(camera.statistics)
        self._memory = CameraMemory()
        self._translator: Translator | None = None
        self._buffers: list[OutputBuffer | None] = [None, None]

    def process(
        self,
        message: Image | CompressedImage,
        receive_ns: int,
        translator: Translator,
        parameters: ProxyParameters,
    ) -> FinishedFrame:
        """Translate one frame; see ``prepare`` and ``finish``."""
        return self.finish(self.prepare(message, receive_ns, translator, parameters))

    def prepare(
        self,
        message: Image | CompressedImage,
        receive_ns: int,
        translator: Translator,
        parameters: ProxyParameters,
    ) -> PreparedFrame:
        """Decode one frame, and choose where its translation goes.

        Args:
            message: As it arrived.
            receive_ns: CLOCK_MONOTONIC of its arrival.
            translator: The model of this frame.
            parameters: The parameters of this frame.

        Raises:
            Sim2RealError: The frame cannot be decoded.
        """
        times_ns = [receive_ns, time.monotonic_ns()]
        listeners = self._camera.listeners()
        source = read_image(message, is_compressed=isinstance(message, CompressedImage))
        times_ns.append(time.monotonic_ns())
        size = self._camera.statistics.image_size = source.size
        if parameters.output_size == 'model':
            size = translator.model_size(source.size)
        encoding = parameters.output_encoding or source.encoding
        buffer = self._next_buffer(layout_like(source.raw, encoding=encoding, size=size))
        return PreparedFrame(
            source, buffer, size, listeners, translator, parameters,
            self._context(source, translator, parameters), times_ns,
        )  # fmt: skip

    def finish(self, frame: PreparedFrame) -> FinishedFrame:
        """Translate one frame, unless ``translate_together`` has, then blend and encode it.

        Returns:
            The frame to publish, before the next but one is prepared.

        Raises:
            Sim2RealError: The frame cannot be translated.
        """
        source, parameters = frame.source, frame.parameters
        result = self._result(frame)
        frame.times_ns.append(time.monotonic_ns())
        if frame.listeners.image:
            frame.buffer.encode(result, source.raw, source.rgb)
        frame.times_ns.append(time.monotonic_ns())
        # What is not translated need not look like anything.
        interval = 0 if parameters.is_bypassed else parameters.domain_check_interval
        domain = self._domain_check.due(frame.translator, interval)
        return FinishedFrame(
            self._camera, source, result, frame.buffer, frame.listeners, parameters,
            tuple(frame.times_ns), frame.is_batched, self._is_smoothed(parameters), domain,
        )  # fmt: skip

    def _context(
        self, source: MessageImage, translator: Translator, parameters: ProxyParameters
    ) -> FrameContext:
        """Tell what the model may want to know; what is remembered belongs to one model."""
        if translator is not self._translator or parameters.is_bypassed:
            self._memory.forget()
        self._translator = translator
        return FrameContext(
            detail_strength=parameters.detail_strength,
            smoothing_s=parameters.temporal_smoothing_s,
            stamp_s=stamp_ns(source.message.header) / 1e9,
            memory=self._memory,
        )

    def _is_smoothed(self, parameters: ProxyParameters) -> bool:
        remembers = self._memory.content is not None
        return remembers and parameters.temporal_smoothing_s > 0.0 and not parameters.is_bypassed

    def _next_buffer(self, layout: OutputLayout) -> OutputBuffer:
        """Return the buffer that was used the longest ago, anew where the layout changed."""
        buffer = self._buffers.pop(0)
        if buffer is None or buffer.layout != layout:
            buffer = OutputBuffer(layout)
        self._buffers.append(buffer)
        return buffer

    def _result(self, frame: PreparedFrame) -> RgbImage:
        """Return the RGB image to publish: the buffer's, or the original where it is wanted."""
        rgb, target, parameters = frame.source.rgb, frame.buffer.target, frame.parameters
        if parameters.is_bypassed:
            return resized(rgb, frame.size)
        try:
            if not frame.is_translated:
                run_model(frame.translator, rgb, frame.size, target, frame.context)
        # Whatever a model does to us, the camera has to go on.
        except Exception as error:
            if parameters.on_failure != 'passthrough':
                raise
            self._camera.statistics.count_failed(f'published the original: {error}')
            return resized(rgb, frame.size)
        if parameters is not self._blended_by:
            self._blended_by, self._blender = parameters, _new_blender(parameters, self._blender)
        if not self._blender.blend.keeps_translated:
            self._blender.apply(resized(rgb, frame.size), target)
        return target


def translate_together(frames: list[PreparedFrame]) -> None:
    """Translate frames of several cameras in as few runs of their model as is fastest.

    Where that fails, all are left to ``FrameProcessor.finish``, which runs them one by one and
    tells whose fault it is, and no more batches are tried with this model.

    Args:
        frames: Prepared with the same model and the same parameters.
    """
    if len(frames) < 2 or frames[0].parameters.is_bypassed:
        return
    translator = frames[0].translator
    try:
        shared = translator.translate_batch(
            [frame.source.rgb for frame in frames],
            [frame.buffer.target for frame in frames],
            [frame.context for frame in frames],
        )
    except Exception:
        translator.batch_sizes = ()
        return
    for frame, images in zip(frames, shared, strict=True):
        frame.is_translated, frame.is_batched = True, images > 1


def _new_blender(parameters: ProxyParameters, old: Blender) -> Blender:
    """Return a blender for these parameters: the old one, which has its weights, if it fits."""
    x, y, width, height = parameters.roi
    blend = Blend(parameters.strength, (x, y, width, height), parameters.roi_feather_px)
    return old if blend == old.blend else Blender(blend)


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
