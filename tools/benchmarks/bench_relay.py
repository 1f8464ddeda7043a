"""The plainest possible relay node, the yardstick for the proxy's own cost."""

import contextlib
import sys

from sim2real_ros.ros import process_environment


def main() -> int:
    """Relay image_raw to image_out until told to stop."""
    process_environment.prepare()
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node('bench_relay')
    publisher = node.create_publisher(Image, 'realistic/image_raw', QoSProfile(depth=5))
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_subscription(Image, 'image_raw', publisher.publish, qos)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    return 0


if __name__ == '__main__':
    sys.exit(main())
