"""Make simulated camera frames look real, between a simulator and a perception stack.

Subscribes to image_raw and camera_info, runs a model, and publishes realistic/image_raw and
realistic/camera_info. Settings are ROS parameters; config/proxy.yaml documents them.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim2real_ros.errors import ConfigError
from sim2real_ros.ros import process_environment
from sim2real_ros.ros.ros_arguments import initialise, split_arguments

if TYPE_CHECKING:
    from sim2real_ros.ros.proxy_node import PerceptionProxy

NAME = 'perception_proxy'
EXAMPLES = """examples:
  perception_proxy --ros-args -r image_raw:=/sim/camera/image_raw
  perception_proxy --ros-args -r image_raw:=/sim/camera/image_raw \\
      -p model:=my_generator.onnx -p strength:=0.8
  perception_proxy --ros-args --params-file proxy.yaml
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the perception proxy until it is told to stop.

    Args:
        arguments: Command line without the program's name; that of the process if None.

    Returns:
        The exit status: 0 after SIGINT, SIGTERM or shutdown; 1 when an argument or parameter is
        impossible.
    """
    environment = process_environment.prepare()
    # Transport and allocator settings are read when rclpy is loaded.
    import rclpy
    from rclpy.exceptions import ParameterException

    from sim2real_ros.ros.proxy_node import PerceptionProxy

    try:
        words, own = split_arguments(arguments)
        parser().parse_args(own)
        initialise(words)
        node = PerceptionProxy()
    except (ConfigError, ValueError, ParameterException) as error:
        rclpy.logging.get_logger(NAME).fatal(f'Cannot start: {error}')
        rclpy.try_shutdown()
        return 1
    node.get_logger().info(f'Transport: {environment.transport}')
    _spin(node)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the description of the command line."""
    return argparse.ArgumentParser(
        prog=NAME,
        description=__doc__,
        epilog=EXAMPLES,
        usage='%(prog)s [-h] [--ros-args ...]',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _spin(node: 'PerceptionProxy') -> None:
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.get_parameter('autostart').value:
            node.start()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    sys.exit(main())
