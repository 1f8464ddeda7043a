"""Follow the topics of a recording: wait for publishers, subscribe as they offer, write."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.ros.bags.limits import Limits
from sim2real_ros.ros.bags.message_log import MessageLog
from sim2real_ros.ros.bags.messages import TYPE_NAME, message_class
from sim2real_ros.ros.bags.offered_qos import OfferedQos
from sim2real_ros.ros.bags.process import StopSignal
from sim2real_ros.ros.bags.store import BagStore

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.subscription import Subscription
    from rclpy.topic_endpoint_info import TopicEndpointInfo

# Four seconds of a 60 Hz camera: what may pile up while the disk is slow.
DEPTH = 256
# How often the graph is searched for topics that have not appeared yet.
SEARCH_S = 0.1


def parse_topic(word: str) -> tuple[str, str]:
    """Split `NAME` or `NAME:TYPE` of the command line.

    Args:
        word: Such as `/image_raw` or `/image_raw:sensor_msgs/msg/Image`.

    Returns:
        Name and type; the type is empty if it was not given.

    Raises:
        ConfigError: The type is none.
    """
    name, _, msgtype = word.partition(':')
    if not name or (msgtype and not TYPE_NAME.fullmatch(msgtype)):
        raise ConfigError(f'{word!r} is no topic; expected NAME or NAME:package/msg/Type.')
    return name, msgtype


class Subscriptions:
    """The subscriptions of one recording."""

    def __init__(
        self,
        node: 'Node',
        store: BagStore,
        log: MessageLog,
        limits: Limits,
        topics: Mapping[str, str],
        *,
        record_all: bool = False,
    ) -> None:
        """Subscribe to nothing yet.

        Args:
            node: Node that subscribes.
            store: Bag that takes the messages.
            log: Log that takes their moments.
            limits: When to end.
            topics: Topic names with their types, empty where unknown. Names are resolved like
                those of any node, so namespaces and remaps apply.
            record_all: Take every other topic too.
        """
        self._node = node
        self._store = store
        self._log = log
        self._limits = limits
        self._waiting = {node.resolve_topic_name(n): msgtype for n, msgtype in topics.items()}
        self._record_all = record_all
        self._subscriptions: dict[str, Subscription] = {}
        self._types: dict[str, str] = {}
        self._refused: set[str] = set()
        self._downgrade: set[str] = set()
        self._depth = DEPTH
        self.lost_count = 0

    def record(self, stop: StopSignal, depth: int, poll_s: float) -> str:
        """Record until a limit or a signal.

        Args:
            stop: Signals of the process.
            depth: Queue of each subscription.
            poll_s: How late a signal or a limit is noticed.

        Returns:
            Why the recording ended, in words.
        """
        from rclpy.executors import SingleThreadedExecutor

        self._depth = depth
        executor = SingleThreadedExecutor()
        executor.add_node(self._node)
        next_search_s = 0.0
        self._limits.on_start(time.monotonic())
        while not stop.is_set():
            now_s = time.monotonic()
            if reason := self._limits.reached(now_s):
                return reason
            if now_s >= next_search_s:
                self._search()
                next_search_s = now_s + SEARCH_S
            executor.spin_once(timeout_sec=poll_s)
        return 'interrupted'

    def _search(self) -> None:
        """Subscribe to what has appeared, and again where a publisher cannot be met."""
        for name in sorted(self._downgrade):
            self._node.destroy_subscription(self._subscriptions.pop(name))
            self._subscribe(name, self._types[name], OfferedQos(reliable=False, depth=self._depth))
        self._downgrade.clear()
        if self._record_all:
            for name, _ in self._node.get_topic_names_and_types():
                if name not in self._subscriptions and name not in self._refused:
                    self._waiting.setdefault(name, '')
        for name, given in list(self._waiting.items()):
            publishers = self._node.get_publishers_info_by_topic(name)
            if publishers or given:
                del self._waiting[name]
                self._take(name, given or publishers[0].topic_type, publishers)

    def _take(self, name: str, msgtype: str, publishers: list['TopicEndpointInfo']) -> None:
        qos = OfferedQos.from_endpoints(publishers, depth=self._depth)
        try:
            message_class(msgtype)
            self._store.add_topic(name, msgtype, qos)
        except DataError as error:
            if not self._record_all:
                raise
            self._refused.add(name)
            self._node.get_logger().warning(f'Not recording {name}: {error}')
            return
        self._types[name] = msgtype
        self._subscribe(name, msgtype, qos)

    def _subscribe(self, name: str, msgtype: str, qos: OfferedQos) -> None:
        from rclpy.event_handler import SubscriptionEventCallbacks

        self._subscriptions[name] = self._node.create_subscription(
            message_class(msgtype),
            name,
            self._receiver(name, msgtype),
            qos.to_profile(),
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=lambda _event: self._on_incompatible(name, qos),
                message_lost=self._on_lost,
            ),
            raw=True,
        )

    def _receiver(self, name: str, msgtype: str) -> Callable[[bytes], None]:
        def receive(cdr: bytes) -> None:
            now_ns = time.monotonic_ns()
            if self._limits.full():
                return
            self._store.write(name, self._node.get_clock().now().nanoseconds, cdr)
            self._log.write(name, msgtype, cdr, now_ns)
            self._limits.on_message(now_ns / 1e9)

        return receive

    def _on_incompatible(self, name: str, qos: OfferedQos) -> None:
        # A publisher came after us and offers less: listen to it rather than insist.
        if qos.reliable or qos.transient_local:
            self._downgrade.add(name)

    def _on_lost(self, event: Any) -> None:
        self.lost_count += event.total_count_change
