"""Quality of service: sensible defaults, matched to publishers, overridable by parameters."""

from dataclasses import dataclass, replace
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

RELIABILITIES = ('best_available', 'reliable', 'best_effort')
DURABILITIES = ('best_available', 'transient_local', 'volatile')


@dataclass(frozen=True)
class TopicQos:
    """What we ask for on one topic.

    Attributes:
        reliability: 'reliable', 'best_effort', or for subscriptions 'best_available': reliable
            when every publisher is, else best effort.
        depth: Messages kept.
        durability: 'volatile', 'transient_local', or for subscriptions 'best_available'.
        history: 'keep_last', the only one that makes sense for a live camera.
    """

    reliability: str
    depth: int
    durability: str = 'volatile'
    history: str = 'keep_last'


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
    values: dict[str, Any] = {}
    for policy in ('reliability', 'depth', 'durability', 'history'):
        name = f'qos_overrides.{topic}.{entity}.{policy}'
        description = f'{policy.capitalize()} of our {entity} on {topic}.'
        value = _declare_once(node, name, getattr(default, policy), description)
        values[policy] = value.lower() if isinstance(value, str) else value
    qos = replace(default, **values)
    choices = {
        'reliability': RELIABILITIES,
        'durability': DURABILITIES,
        'history': ('keep_last',),
        'depth': range(1, 1001),
    }
    for policy, allowed in choices.items():
        if getattr(qos, policy) not in allowed:
            listed = '1..1000' if policy == 'depth' else ', '.join(map(str, allowed))
            raise ValueError(
                f'qos_overrides.{topic}.{entity}.{policy} must be one of {listed}, '
                f'not {getattr(qos, policy)!r}'
            )
    return qos


def _declare_once(node: Node, name: str, default: Any, description: str) -> Any:
    if node.has_parameter(name):
        return node.get_parameter(name).value
    descriptor = ParameterDescriptor(description=description, read_only=True)
    return node.declare_parameter(name, default, descriptor).value


def subscription_profile(node: Node, topic: str, qos: TopicQos) -> QoSProfile:
    """Make the profile of a subscription, deciding 'best_available' by today's publishers.

    Where one of them offers less, or there is none yet, it asks for less: that matches all.
    """
    offers = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    reliable = offers and all(o.reliability == ReliabilityPolicy.RELIABLE for o in offers)
    latched = offers and all(o.durability == DurabilityPolicy.TRANSIENT_LOCAL for o in offers)
    return _profile(
        qos,
        _decided(qos.reliability, 'reliable' if reliable else 'best_effort'),
        _decided(qos.durability, 'transient_local' if latched else 'volatile'),
    )


def publisher_profile(qos: TopicQos) -> QoSProfile:
    """Make the profile of a publisher; 'best_available' means reliable and volatile there."""
    return _profile(
        qos, _decided(qos.reliability, 'reliable'), _decided(qos.durability, 'volatile')
    )


def _decided(policy: str, best: str) -> str:
    return best if policy == 'best_available' else policy


def _profile(qos: TopicQos, reliability: str, durability: str) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=qos.depth,
        reliability=ReliabilityPolicy[reliability.upper()],
        durability=DurabilityPolicy[durability.upper()],
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
