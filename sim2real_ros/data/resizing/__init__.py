"""Resizing of a folder tree of images, with labels, masks and camera_info."""

from sim2real_ros.data.resizing.options import ResizeOptions
from sim2real_ros.data.resizing.resize import Resizing, resize_images

__all__ = ['ResizeOptions', 'Resizing', 'resize_images']
