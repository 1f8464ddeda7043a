"""Play a bag into a running ROS: ROS 1 bags and rosbag2, message bytes unchanged."""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim2real_ros.bags import open_bag
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.ros.bags.message_log import MessageLog
from sim2real_ros.ros.bags.messages import CDR_HEADER_BYTES, message_class, topic_name_problem
from sim2real_ros.ros.bags.offered_qos import OfferedQos
from sim2real_ros.ros.bags.process import StopSignal, ros_node, run_program
from sim2real_ros.ros.bags.schedule import NS_PER_S, Tick, TimedMessages, loop_gap_ns
from sim2real_ros.ros.bags.source import BagTopic, CdrMessage, CdrSource, absolute_name
from sim2real_ros.ros.process_environment import prepare

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.publisher import Publisher

NAME = 'bag_player'
CLOCK_HZ = 40.0
MAX_CLOCK_NS = (2**31 - 1) * NS_PER_S
POLL_S = 0.02
# A publisher knows its subscriber before the subscriber knows it, and what a best-effort one has
# not subscribed to is gone. Nothing tells when both know.
SETTLE_S = 0.25
# Time for the last messages to reach slow reliable readers.
FLUSH_S = 5.0
# The exit code that the verbs of the command `sim2real` have for it as well.
INCOMPLETE = 3
EPILOG = 'A damaged bag is played as far as it can be read; the exit code is then 3.'


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a bag as the command line says.

    Args:
        arguments: Command line without the program's name; that of the process if None.

    Returns:
        Exit code: 0 after the last message or a signal, 1 after an error, 3 if parts of the bag
        could not be read.
    """
    prepare()
    return run_program(parser(), run, arguments)


def parser() -> argparse.ArgumentParser:
    """Return the description of the command line."""
    result = argparse.ArgumentParser(prog=NAME, description=__doc__, epilog=EPILOG)
    add = result.add_argument
    add('bag', type=Path, help='ROS 1 .bag file, rosbag2 folder, .mcap or .db3 file')
    add('--rate', type=float, default=1.0, help='bag seconds per second (default: 1.0)')
    add('--loop', action='store_true', help='start again at the end, until interrupted')
    add(
        '--clock',
        type=float,
        nargs='?',
        const=CLOCK_HZ,
        default=0.0,
        metavar='HZ',
        help=f'publish the time of the bag on /clock (default: {CLOCK_HZ:g} Hz)',
    )
    add('--topics', nargs='+', metavar='NAME', help='topics to play (default: all)')
    add(
        '--wait-for-subscribers',
        type=int,
        default=0,
        metavar='N',
        help='wait until each topic has N subscribers (default: 0, start at once)',
    )
    add(
        '--wait-topics',
        nargs='+',
        metavar='NAME',
        help='topics to wait for, if not all that are played',
    )
    add(
        '--wait-timeout',
        type=float,
        default=30.0,
        metavar='S',
        help='give up waiting after this many seconds (default: 30)',
    )
    add(
        '--log-sends',
        type=Path,
        metavar='FILE',
        help='write topic, header stamp and CLOCK_MONOTONIC of each message as JSON lines',
    )
    return result


def run(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Play a bag.

    Args:
        options: Parsed command line.
        words: Whole command line, for ROS.

    Returns:
        Exit code.

    Raises:
        DataError: The bag cannot be played.
        ConfigError: The options make no sense.
    """
    check(options)
    with (
        StopSignal() as stop,
        open_bag(options.bag) as reader,
        MessageLog(options.log_sends, 'send_ns') as log,
        ros_node(NAME, words) as node,
    ):
        return Player(node, CdrSource(reader), stop, log).play(options)


def check(options: argparse.Namespace) -> None:
    """Refuse options that can never work."""
    if not 0.0 <= options.clock <= 1000.0:
        raise ConfigError(f'--clock is {options.clock!r}; expected 0 to 1000 Hz.')
    if not 1e-3 <= options.rate <= 1e3:
        raise ConfigError(f'--rate is {options.rate!r}; expected 0.001 to 1000.')
    if options.wait_for_subscribers < 0:
        raise ConfigError(f'--wait-for-subscribers is {options.wait_for_subscribers}; it is < 0.')


class Player:
    """Publishes the messages of a bag at their times."""

    def __init__(self, node: 'Node', source: CdrSource, stop: StopSignal, log: MessageLog) -> None:
        """Create no publisher yet."""
        self._node = node
        self._source = source
        self._stop = stop
        self._log = log
        self._publishers: dict[str, Publisher] = {}
        self._types = {topic.name: topic.msgtype for topic in source.topics}
        self._sent: Counter[str] = Counter()
        self._short = 0
        self._told = 0

    def play(self, options: argparse.Namespace) -> int:
        """Play to the end, or until a signal; return the exit code."""
        self._tell_problems()
        for topic in select_topics(self._source.topics, options.topics):
            self._advertise(topic)
        if not self._publishers:
            raise DataError(f'Nothing in {str(self._source.path)!r} can be played; see above.')
        clock = self._clock_publisher() if options.clock else None
        if not self._wait_for_subscribers(options):
            return 0
        names = list(self._publishers)
        timed = TimedMessages(
            lambda: self._source.messages(names), options.rate, float(options.clock)
        )
        start_ns = time.monotonic_ns()
        begin_ns = start_ns
        while not self._stop.is_set():
            start_ns = self._play_once(timed, start_ns, clock)
            self._tell_problems()
            if not options.loop or not self._sent:
                break
        self._finish((time.monotonic_ns() - begin_ns) / NS_PER_S)
        if not self._told:
            return 0
        if not self._sent and not self._stop.is_set():
            raise DataError(f'No message in {str(self._source.path)!r} can be read; see above.')
        return INCOMPLETE

    def _tell_problems(self) -> None:
        """Log what was found to be damaged or lost since the last time."""
        for problem in self._source.problems[self._told :]:
            self._node.get_logger().warning(problem)
        self._told = len(self._source.problems)

    def _advertise(self, topic: BagTopic) -> None:
        problem = topic.problem or topic_name_problem(topic.name)
        cls = None
        try:
            cls = message_class(topic.msgtype)
        except DataError as error:
            problem = problem or str(error)
        if problem:
            self._node.get_logger().warning(f'Skipping {topic.name}: {problem.rstrip(".")}.')
            return
        from rclpy.qos_overriding_options import QoSOverridingOptions

        self._publishers[topic.name] = self._node.create_publisher(
            cls,
            topic.name,
            (topic.qos or OfferedQos()).to_profile(),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def _clock_publisher(self) -> 'Publisher':
        from rosgraph_msgs.msg import Clock

        return self._node.create_publisher(Clock, '/clock', 10)

    def _wait_for_subscribers(self, options: argparse.Namespace) -> bool:
        """Wait as asked; return False if a signal came first."""
        wanted = {absolute_name(name) for name in options.wait_topics or self._publishers}
        if unknown := sorted(wanted - set(self._publishers)):
            raise ConfigError(f'Cannot wait for {unknown}: not among the topics that are played.')
        deadline_ns = time.monotonic_ns() + round(options.wait_timeout * NS_PER_S)
        while not self._stop.is_set():
            missing = [
                name
                for name in sorted(wanted)
                if self._publishers[name].get_subscription_count() < options.wait_for_subscribers
            ]
            if not missing:
                return not self._stop.wait(SETTLE_S if options.wait_for_subscribers else 0.0)
            if time.monotonic_ns() > deadline_ns:
                raise DataError(
                    f'Fewer than {options.wait_for_subscribers} subscribers on '
                    f'{", ".join(missing)} after {options.wait_timeout:g} s; start them, '
                    f'or wait for other topics with --wait-topics.'
                )
            self._stop.wait(POLL_S)
        return False

    def _play_once(self, timed: TimedMessages, start_ns: int, clock: 'Publisher | None') -> int:
        """Play one pass; return the steady time at which the next one starts."""
        counts: Counter[str] = Counter()
        last_ns = start_ns
        for due_ns, event in timed.one_pass(start_ns):
            if self._stop.wait((due_ns - time.monotonic_ns()) / NS_PER_S):
                break
            if isinstance(event, Tick):
                publish_tick(clock, event)
            else:
                self._send(event)
                counts[event.topic] += 1
                last_ns = max(last_ns, due_ns)
        return last_ns + loop_gap_ns(last_ns - start_ns, max(counts.values(), default=0))

    def _send(self, message: CdrMessage) -> None:
        # Shorter than its own encoding mark: no reader could tell what it is.
        if len(message.cdr) < CDR_HEADER_BYTES:
            self._short += 1
            return
        publisher = self._publishers[message.topic]
        now_ns = time.monotonic_ns()
        publisher.publish(message.cdr)
        self._sent[message.topic] += 1
        self._log.write(publisher.topic_name, self._types[message.topic], message.cdr, now_ns)

    def _finish(self, elapsed_s: float) -> None:
        from rclpy.duration import Duration

        for publisher in self._publishers.values():
            if not self._stop.is_set():
                publisher.wait_for_all_acked(Duration(seconds=FLUSH_S))
        parts = [f'{name} {count}' for name, count in sorted(self._sent.items())]
        logger = self._node.get_logger()
        if self._short:
            logger.warning(f'Skipped {self._short} messages that are shorter than a CDR header.')
        logger.info(
            f'Played {self._sent.total()} messages in {elapsed_s:.1f} s'
            f'{" (interrupted)" if self._stop.is_set() else ""}: {", ".join(parts) or "none"}'
        )


def select_topics(topics: Sequence[BagTopic], names: Sequence[str] | None) -> list[BagTopic]:
    """Return the topics to play.

    Args:
        topics: Topics of the bag.
        names: Chosen names, with or without leading slash; None for all.

    Raises:
        ConfigError: A name is not in the bag.
    """
    if names is None:
        return list(topics)
    wanted = {absolute_name(name) for name in names}
    known = {topic.name for topic in topics}
    if unknown := sorted(wanted - known):
        raise ConfigError(f'{unknown} is not in the bag; it has {sorted(known)}.')
    return [topic for topic in topics if topic.name in wanted]


def publish_tick(clock: 'Publisher | None', tick: Tick) -> None:
    """Publish the time of the bag."""
    from rosgraph_msgs.msg import Clock

    if clock is None:
        return
    message = Clock()
    # The stamps of a bag may be nonsense; a Time ends in 2038.
    stamp_ns = min(max(tick.stamp_ns, 0), MAX_CLOCK_NS)
    message.clock.sec, message.clock.nanosec = divmod(stamp_ns, NS_PER_S)
    clock.publish(message)


if __name__ == '__main__':
    raise SystemExit(main())
