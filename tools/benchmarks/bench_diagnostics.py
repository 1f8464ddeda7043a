"""Listens to /diagnostics for a benchmark; prints the newest status of each name when asked.

For every line on its standard input it prints a line of JSON:
{name: {"level": number, "message": text, "values": {key: value}}}.
"""

import json
import sys
import threading
from typing import Any

from sim2real_ros.ros import process_environment


def main() -> int:
    """Listen until standard input ends."""
    process_environment.prepare()
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray

    rclpy.init()
    node = rclpy.create_node('bench_diagnostics')
    newest: dict[str, dict[str, Any]] = {}

    def keep(message: Any) -> None:
        for status in message.status:
            newest[status.name] = {
                'level': ord(status.level),
                'message': status.message,
                'values': {each.key: each.value for each in status.values},
            }

    node.create_subscription(DiagnosticArray, '/diagnostics', keep, 10)
    done = threading.Event()

    def answer() -> None:
        for _ in sys.stdin:
            print(json.dumps(dict(newest)), flush=True)
        done.set()

    threading.Thread(target=answer, daemon=True).start()
    while not done.is_set():
        rclpy.spin_once(node, timeout_sec=0.2)
    return 0


if __name__ == '__main__':
    sys.exit(main())
