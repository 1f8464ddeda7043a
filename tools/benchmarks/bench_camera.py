"""A simulated camera for benchmarks: a process that publishes frames at a fixed rate.

The header's stamp is CLOCK_MONOTONIC at the moment of publication, so that a receiver on the same
machine can tell the latency; frame_id is the frame's number. At the end it prints as JSON how many
frames it published, and the time of its CPUs meanwhile.
"""

import argparse
import array
import json
import sys
import time
from typing import Any

from sim2real_ros.ros import process_environment


def main() -> int:
    """Publish until all frames are out, or the time is up."""
    arguments = parse_arguments()
    process_environment.prepare()
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CompressedImage, Image

    rclpy.init()
    node = rclpy.create_node('bench_camera')
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy[arguments.reliability.upper()])
    message_type = CompressedImage if arguments.compressed else Image
    publisher = node.create_publisher(message_type, arguments.topic, qos)
    messages = [message_type(**each) for each in contents(arguments)]
    while publisher.get_subscription_count() == 0:
        time.sleep(0.01)
    # One more moment, so that both directions of the discovery are through.
    time.sleep(0.5)
    cpu_start, start = time.process_time(), time.monotonic()
    number = 0
    while number < arguments.frames and time.monotonic() - start < arguments.seconds:
        if arguments.rate_hz:
            time.sleep(max(0.0, start + number / arguments.rate_hz - time.monotonic()))
        message = messages[number % len(messages)]
        message.header.frame_id = str(number)
        stamp = message.header.stamp
        stamp.sec, stamp.nanosec = divmod(time.monotonic_ns(), 10**9)
        publisher.publish(message)
        number += 1
    cpu_s = time.process_time() - cpu_start
    # Best effort: let the last frame leave before the process does.
    time.sleep(0.5)
    message_bytes = len(messages[0].data)
    json.dump({'published': number, 'cpu_s': cpu_s, 'message_bytes': message_bytes}, sys.stdout)
    return 0


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('topic')
    parser.add_argument('--size', type=int, nargs=2, default=(512, 384))
    parser.add_argument('--rate-hz', type=float, default=30.0, help='0 = as fast as it goes')
    parser.add_argument('--frames', type=int, default=300)
    parser.add_argument('--seconds', type=float, default=float('inf'), help='at most')
    parser.add_argument('--compressed', action='store_true', help='as JPEG')
    parser.add_argument(
        '--reliability', choices=('best_effort', 'reliable'), default='best_effort'
    )
    return parser.parse_args()


def contents(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the fields of four messages with different pictures; smooth ones, as cameras give."""
    import cv2
    import numpy as np

    from sim2real_ros.image import compress

    width, height = arguments.size
    random = np.random.default_rng(0)
    fields: list[dict[str, Any]] = []
    for _ in range(4):
        small = random.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        if arguments.compressed:
            smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
            data, image_format = compress(np.asarray(smooth, np.uint8), 'jpeg', quality=90)
            fields.append({'format': image_format, 'data': array.array('B', bytes(data))})
            continue
        # Bytes of the right length are all that a raw message's cost depends on.
        picture = np.resize(small.repeat(8, 0).repeat(8, 1), (height, width, 3))
        shape = {'height': height, 'width': width, 'encoding': 'rgb8', 'step': 3 * width}
        fields.append({**shape, 'data': array.array('B', picture.tobytes())})
    return fields


if __name__ == '__main__':
    sys.exit(main())
