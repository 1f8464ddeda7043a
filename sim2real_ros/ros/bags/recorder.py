"""Record topics into a rosbag2, message bytes unchanged."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.ros.bags.limits import Limits
from sim2real_ros.ros.bags.message_log import MessageLog
from sim2real_ros.ros.bags.process import StopSignal, ros_node, run_program
from sim2real_ros.ros.bags.store import STORAGES, BagStore
from sim2real_ros.ros.bags.subscriptions import DEPTH, Subscriptions, parse_topic
from sim2real_ros.ros.process_environment import prepare

NAME = 'bag_recorder'
# How late a signal or a limit is noticed.
POLL_S = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Record a bag as the command line says.

    Args:
        arguments: Command line without the program's name; that of the process if None.

    Returns:
        Exit code: 0 if a bag was written, 1 if not.
    """
    prepare()
    return run_program(parser(), run, arguments)


def parser() -> argparse.ArgumentParser:
    """Return the description of the command line."""
    result = argparse.ArgumentParser(
        prog=NAME,
        description=__doc__,
        epilog='SIGINT and SIGTERM end the recording properly. A killed recorder leaves the '
        'unfinished bag in OUTPUT.partial.',
    )
    add = result.add_argument
    add('output', type=Path, help='rosbag2 folder to write; must not exist')
    add(
        '--topics',
        nargs='+',
        default=[],
        metavar='NAME[:TYPE]',
        help='topics to record; with a type such as sensor_msgs/msg/Image, the subscription '
        'does not wait for a publisher',
    )
    add('--all', action='store_true', help='record every topic that appears')
    add('--storage', choices=list(STORAGES), default='mcap', help='file format (default: mcap)')
    add('--duration', type=float, metavar='S', help='stop this long after the first message')
    add('--max-messages', type=int, metavar='N', help='stop after N messages')
    add('--idle-timeout', type=float, metavar='S', help='stop after S seconds without message')
    add(
        '--wait-timeout',
        type=float,
        metavar='S',
        help='give up if no message has come after S seconds (default: wait on)',
    )
    add('--depth', type=int, default=DEPTH, help=f'queue of each topic (default: {DEPTH})')
    add(
        '--log-receives',
        type=Path,
        metavar='FILE',
        help='write topic, header stamp and CLOCK_MONOTONIC of each message as JSON lines',
    )
    return result


def run(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Record a bag.

    Args:
        options: Parsed command line.
        words: Whole command line, for ROS.

    Returns:
        Exit code.

    Raises:
        DataError: No message came, or the bag cannot be written.
        ConfigError: The options make no sense.
    """
    if not options.topics and not options.all:
        raise ConfigError('Nothing to record: give --topics NAME ... or --all.')
    if not 1 <= options.depth <= 10_000:
        raise ConfigError(f'--depth is {options.depth!r}; expected 1 to 10000.')
    limits = Limits(
        duration_s=options.duration,
        max_messages=options.max_messages,
        idle_timeout_s=options.idle_timeout,
        wait_timeout_s=options.wait_timeout,
    )
    topics = dict(map(parse_topic, options.topics))
    with (
        StopSignal() as stop,
        MessageLog(options.log_receives, 'receive_ns') as log,
        ros_node(NAME, words) as node,
        BagStore(options.output, options.storage) as store,
    ):
        subscriptions = Subscriptions(node, store, log, limits, topics, record_all=options.all)
        reason = subscriptions.record(stop, options.depth, POLL_S)
        logger = node.get_logger()
        counts = ', '.join(f'{name} {count}' for name, count in sorted(store.counts.items()))
        if lost := subscriptions.lost_count:
            logger.warning(f'{lost} messages were lost on the way to the recorder.')
        if not store.close():
            raise DataError(f'No message was received ({reason}); no bag was written.')
        logger.info(
            f'Recorded {sum(store.counts.values())} messages to {options.output} ({reason}): '
            f'{counts}'
        )
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
