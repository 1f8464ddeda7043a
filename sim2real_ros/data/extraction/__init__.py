"""Extraction of frames from bags, videos and folders."""

from sim2real_ros.data.extraction.extract import Extraction, extract_frames
from sim2real_ros.data.extraction.options import MESSAGE_TYPES, NAMINGS, ExtractOptions
from sim2real_ros.data.extraction.topics import ImageTopic, list_topics, topic_lines

__all__ = [
    'MESSAGE_TYPES',
    'NAMINGS',
    'ExtractOptions',
    'Extraction',
    'ImageTopic',
    'extract_frames',
    'list_topics',
    'topic_lines',
]
