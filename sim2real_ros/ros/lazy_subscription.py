"""A subscription that exists only while it is wanted, and suits the publishers of the moment."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile

from sim2real_ros.ros.qos import TopicQos, describe_mismatch, subscription_profile


class LazySubscription:
    """One topic to listen to. All methods run in the executor."""

    def __init__(
        self,
        node: LifecycleNode,
        message_type: Any,
        topic: str,
        qos: TopicQos,
        on_message: Callable[[Any], None],
        on_lost: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Subscribe to nothing yet.

        Args:
            node: The node.
            message_type: Class of the messages.
            topic: Fully resolved name.
            qos: What to ask for.
            on_message: Called with every message.
            on_lost: Called with the number of messages that the middleware reports as lost.
        """
        self._node = node
        self._message_type = message_type
        self._topic = topic
        self._qos = qos
        self._on_message = on_message
        self._on_lost = on_lost
        self._subscription: Any = None
        self._retiring: Any = None
        self._retired_stamp: Any = None
        self._generation = 0
        self._profile: QoSProfile | None = None
        self.since_s: float | None = None
        """CLOCK_MONOTONIC of the subscription in seconds; None while there is none."""

    def keep(self, wanted: bool) -> None:
        """Subscribe, unsubscribe, or leave things as they are."""
        if wanted and self._subscription is None:
            self._subscribe()
            self.since_s = time.monotonic()
        elif not wanted and self._subscription is not None:
            self._end_retiring()
            self._node.destroy_subscription(self._subscription)
            self._subscription = self.since_s = None

    def reconsider(self) -> None:
        """Subscribe anew where today's publishers call for another quality of service.

        A camera that starts after its listeners may offer more than could be asked for before.
        The old subscription serves until the new one does, so that no message is lost between.
        """
        if self._subscription is None or not self._node.count_publishers(self._topic):
            return
        if subscription_profile(self._node, self._topic, self._qos) != self._profile:
            self._end_retiring()
            self._retiring = self._subscription
            self._subscribe()

    def _subscribe(self) -> None:
        self._generation += 1
        self._profile = subscription_profile(self._node, self._topic, self._qos)
        events = SubscriptionEventCallbacks(
            incompatible_qos=self._explain,
            message_lost=lambda event: self._on_lost(event.total_count_change),
        )
        self._subscription = self._node.create_subscription(
            self._message_type,
            self._topic,
            partial(self._receive, self._generation),
            self._profile,
            event_callbacks=events,
        )

    def _receive(self, generation: int, message: Any) -> None:
        if self._retiring is not None:
            if generation == self._generation:
                self._end_retiring()
                if message.header.stamp == self._retired_stamp:
                    # Both have brought this one.
                    return
            else:
                self._retired_stamp = message.header.stamp
        self._on_message(message)

    def _end_retiring(self) -> None:
        if self._retiring is not None:
            self._node.destroy_subscription(self._retiring)
            self._retiring = None

    def _explain(self, _event: Any) -> None:
        assert self._profile is not None
        reason = describe_mismatch(self._node, self._topic, self._profile, subscribing=True)
        self._node.get_logger().warning(reason)
        # Not from inside of one of the subscription's own handlers.
        self._node.executor.create_task(self.reconsider)
