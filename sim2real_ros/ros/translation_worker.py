"""The thread that translates: newest frame in, messages out, never an exception."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sensor_msgs.msg import CompressedImage, Image

from sim2real_ros.ros.camera import Camera, stamp_ns
from sim2real_ros.ros.frame_processor import FinishedFrame, FrameProcessor
from sim2real_ros.ros.latest_frames import LatestFrames
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.ros.publishing_thread import PublishingThread
from sim2real_ros.runtime.translator import Translator

_PATIENCE_S = 5.0


class TranslationWorker:
    """Translates the frames of all cameras, one at a time, the longest waiting first.

    Attributes:
        translator: The model for the next frame; assign to swap between two frames.
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
        self.translator = translator
        self.parameters = parameters
        self._on_failure = on_failure
        self._frames: LatestFrames[Camera, tuple[Image | CompressedImage, int]] = LatestFrames()
        self._processors = {camera: FrameProcessor(camera) for camera in cameras}
        self._publishing = PublishingThread()
        self._thread = threading.Thread(target=self._run, name='translation_worker', daemon=True)
        self._thread.start()

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
        while True:
            taken = self._frames.take()
            if taken is None:
                return
            camera, (message, receive_ns) = taken
            finished = None
            with self._failures_reported(camera):
                finished = self._processors[camera].process(
                    message, receive_ns, self.translator, self.parameters
                )
            if finished is None:
                # A failed frame used up its turn with the two buffers: the next one gets that
                # which may still be on its way out.
                self._publishing.wait_until_idle()
            else:
                self._publish(camera, finished)

    def _publish(self, camera: Camera, finished: FinishedFrame) -> None:
        """Publish at once, or beside the next frame where that one is waiting already.

        A change of threads costs latency, so it is made only when throughput is what counts.
        """
        if self._frames.has_frames():
            self._publishing.hand_over(partial(self._publish_now, camera, finished))
        else:
            self._publishing.wait_until_idle()
            self._publish_now(camera, finished)

    def _publish_now(self, camera: Camera, finished: FinishedFrame) -> None:
        with self._failures_reported(camera):
            finished.publish()

    @contextmanager
    def _failures_reported(self, camera: Camera) -> Iterator[None]:
        """Whatever a message or a model does to us, the next frame must be served."""
        try:
            yield
        except Exception as error:
            reason = str(error) or type(error).__name__
            camera.statistics.count_failed(reason)
            self._on_failure(camera, reason)
