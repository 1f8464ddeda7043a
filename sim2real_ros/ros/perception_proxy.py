"""The executable ``perception_proxy``."""

import sys

from sim2real_ros.ros import process_environment


def main(arguments: list[str] | None = None) -> int:
    """Run the perception proxy until it is told to stop.

    Args:
        arguments: Command line, ROS arguments included; sys.argv when None.

    Returns:
        The exit status: 0 after SIGINT, SIGTERM or shutdown; 1 when a parameter is impossible.
    """
    environment = process_environment.prepare()
    # Transport and allocator settings are read when these libraries are loaded.
    import rclpy
    from rclpy.exceptions import ParameterException
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

    from sim2real_ros.ros.proxy_node import PerceptionProxy

    rclpy.init(args=arguments)
    try:
        node = PerceptionProxy()
    except (ValueError, ParameterException) as error:
        rclpy.logging.get_logger('perception_proxy').fatal(f'Cannot start: {error}')
        rclpy.try_shutdown()
        return 1
    node.get_logger().info(f'Transport: {environment.transport}')
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
    return 0


if __name__ == '__main__':
    sys.exit(main())
