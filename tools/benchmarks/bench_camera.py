"""A simulated camera for benchmarks: a process that publishes rgb8 frames at a fixed rate.

The header's stamp is CLOCK_MONOTONIC at the moment of publication, so that a receiver on the same
machine can tell the latency; frame_id is the frame's number.
"""

import argparse
import array
import sys
import time

from sim2real_ros.ros import process_environment


def main() -> int:
    """Publish until all frames are out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('topic')
    parser.add_argument('--size', type=int, nargs=2, default=(512, 384))
    parser.add_argument('--rate-hz', type=float, default=30.0)
    parser.add_argument('--frames', type=int, default=300)
    parser.add_argument(
        '--reliability', choices=('best_effort', 'reliable'), default='best_effort'
    )
    arguments = parser.parse_args()
    process_environment.prepare()
    import numpy as np
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node('bench_camera')
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy[arguments.reliability.upper()])
    publisher = node.create_publisher(Image, arguments.topic, qos)
    width, height = arguments.size
    random = np.random.default_rng(0)
    # Four different pictures in turn; smooth ones, as cameras give.
    pictures = [
        array.array(
            'B',
            np.repeat(
                np.repeat(random.integers(0, 256, (height // 8, width // 8, 3), np.uint8), 8, 0),
                8,
                1,
            ).tobytes(),
        )
        for _ in range(4)
    ]
    messages = [
        Image(height=height, width=width, encoding='rgb8', step=3 * width, data=picture)
        for picture in pictures
    ]
    while publisher.get_subscription_count() == 0:
        time.sleep(0.01)
    # One more moment, so that both directions of the discovery are through.
    time.sleep(0.5)
    start = time.monotonic()
    for number in range(arguments.frames):
        time.sleep(max(0.0, start + number / arguments.rate_hz - time.monotonic()))
        message = messages[number % len(messages)]
        message.header.frame_id = str(number)
        stamp = message.header.stamp
        stamp.sec, stamp.nanosec = divmod(time.monotonic_ns(), 10**9)
        publisher.publish(message)
    # Best effort: let the last frame leave before the process does.
    time.sleep(0.5)
    return 0


if __name__ == '__main__':
    sys.exit(main())
