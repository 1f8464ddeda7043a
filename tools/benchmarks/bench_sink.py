"""A perception stack for benchmarks: receives images and prints when they came, as JSON."""

import argparse
import json
import sys
import time
from typing import Any

from sim2real_ros.ros import process_environment


def main() -> int:
    """Receive until no frame came for a while; print [frame number, stamp, arrival] in ns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('topic')
    parser.add_argument('--idle-s', type=float, default=2.0)
    parser.add_argument('--first-s', type=float, default=60.0)
    arguments = parser.parse_args()
    process_environment.prepare()
    import rclpy
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node('bench_sink')
    received: list[tuple[int, int, int]] = []

    def keep(message: Any) -> None:
        now_ns = time.monotonic_ns()
        stamp = message.header.stamp
        stamp_ns = stamp.sec * 10**9 + stamp.nanosec
        received.append((int(message.header.frame_id), stamp_ns, now_ns))

    node.create_subscription(Image, arguments.topic, keep, 10)
    end = time.monotonic() + arguments.first_s
    while time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.2)
        if received:
            end = received[-1][2] / 1e9 + arguments.idle_s
    json.dump(received, sys.stdout)
    return 0


if __name__ == '__main__':
    sys.exit(main())
