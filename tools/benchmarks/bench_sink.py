"""A perception stack for benchmarks: receives images and prints when they came, as JSON."""

import argparse
import json
import sys
import time
from typing import Any

from sim2real_ros.ros import process_environment


def main() -> int:
    """Receive until no frame came for a while.

    Prints ``frames``, [frame number, stamp, arrival] in ns each, and ``cpu_s``, the time of this
    process's CPUs between the first and the last.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('topic')
    parser.add_argument('--idle-s', type=float, default=2.0)
    parser.add_argument('--first-s', type=float, default=60.0)
    parser.add_argument('--compressed', action='store_true')
    parser.add_argument('--reliability', choices=('best_effort', 'reliable'), default='reliable')
    arguments = parser.parse_args()
    process_environment.prepare()
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CompressedImage, Image

    rclpy.init()
    node = rclpy.create_node('bench_sink')
    received: list[tuple[int, int, int]] = []
    cpu_s: list[float] = []

    def keep(message: Any) -> None:
        now_ns = time.monotonic_ns()
        stamp = message.header.stamp
        stamp_ns = stamp.sec * 10**9 + stamp.nanosec
        received.append((int(message.header.frame_id), stamp_ns, now_ns))
        # The first is kept, the last is replaced.
        cpu_s[1:] = [time.process_time()]

    qos = QoSProfile(depth=10, reliability=ReliabilityPolicy[arguments.reliability.upper()])
    message_type = CompressedImage if arguments.compressed else Image
    node.create_subscription(message_type, arguments.topic, keep, qos)
    end = time.monotonic() + arguments.first_s
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.2)
        if received:
            end = received[-1][2] / 1e9 + arguments.idle_s
    json.dump({'frames': received, 'cpu_s': cpu_s[-1] - cpu_s[0] if cpu_s else 0.0}, sys.stdout)
    return 0


if __name__ == '__main__':
    sys.exit(main())
