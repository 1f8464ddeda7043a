"""What the demo plays: one camera of a bag, and the ROS names that follow from it."""

from dataclasses import dataclass
from pathlib import Path

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from sim2real_ros.data.bag_source import COMPRESSED_TYPE, BagSource
from sim2real_ros.errors import DataError

INFO_TYPE = 'sensor_msgs/msg/CameraInfo'
IMAGE_TYPE = 'sensor_msgs/msg/Image'


@dataclass(frozen=True)
class DemoCamera:
    """One camera of a bag.

    Attributes:
        bag: The bag.
        topic: Its image topic, as recorded.
        transport: 'raw' or 'compressed'.
        info_topic: Absolute name of its camera_info; '' where the bag has none.
        frames: Number of image messages.
        size: (width, height) of the first frame in pixels.
        namespace: Output namespace, of which no topic of the bag is part.
    """

    bag: Path
    topic: str
    transport: str
    info_topic: str
    frames: int
    size: tuple[int, int]
    namespace: str

    @property
    def image_topic(self) -> str:
        """Absolute name of the image topic."""
        return absolute(self.topic)

    @property
    def base_topic(self) -> str:
        """Image topic without the suffix of a transport."""
        suffix = '/compressed' if self.transport == 'compressed' else ''
        return self.image_topic.removesuffix(suffix)

    @property
    def image_out(self) -> str:
        """Absolute name of the translated image topic."""
        return f'/{self.namespace}/image_raw'

    @property
    def info_out(self) -> str:
        """Absolute name of the camera_info that belongs to it."""
        return f'/{self.namespace}/camera_info'

    def describe(self) -> str:
        """Return one line for people."""
        name, (width, height) = shown_path(self.bag), self.size
        return f'{name}, {self.topic}, {self.frames} frames {width}x{height}'


def open_camera(bag: Path, topic: str | None, info_topic: str | None) -> DemoCamera:
    """Find the camera to play.

    Args:
        bag: A bag of any format.
        topic: Its image topic, with or without leading slash and suffix `/compressed`; None for
            the only one.
        info_topic: Its camera_info; None for the one beside the image topic, or the only one.

    Raises:
        DataError: No bag, no such topic, or no frame that can be decoded; the message lists what
            there is.
    """
    if not bag.exists() or not BagSource.accepts(bag):
        raise DataError(
            f'{str(bag)!r} {"is no bag" if bag.exists() else "does not exist"}; expected a ROS 1 '
            f'.bag file, a rosbag2 folder with metadata.yaml, or an .mcap or .db3 file.'
        )
    source = _source(bag, topic)
    info = source.info()
    first = next(iter(source), None)
    if first is None:
        reason = f': {source.skipped[0].reason}' if source.skipped else ''
        raise DataError(f'{info.topic} of {str(bag)!r} has no frame that can be decoded{reason}')
    types = topic_types(bag)
    transport = 'compressed' if types[info.topic] == COMPRESSED_TYPE else 'raw'
    height, width = first.image.shape[:2]
    return DemoCamera(
        bag=bag,
        topic=info.topic,
        transport=transport,
        info_topic=choose_info(types, info.topic, info_topic),
        frames=info.frame_count or 0,
        size=(width, height),
        namespace=free_namespace(types),
    )


def _source(bag: Path, topic: str | None) -> BagSource:
    try:
        return BagSource(bag, topic)
    except DataError:
        # People name a camera by its base topic, whatever transport was recorded.
        if topic and (found := _with_suffix(bag, topic)):
            return found
        raise


def _with_suffix(bag: Path, topic: str) -> BagSource | None:
    try:
        return BagSource(bag, f'{topic.rstrip("/")}/compressed')
    except DataError:
        return None


def topic_types(bag: Path) -> dict[str, str]:
    """Return the message type of every topic of a bag that was opened before."""
    store = Stores.ROS1_NOETIC if bag.suffix == '.bag' else Stores.ROS2_JAZZY
    with AnyReader([bag], default_typestore=get_typestore(store)) as reader:
        return {connection.topic: connection.msgtype for connection in reader.connections}


def choose_info(types: dict[str, str], image_topic: str, wanted: str | None) -> str:
    """Return the absolute name of the camera_info of an image topic; '' where there is none.

    Args:
        types: Message types by topic, as recorded.
        image_topic: The image topic.
        wanted: The user's choice; None for the sibling of the image topic or of its base, else
            the only one of the bag.

    Raises:
        DataError: The user's choice is not in the bag.
    """
    known = sorted(absolute(name) for name, kind in types.items() if kind == INFO_TYPE)
    if wanted is not None:
        if absolute(wanted) not in known:
            raise DataError(
                f'The bag has no camera_info topic {wanted!r}; it has: '
                f'{", ".join(known) or "none"}.'
            )
        return absolute(wanted)
    name = absolute(image_topic)
    for base in (name.removesuffix('/compressed'), name):
        if (sibling := f'{base.rpartition("/")[0]}/camera_info') in known:
            return sibling
    return known[0] if len(known) == 1 else ''


def free_namespace(types: dict[str, str]) -> str:
    """Return an output namespace that no topic of the bag lies in: outputs of earlier runs."""
    name, number = 'realistic', 1
    while any(absolute(topic).startswith(f'/{name}/') for topic in types):
        number += 1
        name = f'realistic_{number}'
    return name


def absolute(topic: str) -> str:
    """Return a topic name with its leading slash, which old bags leave out."""
    return '/' + topic.strip('/')


def shown_path(path: Path) -> str:
    """Return a path relative to the current folder where it lies inside."""
    resolved, here = path.resolve(), Path.cwd()
    return str(resolved.relative_to(here) if resolved.is_relative_to(here) else path)
