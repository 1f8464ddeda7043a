"""Which topics belong to one camera, after remapping and namespaces."""

from dataclasses import dataclass

from rclpy.node import Node


@dataclass(frozen=True)
class CameraTopics:
    """The fully resolved topic names of one camera."""

    image_in: str
    info_in: str
    image_out: str
    compressed_out: str
    info_out: str
    compare_out: str


def camera_topics(node: Node, camera: str, output_namespace: str, transport: str) -> CameraTopics:
    """Resolve the topics of one camera.

    ``camera_info`` stands beside the *resolved* image topic, as everywhere in image_common, and
    ``compressed`` below it; each can still be remapped by its own name.

    Args:
        node: The node, which knows its namespace and remappings.
        camera: The camera's namespace; '' = beside the node.
        output_namespace: What stands in front of the output topics.
        transport: 'raw' or 'compressed', for the input.

    Raises:
        ValueError: Output and input would be the same topic.
        rclpy.exceptions.InvalidTopicNameException: A name is not a ROS name.
    """
    image_in = node.resolve_topic_name(_join(camera, 'image_raw'))
    info_in = _remapped(node, _join(camera, 'camera_info'), _sibling(image_in))
    if transport == 'compressed':
        below = f'{image_in}/compressed'
        image_in = _remapped(node, _join(camera, 'image_raw/compressed'), below)
    # A camera given absolutely is still put *into* the output namespace.
    out = _join(output_namespace, camera.strip('/'))
    image_out = node.resolve_topic_name(_join(out, 'image_raw'))
    topics = CameraTopics(
        image_in=image_in,
        info_in=info_in,
        image_out=image_out,
        compressed_out=_remapped(
            node, _join(out, 'image_raw/compressed'), f'{image_out}/compressed'
        ),
        info_out=_remapped(node, _join(out, 'camera_info'), _sibling(image_out)),
        compare_out=node.resolve_topic_name('~/' + _join(camera.strip('/'), 'compare')),
    )
    _refuse_loop(topics)
    return topics


def _join(namespace: str, name: str) -> str:
    namespace = namespace.rstrip('/')
    return f'{namespace}/{name}' if namespace and name else namespace or name


def _sibling(image_topic: str) -> str:
    return image_topic.rpartition('/')[0] + '/camera_info'


def _remapped(node: Node, name: str, default: str) -> str:
    """Return where ``name`` was remapped to, or ``default`` when it was not."""
    resolved = node.resolve_topic_name(name)
    unmapped = resolved == node.resolve_topic_name(name, only_expand=True)
    return default if unmapped else resolved


def _refuse_loop(topics: CameraTopics) -> None:
    inputs = {topics.image_in, topics.info_in}
    outputs = {topics.image_out, topics.compressed_out, topics.info_out, topics.compare_out}
    both = inputs & outputs
    if both:
        raise ValueError(
            f'{", ".join(sorted(both))} would be input and output at once; change '
            'output_namespace or the remapping.'
        )
