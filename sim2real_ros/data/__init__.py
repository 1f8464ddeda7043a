"""Offline image data: folders, bags and videos, all read as a stream of frames."""

from sim2real_ros.data.frame import Frame, Skipped, Source, SourceInfo
from sim2real_ros.data.sources import SOURCES, open_source
from sim2real_ros.data.spread import Spread

__all__ = ['SOURCES', 'Frame', 'Skipped', 'Source', 'SourceInfo', 'Spread', 'open_source']
