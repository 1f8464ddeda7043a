"""Choose a quality of service: to play as recorded, to record as published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability
from rosbags.interfaces import QosTime as Time

if TYPE_CHECKING:
    from rclpy.qos import QoSProfile
    from rclpy.topic_endpoint_info import TopicEndpointInfo

DEFAULT_DEPTH = 10
# A bag is not trusted: the history of a publisher takes memory.
MAX_DEPTH = 1000
# How rosbag2 writes "no deadline", "no lifespan".
FOREVER = Time(2147483647, 4294967295)


@dataclass(frozen=True)
class OfferedQos:
    """The policies that decide who hears whom, and how much is kept for a slow reader.

    Attributes:
        reliable: Resend what got lost.
        transient_local: Send what was published before a reader came (latched).
        depth: Messages kept.
    """

    reliable: bool = True
    transient_local: bool = False
    depth: int = DEFAULT_DEPTH

    @classmethod
    def from_recorded(cls, profiles: Sequence[Qos]) -> 'OfferedQos':
        """Choose one offer for a topic that several publishers may have shared.

        Args:
            profiles: Offers found in a bag, at least one. A reliable offer serves every reader,
                hence one reliable publisher is enough to choose it; likewise transient local.
                Deadline, lifespan and liveliness were promises of the first publisher and are
                not repeated. Recorders do not see the depth and write 0: never below 10.

        Returns:
            The offer for a player.
        """
        kept = [profile.depth for profile in profiles if profile.history != QosHistory.KEEP_ALL]
        depth = max(kept) if len(kept) == len(profiles) else MAX_DEPTH
        return cls(
            reliable=any(p.reliability != QosReliability.BEST_EFFORT for p in profiles),
            transient_local=any(p.durability == QosDurability.TRANSIENT_LOCAL for p in profiles),
            depth=min(max(depth, DEFAULT_DEPTH), MAX_DEPTH),
        )

    @classmethod
    def from_endpoints(cls, publishers: Sequence['TopicEndpointInfo'], depth: int) -> 'OfferedQos':
        """Choose the strongest request that every publisher of a topic can meet.

        Args:
            publishers: What rclpy's `get_publishers_info_by_topic` tells, possibly nothing.
            depth: Messages to keep for the reader.

        Returns:
            The request: reliable only if all are reliable, transient local only if all are.
        """
        profiles = [publisher.qos_profile for publisher in publishers]
        durabilities = [profile.durability.name for profile in profiles]
        return cls(
            reliable=all(profile.reliability.name == 'RELIABLE' for profile in profiles),
            transient_local=bool(profiles) and set(durabilities) == {'TRANSIENT_LOCAL'},
            depth=depth,
        )

    def to_profile(self) -> 'QoSProfile':
        """Return the same policies for rclpy."""
        from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

        return QoSProfile(
            depth=self.depth,
            reliability=(
                ReliabilityPolicy.RELIABLE if self.reliable else ReliabilityPolicy.BEST_EFFORT
            ),
            durability=(
                DurabilityPolicy.TRANSIENT_LOCAL
                if self.transient_local
                else DurabilityPolicy.VOLATILE
            ),
        )

    def to_recorded(self) -> Qos:
        """Return the same policies as a bag keeps them: without the depth of the publishers.

        It cannot be seen from outside, hence rosbag2 writes an unknown history as well.
        """
        return Qos(
            history=QosHistory.UNKNOWN,
            depth=0,
            reliability=QosReliability.RELIABLE if self.reliable else QosReliability.BEST_EFFORT,
            durability=(
                QosDurability.TRANSIENT_LOCAL if self.transient_local else QosDurability.VOLATILE
            ),
            deadline=FOREVER,
            lifespan=FOREVER,
            liveliness=QosLiveliness.AUTOMATIC,
            liveliness_lease_duration=FOREVER,
            avoid_ros_namespace_conventions=False,
        )
