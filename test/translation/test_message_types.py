"""Messages whose types a bag has defined in a way of its own."""

import bag_cases
import pytest
import translation_cases as cases

from sim2real_ros.bags import BagConnection, BagMessage
from sim2real_ros.errors import DataError, ImageError
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.translation import TranslateOptions
from sim2real_ros.translation.bag_message import (
    image_size,
    translate_camera_info,
    translate_message,
)
from sim2real_ros.translation.bag_topics import choose_topics
from sim2real_ros.translation.model_pool import ModelPool

FIELDS = {
    'Image': 'std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\n'
    'uint8 is_bigendian\nuint32 step\nuint8[] data\n',
    'CompressedImage': 'std_msgs/Header header\nstring format\nuint8[] data\n',
    'CameraInfo': 'std_msgs/Header header\nuint32 height\nuint32 width\nstring name\n'
    'float64[] d\nfloat64[9] k\nfloat64[9] r\nfloat64[12] p\nuint32 binning_x\n'
    'uint32 binning_y\n',
}


class OneMessageReader:
    """Stands where a BagReader does, and holds one message object."""

    path = 'bag'

    def __init__(self, msgtype, content):
        self.connections = (BagConnection(0, '/cam/image', msgtype, 1),)
        self.message = BagMessage(self.connections[0], 0, b'raw')
        self._content = content

    def messages(self, connections=None):
        return iter([self.message])

    def deserialize(self, message):
        return self._content

    def serialize(self, connection, content):
        raise DataError('cannot be written')


def definitions(kind):
    """Yield the definition with every field but the header missing or of another type."""
    text = FIELDS[kind]
    for line in text.splitlines()[1:]:
        for other in ('', 'uint8[] ', 'uint8 ', 'string ', 'float64[2] ', 'bool[3] '):
            yield text.replace(line, f'{other}{line.split()[1]}' if other else '')


@pytest.fixture
def pool(tmp_path):
    path = cases.fixed_size_negative(tmp_path, 4, 2)
    return ModelPool.load(
        open_model(path), TranslateOptions(str(path), output_size='model', jobs=1)
    )


@pytest.mark.parametrize('kind', ['Image', 'CompressedImage'])
def test_images_with_other_fields_are_refused(pool, kind):
    name = f'sensor_msgs/msg/{kind}'
    for definition in definitions(kind):
        content = bag_cases.any_message(bag_cases.own_store(name, definition), name)
        reader = OneMessageReader(name, content)
        assert choose_topics(reader, ()).total == 1
        with pytest.raises((ImageError, DataError), match=r'image|type|written'):
            translate_message(reader, reader.message, pool, 90)
        size = image_size(reader, reader.message)
        assert size is None or min(size) >= 0


def test_camera_info_with_other_fields_is_refused(pool):
    name = 'sensor_msgs/msg/CameraInfo'
    for definition in definitions('CameraInfo'):
        content = bag_cases.any_message(bag_cases.own_store(name, definition), name)
        reader = OneMessageReader(name, content)
        for size in (None, (8, 6)):
            with pytest.raises(DataError, match='cannot be'):
                translate_camera_info(reader, reader.message, pool, size)
