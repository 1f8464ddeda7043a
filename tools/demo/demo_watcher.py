"""Write what the node says on /diagnostics to standard output, one JSON object a message."""

import json
import sys
from typing import Any


def as_json(message: Any) -> str:
    """Write a DiagnosticArray as `{name: {level, message, values}}`."""
    statuses = {
        status.name: {
            'level': status.level[0],
            'message': status.message,
            'values': {pair.key: pair.value for pair in status.values},
        }
        for status in message.status
    }
    return json.dumps(statuses)


def main() -> int:
    """Listen until SIGINT or SIGTERM."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.executors import ExternalShutdownException

    rclpy.init(args=sys.argv)
    node = rclpy.create_node('demo_watcher')
    node.create_subscription(
        DiagnosticArray, '/diagnostics', lambda message: print(as_json(message), flush=True), 10
    )
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
