"""A bag translated offline holds the very bytes that the node publishes."""

import array

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CompressedImage, Image

from sim2real_ros.bags import COMPRESSED_TYPE, RAW_TYPE, BagConnection, BagMessage
from sim2real_ros.bags.message_types import MessageTypes
from sim2real_ros.image import ENCODINGS, compress
from sim2real_ros.resources import model_path
from sim2real_ros.ros.camera import Listeners
from sim2real_ros.ros.frame_processor import FrameProcessor
from sim2real_ros.ros.frame_statistics import FrameStatistics
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.translation import TranslateOptions
from sim2real_ros.translation.bag_message import translate_message
from sim2real_ros.translation.model_pool import ModelPool

MODEL = model_path('colour_transfer_duckietown')
SETTINGS = {'strength': 0.8, 'roi': (0.25, 0.0, 0.75, 0.5)}
STORE = get_typestore(Stores.ROS2_JAZZY)


class KeepingCamera:
    """Stands where a Camera does, and keeps the last messages."""

    def __init__(self):
        self.statistics = FrameStatistics()
        self.image = self.compressed = None

    def listeners(self):
        return Listeners(image=1, compressed=1, info=0, compare=0)

    def publish_image(self, message):
        self.image = message

    def publish_compressed(self, message):
        self.compressed = message


class TypesOnly:
    """Stands where a BagReader does, as far as types are concerned."""

    def __init__(self):
        types = MessageTypes()
        self.deserialize, self.serialize = types.deserialize, types.serialize


@pytest.fixture(scope='module')
def pool():
    options = TranslateOptions(str(MODEL), feather_px=1.5, jobs=1, **SETTINGS)
    return ModelPool.load(open_model(MODEL), options)


@pytest.fixture(scope='module')
def translator():
    return Translator.load(MODEL, threads=1)


def online(message, translator):
    """Let the node's own FrameProcessor handle a message."""
    camera = KeepingCamera()
    parameters = ProxyParameters(
        model=str(MODEL), strength=SETTINGS['strength'], roi=list(SETTINGS['roi']),
        roi_feather_px=1.5, jpeg_quality=90,
    )  # fmt: skip
    FrameProcessor(camera).process(message, 0, translator, parameters).publish()
    return camera


def offline(message, msgtype, pool):
    """Let the bag's translation handle the same message."""
    time = STORE.types['builtin_interfaces/msg/Time'](3, 4)
    header = STORE.types['std_msgs/msg/Header'](time, 'cam')
    if msgtype == RAW_TYPE:
        content = STORE.types[RAW_TYPE](
            header, message.height, message.width, message.encoding, message.is_bigendian,
            message.step, np.frombuffer(message.data, np.uint8),
        )  # fmt: skip
    else:
        content = STORE.types[COMPRESSED_TYPE](
            header, message.format, np.frombuffer(message.data, np.uint8)
        )
    connection = BagConnection(0, '/cam', msgtype, 1)
    raw = bytes(STORE.serialize_cdr(content, msgtype))
    result = translate_message(TypesOnly(), BagMessage(connection, 5, raw), pool, 90)
    assert result != raw
    return STORE.deserialize_cdr(result, msgtype)


def stamped(message):
    message.header.stamp.sec, message.header.stamp.nanosec = 3, 4
    message.header.frame_id = 'cam'
    return message


@pytest.mark.parametrize('encoding', ENCODINGS)
@pytest.mark.parametrize(('padding', 'big'), [(0, 0), (6, 1)])
def test_raw_image(pool, translator, encoding, padding, big):
    step = 16 * ENCODINGS[encoding].bytes_per_pixel + padding
    data = np.random.default_rng(1).integers(0, 256, 12 * step, np.uint8)
    message = stamped(Image(height=12, width=16, encoding=encoding, is_bigendian=big, step=step))
    message.data = array.array('B', data.tobytes())
    published, found = online(message, translator).image, offline(message, RAW_TYPE, pool)
    assert bytes(found.data) == bytes(published.data)
    for name in ('height', 'width', 'encoding', 'is_bigendian', 'step'):
        assert getattr(found, name) == getattr(published, name)


@pytest.mark.parametrize('codec', ['jpeg', 'png'])
@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', 'mono8', 'bayer_rggb8', 'rgba8'])
def test_compressed_image(pool, translator, codec, encoding):
    rgb = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    data, text = compress(rgb, codec, source_encoding=encoding)
    message = stamped(CompressedImage(format=text, data=data))
    published = online(message, translator).compressed
    found = offline(message, COMPRESSED_TYPE, pool)
    assert bytes(found.data) == bytes(published.data)
    assert found.format == published.format
