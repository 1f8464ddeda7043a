"""SOURCES: the table of everything frames can be read from, and the one way to open it."""

from pathlib import Path

from sim2real_ros.data.bag_source import BagSource
from sim2real_ros.data.folder_source import FolderSource
from sim2real_ros.data.frame import Source
from sim2real_ros.data.video_source import VideoSource
from sim2real_ros.errors import DataError

SOURCES: dict[str, type[Source]] = {
    # A rosbag2 folder is a folder too, so bags are asked first.
    'bag': BagSource,
    'video': VideoSource,
    'folder': FolderSource,
}


def open_source(path: str | Path, topic: str | None = None) -> Source:
    """Open a folder, image, video or bag as a stream of frames.

    Args:
        path: What to read; the first entry of ``SOURCES`` that accepts it does so.
        topic: The image topic of a bag; None where the bag has only one, and outside bags.

    Raises:
        DataError: Nothing is there, no source accepts it, or the source cannot read it.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DataError(f'{str(path)!r} does not exist: expected a folder, image, video or bag.')
    for source in SOURCES.values():
        if source.accepts(path):
            return source(path, topic)
    raise DataError(
        f'{str(path)!r} is no image source: expected a folder of images, an image, a video (.mp4, '
        '.avi ...), a ROS 1 .bag, or a ROS 2 bag (.mcap, .db3 or its folder).'
    )
