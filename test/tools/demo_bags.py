"""Small bags for the tests of the demo, and the pictures that are in them."""

import cv2
import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.image import compress

SIZE, FRAMES, PERIOD_NS, START_NS = (320, 240), 20, 50_000_000, 1_600_000_000 * 10**9
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
INFO = 'sensor_msgs/msg/CameraInfo'


def picture(index, size=SIZE):
    """A colourful picture that no other index has."""
    noise = np.random.default_rng(index).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(noise, size, interpolation=cv2.INTER_LINEAR)


def header(store, index, **sequence):
    types = store.types
    seconds, nanoseconds = divmod(START_NS + index * PERIOD_NS, 10**9)
    stamp = types['builtin_interfaces/msg/Time'](seconds, nanoseconds)
    return types['std_msgs/msg/Header'](**sequence, stamp=stamp, frame_id='camera')


def camera_info(store, index):
    width, height = SIZE
    k = np.array([300.0, 0, width / 2, 0, 300, height / 2, 0, 0, 1])
    p = np.insert(k.reshape(3, 3), 3, 0.0, axis=1).ravel()
    roi = store.types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    return store.types[INFO](
        header(store, index), height, width, 'plumb_bob', np.zeros(5), k, np.eye(3).ravel(), p,
        0, 0, roi,
    )  # fmt: skip


def write_raw_bag(path, frames=FRAMES):
    """A rosbag2: bgr8 images with padded rows, and their camera_info."""
    store = get_typestore(Stores.ROS2_JAZZY)
    width, height = SIZE
    step = width * 3 + 8
    with Writer2(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        images = writer.add_connection('/camera/image_raw', IMAGE, typestore=store)
        infos = writer.add_connection('/camera/camera_info', INFO, typestore=store)
        for index in range(frames):
            rows = np.zeros((height, step), np.uint8)
            rows[:, : width * 3] = picture(index)[..., ::-1].reshape(height, -1)
            image = store.types[IMAGE](
                header(store, index), height, width, 'bgr8', 0, step, rows.ravel()
            )
            info = camera_info(store, index)
            stamp_ns = START_NS + index * PERIOD_NS
            writer.write(infos, stamp_ns, store.serialize_cdr(info, INFO))
            writer.write(images, stamp_ns, store.serialize_cdr(image, IMAGE))
    return path


def write_ros1_bag(path, frames=3):
    """A ROS 1 bag: JPEG images on a topic without leading slash, next to a second camera."""
    store = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(path) as writer:
        names = ('front/image/compressed', 'rear/image/compressed')
        topics = [writer.add_connection(name, COMPRESSED, typestore=store) for name in names]
        for index in range(frames):
            for topic in topics:
                data, image_format = compress(picture(index), 'jpeg')
                data = np.frombuffer(data, np.uint8)
                message = store.types[COMPRESSED](
                    header(store, index, seq=index), image_format, data
                )
                raw = store.serialize_ros1(message, COMPRESSED)
                writer.write(topic, START_NS + index * PERIOD_NS, raw)
    return path
