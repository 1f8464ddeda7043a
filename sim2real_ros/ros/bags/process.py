"""What the bag programs share as processes: signals, the ROS context, errors of one line."""

import argparse
import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from sim2real_ros.errors import Sim2RealError
from sim2real_ros.ros.ros_arguments import initialise, split_arguments

if TYPE_CHECKING:
    from rclpy.node import Node


class StopSignal:
    """Remembers SIGINT and SIGTERM, and wakes whoever waits.

    rclpy's own handlers shut the context down in the middle of things; a bag wants to be closed
    first, and said goodbye to in the log.
    """

    def __init__(self) -> None:
        """Start without a signal."""
        self._read_end, self._write_end = os.pipe()
        self._raised = False

    def __enter__(self) -> 'StopSignal':
        """Take the signals over."""
        self._previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_error: object) -> None:
        """Give the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        os.close(self._read_end)
        os.close(self._write_end)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._raised:
            self._raised = True
            os.write(self._write_end, b'.')

    def is_set(self) -> bool:
        """Tell if the process was asked to stop."""
        return self._raised

    def wait(self, timeout_s: float) -> bool:
        """Sleep until a signal comes or the time is over; return whether one came."""
        select.select([self._read_end], [], [], max(timeout_s, 0.0))
        return self._raised


@contextmanager
def ros_node(name: str, arguments: Sequence[str]) -> Iterator['Node']:
    """Run a node without own signal handlers and without parameter services.

    Args:
        name: Name of the node, unless the arguments rename it.
        arguments: Command line with the ROS arguments.

    Yields:
        The node; it and the context are gone afterwards.
    """
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    initialise(arguments, signal_handler_options=SignalHandlerOptions.NO)
    try:
        # Nobody spins the player, so services would accept calls and never answer them.
        node = rclpy.create_node(name, start_parameter_services=False)
        try:
            yield node
        finally:
            node.destroy_node()
    finally:
        rclpy.try_shutdown()


def run_program(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace, Sequence[str]], int],
    arguments: Sequence[str] | None,
) -> int:
    """Run a program and turn its errors into one line of the log.

    Args:
        parser: Understands the program's own part of the command line; its ``prog`` is the name
            for the log.
        run: The program: parsed options and whole command line in, exit code out.
        arguments: Command line without the program's name; that of the process if None.

    Returns:
        The exit code, 1 after an error that the user can repair.
    """
    from rclpy.logging import get_logger

    try:
        words, own = split_arguments(arguments)
        return run(parser.parse_args(own), words)
    except Sim2RealError as error:
        get_logger(parser.prog).error(str(error))
        return 1
