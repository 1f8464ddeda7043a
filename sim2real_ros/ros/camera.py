"""One camera of the proxy: its publishers, and subscriptions that exist only when needed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from sim2real_ros.ros.camera_info import CameraInfoPairing, Sizes, scale_camera_info
from sim2real_ros.ros.camera_topics import CameraTopics
from sim2real_ros.ros.frame_statistics import FrameStatistics
from sim2real_ros.ros.qos import (
    TopicQos,
    declare_qos_overrides,
    describe_mismatch,
    publisher_profile,
    subscription_profile,
)

# Depth 1: only the newest frame is of interest, older ones would only add latency.
_IMAGE_IN = TopicQos('best_available', 1)
_INFO_IN = TopicQos('best_available', 10)
_OUT = TopicQos('reliable', 5)


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
    ) -> None:
        """Create the publishers; nothing is subscribed yet.

        Args:
            node: The lifecycle node.
            name: The camera's namespace, for people.
            topics: Its resolved topics.
            transport: 'raw' or 'compressed'.
            on_frame: Called with every image message.
        """
        self.name = name
        self.topics = topics
        self.statistics = FrameStatistics()
        self._node = node
        self._on_frame = on_frame
        self._image_type = CompressedImage if transport == 'compressed' else Image
        self._pairing = CameraInfoPairing()
        self._active = False
        self._image_subscription: Any = None
        self._info_subscription: Any = None
        self._image_in = declare_qos_overrides(node, topics.image_in, 'subscription', _IMAGE_IN)
        self._info_in = declare_qos_overrides(node, topics.info_in, 'subscription', _INFO_IN)
        self._image = self._create_publisher(Image, topics.image_out)
        self._compressed = self._create_publisher(CompressedImage, topics.compressed_out)
        self._info = self._create_publisher(CameraInfo, topics.info_out)
        self._compare = self._create_publisher(Image, topics.compare_out)

    def _create_publisher(self, message_type: Any, topic: str) -> Any:
        qos = declare_qos_overrides(self._node, topic, 'publisher', _OUT)
        profile = publisher_profile(qos)

        def explain(_event: Any) -> None:
            reason = describe_mismatch(self._node, topic, profile, subscribing=False)
            self._node.get_logger().warning(reason)

        # Every further event handler costs the executor time with every frame.
        callbacks = PublisherEventCallbacks(incompatible_qos=explain, use_default_callbacks=False)
        # Humble has no matched event; there the node's timer looks for listeners.
        if hasattr(callbacks, 'matched'):
            callbacks.matched = lambda _event: self.update_subscriptions()
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
        self._image_subscription = self._keep_or_change(
            self._image_subscription, listeners.wants_images, self._subscribe_image
        )
        self._info_subscription = self._keep_or_change(
            self._info_subscription, listeners.info > 0, self._subscribe_info
        )

    def _keep_or_change(self, current: Any, wanted: bool, subscribe: Callable[[], Any]) -> Any:
        if wanted and current is None:
            return subscribe()
        if not wanted and current is not None:
            self._node.destroy_subscription(current)
            return None
        return current

    def _subscribe_image(self) -> Any:
        profile = subscription_profile(self._node, self.topics.image_in, self._image_in)
        callbacks = self._subscription_events(self.topics.image_in, profile)
        callbacks.message_lost = lambda event: self.statistics.count_lost(event.total_count_change)
        return self._node.create_subscription(
            self._image_type,
            self.topics.image_in,
            lambda message: self._on_frame(self, message),
            profile,
            event_callbacks=callbacks,
        )

    def _subscribe_info(self) -> Any:
        profile = subscription_profile(self._node, self.topics.info_in, self._info_in)
        return self._node.create_subscription(
            CameraInfo,
            self.topics.info_in,
            self._receive_info,
            profile,
            event_callbacks=self._subscription_events(self.topics.info_in, profile),
        )

    def _subscription_events(self, topic: str, profile: QoSProfile) -> SubscriptionEventCallbacks:
        def explain(_event: Any) -> None:
            reason = describe_mismatch(self._node, topic, profile, subscribing=True)
            self._node.get_logger().warning(reason)
            # Where we chose the policy by the publishers of that moment, choose again by today's.
            self._node.executor.create_task(self._subscribe_again)

        return SubscriptionEventCallbacks(incompatible_qos=explain)

    def _subscribe_again(self) -> None:
        active, self._active = self._active, False
        self.update_subscriptions()
        self._active = active
        self.update_subscriptions()

    def _receive_info(self, info: CameraInfo) -> None:
        if self._image_subscription is None:
            # Nobody wants images: there is nothing to pair with.
            self._info.publish(info)
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
