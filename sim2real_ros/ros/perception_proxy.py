"""Make simulated camera frames look real, between a simulator and a perception stack.

Subscribes to image_raw and camera_info, runs a model, and publishes realistic/image_raw and
realistic/camera_info. Settings are ROS parameters; config/proxy.yaml documents them.
"""

import argparse
import gc
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sim2real_ros.errors import ConfigError
from sim2real_ros.ros import process_environment
from sim2real_ros.ros.ros_arguments import initialise, split_arguments

if TYPE_CHECKING:
    from sim2real_ros.ros.proxy_node import PerceptionProxy

NAME = 'perception_proxy'
_PATIENCE_S = 0.5
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

    with _quiet_end():
        try:
            words, own = split_arguments(arguments)
            parser().parse_args(own)
            initialise(words)
            node = PerceptionProxy()
        except (ConfigError, ValueError, ParameterException) as error:
            rclpy.logging.get_logger(NAME).fatal(f'Cannot start: {error}')
            return 1
        node.get_logger().info(f'Transport: {environment.transport}')
        _spin(node)
    _leave_hanging_threads()
    return 0


@contextmanager
def _quiet_end() -> Iterator[None]:
    """Treat SIGINT and SIGTERM as an ordinary end, whatever they interrupt."""
    import rclpy
    from rclpy.executors import ExternalShutdownException

    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # After a signal the context is gone, and all that still wants to use it fails.
        if rclpy.ok():
            raise
    finally:
        rclpy.try_shutdown()


def parser() -> argparse.ArgumentParser:
    """Return the description of the command line."""
    return argparse.ArgumentParser(
        prog=NAME,
        description=__doc__,
        epilog=EXAMPLES,
        usage='%(prog)s [-h] [--ros-args ...]',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _leave_hanging_threads() -> None:
    """End the process at once where a model still runs in one of its threads.

    Python cannot end a thread, and its ordinary way out would crash in the runtime's code.
    """
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in others:
        thread.join(_PATIENCE_S)
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _spare_collections() -> None:
    """Take what start-up has made out of later garbage collections, which stop all threads.

    Modules and graphs stay for good; going through them takes tens of milliseconds each time.
    """
    gc.collect()
    gc.freeze()


def _spin(node: 'PerceptionProxy') -> None:
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    if node.get_parameter('autostart').value:
        executor.create_task(node.start)
    executor.create_task(_spare_collections)
    try:
        while rclpy.ok():
            try:
                executor.spin()
            except ExternalShutdownException:
                break
            # rclpy ends the program when, for example, somebody asks for an illegal transition.
            except Exception as error:
                if rclpy.ok():
                    node.get_logger().error(f'A request failed: {type(error).__name__}: {error}')
    finally:
        node.destroy_node()


if __name__ == '__main__':
    sys.exit(main())
