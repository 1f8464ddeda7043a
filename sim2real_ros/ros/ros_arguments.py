"""ROS's own command line arguments, with errors that a user understands."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sim2real_ros.errors import ConfigError


def initialise(words: Sequence[str], **options: Any) -> None:
    """Call ``rclpy.init``.

    Args:
        words: Whole command line, the program's name first.
        options: Further arguments of ``rclpy.init``.

    Raises:
        ConfigError: The part after ``--ros-args`` cannot be understood.
    """
    import rclpy

    with _readable_errors():
        rclpy.init(args=list(words), **options)


def split_arguments(arguments: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Return the whole command line for ROS, and what of it is the program's own.

    Args:
        arguments: Command line without the program's name; that of the process if None.

    Raises:
        ConfigError: The part after ``--ros-args`` cannot be understood.
    """
    from rclpy.utilities import remove_ros_args

    words = [sys.argv[0], *(sys.argv[1:] if arguments is None else arguments)]
    with _readable_errors():
        return words, remove_ros_args(args=words)[1:]


@contextmanager
def _readable_errors() -> Iterator[None]:
    try:
        yield
    # rcl reports wrong arguments through several classes, all of them RuntimeErrors.
    except RuntimeError as error:
        reason = str(error).partition(', at /')[0].removeprefix('failed to initialize rcl: ')
        raise ConfigError(f'The ROS arguments cannot be used: {reason}') from error
