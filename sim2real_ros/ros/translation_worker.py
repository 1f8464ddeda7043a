"""The thread that translates: newest frame in, messages out, never an exception."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from sensor_msgs.msg import CompressedImage, Image

from sim2real_ros.ros.camera import Camera, stamp_ns
from sim2real_ros.ros.frame_processor import (
    FinishedFrame,
    FrameProcessor,
    PreparedFrame,
    translate_together,
)
from sim2real_ros.ros.latest_frames import LatestFrames
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.ros.publishing_thread import PublishingThread
from sim2real_ros.runtime.translator import Translator

_PATIENCE_S = 5.0

Arrived = tuple[Image | CompressedImage, int]
"""A message and CLOCK_MONOTONIC of its arrival in nanoseconds."""

Waiting = tuple[Camera, Arrived]


class TranslationWorker:
    """Translates the frames of all cameras, the longest waiting first.

    Where the model is faster so, frames of several cameras that wait at the same time share a run;
    no frame ever waits for one that is not there yet.

    Attributes:
        parameters: The parameters for the next frame; assign to change them between two frames.
    """

    def __init__(
        self,
        cameras: list[Camera],
        translator: Translator,
        parameters: ProxyParameters,
        on_failure: Callable[[Camera, str], None],
    ) -> None:
        """Start the thread.

        Args:
            cameras: All cameras that may send frames.
            translator: The first model.
            parameters: The first parameters.
            on_failure: Called in the worker's thread with a reason, for the log.
        """
        self._translator = translator
        self.parameters = parameters
        self._on_failure = on_failure
        self._frames: LatestFrames[Camera, Arrived] = LatestFrames()
        self._processors = {camera: FrameProcessor(camera) for camera in cameras}
        self._publishing = PublishingThread()
        self._thread = threading.Thread(target=self._run, name='translation_worker', daemon=True)
        self._thread.start()

    @property
    def translator(self) -> Translator:
        """The model for the next frame; assign to swap between two frames."""
        return self._translator

    @translator.setter
    def translator(self, translator: Translator) -> None:
        self._translator = translator
        # It is warmed up at once, before the next frame comes.
        self._frames.wake()

    def submit(self, camera: Camera, message: Image | CompressedImage) -> None:
        """Hand over a frame; called by the executor for every image message."""
        receive_ns = time.monotonic_ns()
        camera.statistics.count_received(receive_ns, stamp_ns(message.header))
        if self._frames.put(camera, (message, receive_ns)):
            camera.statistics.count_dropped()

    def close(self) -> None:
        """Finish the frame under way and end the threads.

        A model that never returns is left alone: its thread ends with the process.
        """
        self._frames.close()
        self._thread.join(_PATIENCE_S)
        if not self._thread.is_alive():
            self._publishing.close()

    def _run(self) -> None:
        warm: Translator | None = None
        while True:
            translator = self.translator
            if translator is not warm:
                warm = translator
                self._warm_up(translator)
            taken = self._frames.take()
            if taken is not None:
                self._serve(taken)
            elif self._frames.is_closed:
                return

    def _warm_up(self, translator: Translator) -> None:
        """Run a model in this thread: runtimes have threads and GPU graphs of each caller."""
        if not self.parameters.warm_up:
            return
        # What fails here fails with a frame, too, and is told there.
        with suppress(Exception):
            for size in {camera.statistics.image_size for camera in self._processors}:
                translator.warm_up(size)

    def _serve(self, taken: Waiting) -> None:
        """Translate a frame, and with it those that may share its run, then publish all."""
        translator, parameters = self.translator, self.parameters
        prepared: list[tuple[Camera, PreparedFrame]] = []
        frames = [taken, *self._alike(taken, translator, parameters)]
        for camera, (message, receive_ns) in frames:
            with self._failures_reported(camera):
                frame = self._processors[camera].prepare(
                    message, receive_ns, translator, parameters
                )
                prepared.append((camera, frame))
        translate_together([frame for _, frame in prepared])
        finished: list[FinishedFrame] = []
        for camera, frame in prepared:
            with self._failures_reported(camera):
                finished.append(self._processors[camera].finish(frame))
        if len(finished) < len(frames):
            # A failed frame used up its turn with the two buffers: the next one gets that which
            # may still be on its way out.
            self._publishing.wait_until_idle()
        if finished:
            self._publish(finished)

    def _alike(
        self, taken: Waiting, translator: Translator, parameters: ProxyParameters
    ) -> list[Waiting]:
        """Take the waiting frames that the model may run together with one."""
        limit = max(translator.batch_sizes, default=1) - 1
        if limit < 1 or parameters.is_bypassed:
            return []
        size = _size_of(*taken)
        if size is None:
            return []
        model_size = translator.model_size(size)

        def is_alike(camera: Camera, item: Arrived) -> bool:
            other = _size_of(camera, item)
            return other is not None and translator.model_size(other) == model_size

        return self._frames.take_more(is_alike, limit)

    def _publish(self, finished: list[FinishedFrame]) -> None:
        """Publish at once, or beside the next frame where that one is waiting already.

        A change of threads costs latency, so it is made only when throughput is what counts.
        """
        if self._frames.has_frames():
            self._publishing.hand_over(partial(self._publish_now, finished))
        else:
            self._publishing.wait_until_idle()
            self._publish_now(finished)

    def _publish_now(self, finished: list[FinishedFrame]) -> None:
        for frame in finished:
            with self._failures_reported(frame.camera):
                frame.publish()

    @contextmanager
    def _failures_reported(self, camera: Camera) -> Iterator[None]:
        """Whatever a message or a model does to us, the next frame must be served."""
        try:
            yield
        except Exception as error:
            reason = str(error) or type(error).__name__
            camera.statistics.count_failed(reason)
            self._on_failure(camera, reason)


def _size_of(camera: Camera, item: Arrived) -> tuple[int, int] | None:
    """Return (width, height) of a frame that is not decoded yet; None where it is not known."""
    message, _ = item
    if isinstance(message, Image):
        return (message.width, message.height)
    return camera.statistics.image_size
