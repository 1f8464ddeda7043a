"""Bags of ROS 1 and ROS 2, read and rewritten without ROS, also where they are damaged."""

from sim2real_ros.bags.connection import (
    CAMERA_INFO_TYPE,
    COMPRESSED_TYPE,
    IMAGE_TYPES,
    RAW_TYPE,
    BagConnection,
    BagMessage,
)
from sim2real_ros.bags.reader import BagReader, accepts_bag, image_connections, open_bag
from sim2real_ros.bags.rewriting import rewrite_bag

__all__ = [
    'CAMERA_INFO_TYPE',
    'COMPRESSED_TYPE',
    'IMAGE_TYPES',
    'RAW_TYPE',
    'BagConnection',
    'BagMessage',
    'BagReader',
    'accepts_bag',
    'image_connections',
    'open_bag',
    'rewrite_bag',
]
