"""One camera of the proxy: its publishers, and subscriptions that exist only when needed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from sim2real_ros.ros.camera_info import (
    CameraInfoPairing,
    Sizes,
    described_image_size,
    scale_camera_info,
)
from sim2real_ros.ros.camera_topics import CameraTopics
from sim2real_ros.ros.frame_statistics import FrameStatistics
from sim2real_ros.ros.lazy_subscription import LazySubscription
from sim2real_ros.ros.qos import (
    TopicQos,
    declare_qos_overrides,
    describe_mismatch,
    publisher_profile,
)

# Depth 1: only the newest frame is of interest, older ones would only add latency.
_IMAGE_IN = TopicQos('best_available', 1)
# Some cameras publish theirs only once, for everybody who comes later.
_INFO_IN = TopicQos('best_available', 10, durability='best_available')
_OUT = TopicQos('reliable', 5)


Size = tuple[int, int]


def declare_camera_qos(node: LifecycleNode, topics: CameraTopics) -> dict[str, TopicQos]:
    """Declare the quality of service overrides of a camera's topics; return them by topic.

    Raises:
        ValueError: An override is impossible; the message names it.
    """
    inputs = {topics.image_in: _IMAGE_IN, topics.info_in: _INFO_IN}
    outputs = (topics.image_out, topics.compressed_out, topics.info_out, topics.compare_out)
    qos = {
        topic: declare_qos_overrides(node, topic, 'subscription', default)
        for topic, default in inputs.items()
    }
    qos |= {topic: declare_qos_overrides(node, topic, 'publisher', _OUT) for topic in outputs}
    return qos


@dataclass(frozen=True)
class Listeners:
    """How many subscribers each output has."""

    image: int
    compressed: int
    info: int
    compare: int

    @property
    def wants_images(self) -> bool:
        """Whether a frame has to be handled at all."""
        return self.image + self.compressed + self.compare > 0


class Camera:
    """Topics of one camera. All methods but the ``publish_*`` ones run in the executor."""

    def __init__(
        self,
        node: LifecycleNode,
        name: str,
        topics: CameraTopics,
        transport: str,
        on_frame: 'Callable[[Camera, Image | CompressedImage], None]',
        published_size: Callable[[Size], Size],
    ) -> None:
        """Create the publishers; nothing is subscribed yet.

        Args:
            node: The lifecycle node.
            name: The camera's namespace, for people.
            topics: Its resolved topics.
            transport: 'raw' or 'compressed'.
            on_frame: Called with every image message.
            published_size: Tells at which (width, height) an image of some size is published.
        """
        self.name = name
        self.topics = topics
        self.statistics = FrameStatistics()
        self._node = node
        self._published_size = published_size
        self._pairing = CameraInfoPairing()
        self._active = False
        qos = declare_camera_qos(node, topics)
        self._qos_out = qos
        self._image_in = LazySubscription(
            node,
            CompressedImage if transport == 'compressed' else Image,
            topics.image_in,
            qos[topics.image_in],
            lambda message: on_frame(self, message),
            self.statistics.count_lost,
        )
        self._info_in = LazySubscription(
            node, CameraInfo, topics.info_in, qos[topics.info_in], self._receive_info
        )
        self._image = self._create_publisher(Image, topics.image_out)
        self._compressed = self._create_publisher(CompressedImage, topics.compressed_out)
        self._info = self._create_publisher(CameraInfo, topics.info_out)
        self._compare = self._create_publisher(Image, topics.compare_out)

    def _create_publisher(self, message_type: Any, topic: str) -> Any:
        profile = publisher_profile(self._qos_out[topic])

        def explain(_event: Any) -> None:
            reason = describe_mismatch(self._node, topic, profile, subscribing=False)
            self._node.get_logger().warning(reason)

        # Every further event handler costs the executor time with every frame.
        callbacks = PublisherEventCallbacks(
            incompatible_qos=explain,
            matched=lambda _event: self.update_subscriptions(),
            use_default_callbacks=False,
        )
        return self._node.create_lifecycle_publisher(
            message_type, topic, profile, event_callbacks=callbacks
        )

    def listeners(self) -> Listeners:
        """Count the subscribers of each output."""
        outputs = (self._image, self._compressed, self._info, self._compare)
        return Listeners(*(publisher.get_subscription_count() for publisher in outputs))

    def input_publishers(self) -> int:
        """Count the publishers of the input image topic."""
        return int(self._node.count_publishers(self.topics.image_in))

    def set_active(self, active: bool) -> None:
        """Allow or forbid subscriptions, as the lifecycle says."""
        self._active = active
        self.update_subscriptions()

    def update_subscriptions(self) -> None:
        """Subscribe when somebody listens, unsubscribe when nobody does any more."""
        # While inactive the count does not matter, and after a shutdown it cannot be asked for.
        listeners = self.listeners() if self._active else Listeners(0, 0, 0, 0)
        self._image_in.keep(listeners.wants_images)
        self._info_in.keep(listeners.info > 0)

    def reconsider_qos(self) -> None:
        """Adapt the subscriptions to publishers that have come or gone."""
        self._image_in.reconsider()
        self._info_in.reconsider()

    @property
    def receives_images_since_s(self) -> float | None:
        """CLOCK_MONOTONIC of the image subscription in seconds; None while there is none."""
        return self._image_in.since_s

    def _receive_info(self, info: CameraInfo) -> None:
        if self._image_in.since_s is None:
            # Nobody wants images: there is nothing to pair with.
            size = described_image_size(info)
            self._publish_scaled(info, (size, self._published_size(size)))
            return
        followed = self._pairing.add_info(stamp_ns(info.header), info)
        if followed is not None:
            self._publish_scaled(*followed)

    def publish_image(self, message: Image) -> None:
        """Publish a translated raw image."""
        self._image.publish(message)

    def publish_compressed(self, message: CompressedImage) -> None:
        """Publish a translated compressed image."""
        self._compressed.publish(message)

    def publish_compare(self, message: Image) -> None:
        """Publish a side-by-side image."""
        self._compare.publish(message)

    def publish_info(self, image_stamp_ns: int, sizes: Sizes) -> None:
        """Publish the CameraInfo that belongs to a published image, now or when it arrives.

        Args:
            image_stamp_ns: The image's stamp.
            sizes: Its (width, height) on arrival and as published.
        """
        info = self._pairing.add_image(image_stamp_ns, sizes)
        if info is not None:
            self._publish_scaled(info, sizes)

    def _publish_scaled(self, info: CameraInfo, sizes: Sizes) -> None:
        self._info.publish(scale_camera_info(info, *sizes))

    def destroy(self) -> None:
        """Remove everything from the node."""
        self.set_active(False)
        for publisher in (self._image, self._compressed, self._info, self._compare):
            self._node.destroy_lifecycle_publisher(publisher)


def stamp_ns(header: Any) -> int:
    """Return the stamp of a std_msgs/Header in nanoseconds."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)
