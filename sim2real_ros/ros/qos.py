"""Quality of service: sensible defaults, matched to publishers, overridable by parameters."""

from dataclasses import dataclass, replace
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

RELIABILITIES = ('best_available', 'reliable', 'best_effort')


@dataclass(frozen=True)
class TopicQos:
    """What we ask for on one topic.

    Attributes:
        reliability: 'reliable', 'best_effort', or for subscriptions 'best_available': reliable
            when every publisher is, else best effort.
        depth: Messages kept; history is keep_last.
        durability: 'volatile' or 'transient_local'.
    """

    reliability: str
    depth: int
    durability: str = 'volatile'


def declare_qos_overrides(node: Node, topic: str, entity: str, default: TopicQos) -> TopicQos:
    """Declare ``qos_overrides.<topic>.<entity>.<policy>`` and return the outcome.

    The names are those that rclpy and rclcpp declare. We declare them ourselves because
    subscriptions come and go with their listeners, and 'best_available' must then be decided
    anew each time; rclpy would freeze the first decision into the parameter.

    Args:
        node: The node.
        topic: Fully resolved topic name.
        entity: 'subscription' or 'publisher'.
        default: Our own choice.

    Raises:
        ValueError: An override is not a policy value.
    """
    values = {}
    for policy in ('reliability', 'depth', 'durability'):
        name = f'qos_overrides.{topic}.{entity}.{policy}'
        values[policy] = _declare_once(
            node, name, getattr(default, policy), f'{policy} of {topic}'
        )
    qos = replace(default, **values)
    if qos.reliability not in RELIABILITIES:
        raise ValueError(
            f'reliability of {topic} must be one of {RELIABILITIES}, not {qos.reliability!r}'
        )
    if qos.durability not in ('volatile', 'transient_local') or qos.depth < 1:
        raise ValueError(f'unusable qos override for {topic}: {qos}')
    return qos


def _declare_once(node: Node, name: str, default: Any, description: str) -> Any:
    if node.has_parameter(name):
        return node.get_parameter(name).value
    descriptor = ParameterDescriptor(description=description, read_only=True)
    return node.declare_parameter(name, default, descriptor).value


def subscription_profile(node: Node, topic: str, qos: TopicQos) -> QoSProfile:
    """Make the profile of a subscription, deciding 'best_available' by today's publishers.

    Without a publisher it is best effort, which later matches publishers of either kind.
    """
    reliability = qos.reliability
    if reliability == 'best_available':
        offered = [p.qos_profile.reliability for p in node.get_publishers_info_by_topic(topic)]
        reliable = offered and all(kind == ReliabilityPolicy.RELIABLE for kind in offered)
        reliability = 'reliable' if reliable else 'best_effort'
    return _profile(reliability, qos)


def publisher_profile(qos: TopicQos) -> QoSProfile:
    """Make the profile of a publisher; 'best_available' means reliable there."""
    return _profile('best_effort' if qos.reliability == 'best_effort' else 'reliable', qos)


def _profile(reliability: str, qos: TopicQos) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=qos.depth,
        reliability=ReliabilityPolicy[reliability.upper()],
        durability=DurabilityPolicy[qos.durability.upper()],
    )


def describe_profile(profile: QoSProfile) -> str:
    """Write the policies that decide whether two ends match."""
    return f'reliability {profile.reliability.name}, durability {profile.durability.name}'


def describe_mismatch(node: Node, topic: str, ours: QoSProfile, *, subscribing: bool) -> str:
    """Explain incompatible quality of service with the policies of both sides."""
    if subscribing:
        others = node.get_publishers_info_by_topic(topic)
    else:
        others = node.get_subscriptions_info_by_topic(topic)
    listed = '; '.join(
        f'{other.node_namespace.rstrip("/")}/{other.node_name}: '
        f'{describe_profile(other.qos_profile)}'
        for other in others
    )
    role, other_role = (
        ('subscription', 'publishers') if subscribing else ('publisher', 'subscriptions')
    )
    return (
        f'Incompatible QoS on {topic}: our {role} has {describe_profile(ours)}; {other_role} '
        f'have [{listed}]. Change one side, here by the parameter '
        f'qos_overrides.{topic}.{role}.reliability or .durability.'
    )
