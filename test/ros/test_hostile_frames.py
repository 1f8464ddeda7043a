"""Whatever arrives, the worker lives and the next good frame is served exactly."""

import array
import threading

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from proxy_client import image_message, rgb_message, rgb_pixels
from sensor_msgs.msg import CompressedImage, Image

from sim2real_ros.errors import Sim2RealError
from sim2real_ros.image import ENCODINGS
from sim2real_ros.resources import share_path
from sim2real_ros.ros.camera import Listeners
from sim2real_ros.ros.frame_processor import FrameProcessor
from sim2real_ros.ros.frame_statistics import FrameStatistics
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.ros.translation_worker import TranslationWorker
from sim2real_ros.runtime.translator import Translator

_U32 = st.one_of(
    st.integers(0, 80), st.sampled_from([2**16, 2**31 - 1, 2**31, 2**32 - 1]), st.integers(0, 5000)
)
_STAMP = st.tuples(
    st.sampled_from([0, 1, -1, -(2**31), 2**31 - 1]), st.sampled_from([0, 10**9 - 1, 2**32 - 1])
)
_PNG = cv2.imencode('.png', rgb_pixels((16, 12)))[1].tobytes()
_JPEG = cv2.imencode('.jpg', rgb_pixels((16, 12)))[1].tobytes()


class RecordingCamera:
    """Stands where a Camera does: it keeps what is published."""

    name = 'fuzzed'

    def __init__(self):
        self.statistics = FrameStatistics()
        self.images = []
        self.compressed = []
        self.published = threading.Condition()

    def listeners(self):
        return Listeners(image=1, compressed=1, info=0, compare=1)

    def publish_image(self, message):
        with self.published:
            copy = Image(
                header=message.header, height=message.height, width=message.width,
                encoding=message.encoding, is_bigendian=message.is_bigendian, step=message.step,
            )  # fmt: skip
            copy.data = array.array('B', message.data)
            self.images.append(copy)
            self.published.notify_all()

    def publish_compressed(self, message):
        self.compressed.append(message)

    def publish_compare(self, message):
        assert message.width % 2 == 0


@pytest.fixture(scope='module')
def identity():
    return Translator.load(share_path('models') / 'identity.onnx', threads=1)


def random_image(draw_size, encoding, step, is_bigendian, data, stamp):
    message = Image(width=draw_size[0], height=draw_size[1], encoding=encoding, step=step)
    message.is_bigendian = is_bigendian
    message.data = array.array('B', data)
    message.header.stamp.sec, message.header.stamp.nanosec = stamp
    return message


hostile_images = st.builds(
    random_image,
    st.tuples(_U32, _U32),
    st.one_of(st.sampled_from([*ENCODINGS, '16UC1', '32FC1', 'nv12', '']), st.text(max_size=8)),
    _U32,
    st.integers(0, 255),
    st.binary(max_size=4000),
    _STAMP,
)


def reason_of_failure(message, translator):
    """Process a message; return the reason why it failed, None if it did not."""
    processor = FrameProcessor(RecordingCamera())
    try:
        processor.process(message, 0, translator, ProxyParameters()).publish()
    except Sim2RealError as error:
        return str(error)
    return None


@given(message=hostile_images)
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_images_end_in_a_clear_error_or_an_image(identity, message):
    reason = reason_of_failure(message, identity)
    assert reason is None or len(reason) > 20


@given(
    good=st.sampled_from([_PNG, _JPEG]),
    cut=st.integers(0, 900),
    flips=st.lists(st.tuples(st.integers(0, 899), st.integers(0, 255)), max_size=6),
    image_format=st.one_of(
        st.sampled_from(['jpeg', 'png', 'rgb8; jpeg compressed bgr8', '16UC1; compressedDepth']),
        st.text(max_size=12),
    ),
)
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_compressed_images_end_in_a_clear_error_or_an_image(
    identity, good, cut, flips, image_format
):
    data = bytearray(good[: len(good) - cut] if cut else good)
    for position, value in flips:
        if position < len(data):
            data[position] = value
    message = CompressedImage(format=image_format.replace('\0', ''), data=array.array('B', data))
    reason = reason_of_failure(message, identity)
    assert reason is None or len(reason) > 20


@given(messages=st.lists(hostile_images, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_worker_serves_the_next_good_frame_after_anything(identity, messages):
    camera, reasons = RecordingCamera(), []
    worker = TranslationWorker(
        [camera], identity, ProxyParameters(), lambda _, reason: reasons.append(reason)
    )
    for message in messages:
        worker.submit(camera, message)
    good = rgb_message((20, 10))
    with camera.published:
        worker.submit(camera, good)
        assert camera.published.wait_for(lambda: good in camera.images, 20)
    worker.close()
    counts = camera.statistics.report().counts
    assert counts.failed == len(reasons)
    assert (
        counts.received == len(messages) + 1 == (counts.published + counts.failed + counts.dropped)
    )


def test_every_frame_is_right_while_publishing_lags_behind(identity):
    """Frames that fail between good ones must not upset the turns of the two buffers."""

    class SlowCamera(RecordingCamera):
        def publish_image(self, message):
            # A reader of the same buffer: it must not change until this returns.
            before = bytes(message.data)
            threading.Event().wait(0.002)
            assert bytes(message.data) == before
            super().publish_image(message)

    camera, reasons = SlowCamera(), []
    worker = TranslationWorker(
        [camera], identity, ProxyParameters(), lambda _, reason: reasons.append(reason)
    )
    sent = []
    for number in range(300):
        if number % 3 == 1:
            message = image_message(b'', 2, 2, 'rgb8', step=6)
        else:
            message = image_message(bytes([number % 256]) * 1200, 20, 20, 'rgb8')
            sent.append(message)
        worker.submit(camera, message)
        with camera.published:
            camera.published.wait(0.001)
    with camera.published:
        assert camera.published.wait_for(lambda: sent[-1] in camera.images, 20)
    worker.close()
    assert all('expected' in reason or 'bytes' in reason for reason in reasons)
    originals = {(m.header.stamp.sec, m.header.stamp.nanosec): m for m in sent}
    for image in camera.images:
        assert image == originals[image.header.stamp.sec, image.header.stamp.nanosec]
    assert len(camera.images) > 20


def test_compressed_original_is_passed_on_untouched_when_nothing_changes(identity):
    camera = RecordingCamera()
    message = CompressedImage(format='rgb8; jpeg compressed bgr8', data=array.array('B', _JPEG))
    parameters = ProxyParameters(enabled=False)
    FrameProcessor(camera).process(message, 0, identity, parameters).publish()
    assert camera.compressed == [message]
    expected = cv2.imdecode(np.frombuffer(_JPEG, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(np.asarray(camera.images[0].data), expected.reshape(-1))


@pytest.mark.parametrize(
    ('image_format', 'data', 'output_encoding', 'expected'),
    [
        ('jpeg', _PNG, '', 'rgb8; png compressed bgr8'),
        ('', _JPEG, '', 'rgb8; jpeg compressed bgr8'),
        ('rgb8; jpeg compressed bgr8', _JPEG, 'mono8', 'mono8; jpeg compressed '),
        ('bgr8; png compressed bgr8', _JPEG, '', 'bgr8; jpeg compressed bgr8'),
    ],
)
@pytest.mark.parametrize('enabled', [True, False])
def test_compressed_output_is_labelled_by_what_it_holds(
    identity, image_format, data, output_encoding, expected, enabled
):
    camera = RecordingCamera()
    message = CompressedImage(format=image_format, data=array.array('B', data))
    parameters = ProxyParameters(enabled=enabled, output_encoding=output_encoding)
    FrameProcessor(camera).process(message, 0, identity, parameters).publish()
    assert camera.compressed[0].format == expected
