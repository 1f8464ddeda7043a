"""The other side of the node: a camera that publishes, a perception stack that listens."""

import array
import contextlib
import re
import signal
import sys
import threading
import time
from collections import defaultdict

import numpy as np
import rclpy
from bag_processes import PATIENCE_S, Program
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image


def proxy_command(arguments, parameters):
    """Return the command line of a node with these parameters."""
    # With faulthandler, SIGABRT makes it say where its threads are.
    program = ['-X', 'faulthandler', '-m', 'sim2real_ros.ros.perception_proxy']
    command = [sys.executable, *program, '--ros-args', *arguments]
    for name, value in parameters.items():
        command += ['-p', f'{name}:={as_yaml(value)}']
    return command


def as_yaml(value):
    if isinstance(value, (list, tuple)):
        return '[' + ', '.join(as_yaml(item) for item in value) + ']'
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, (int, float)) else f'"{value}"'


IN, OUT = '/image_raw', '/realistic/image_raw'

ANSWER_S = 5.0
HARMLESS_ANSWER_S = 1.0
"""For questions that may be asked twice: one in ten first answers gets lost; see call_service."""


@contextlib.contextmanager
def proxies(client, folder):
    """Give a function that starts nodes as processes of their own; ended with the context.

    The client waits for them; it may be None where nothing is waited for.
    """
    started = []

    def start(*arguments, wait_for='active', environ=None, node='perception_proxy', **parameters):
        log = folder / f'proxy_{len(started)}.log'
        program = Program(proxy_command(arguments, parameters), log, environ)
        started.append(program)
        if wait_for:
            client.wait_for_state(program, wait_for, node)
        return program

    try:
        yield start
    finally:
        for program in started:
            program.end()
            program.process.wait()


class NoAnswerError(AssertionError):
    """What a test waited for did not come."""


class OneWayError(NoAnswerError):
    """The node is heard, and waits for work, but what it is sent does not reach it.

    On a busy machine Fast DDS now and then joins two processes in one direction only, for good.
    """


def answer_to_stranger(service_type, name, request):
    """Call a service as a participant that nobody has met before; None without an answer."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    try:
        node = rclpy.create_node('stranger', context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        client = node.create_client(service_type, name)
        if not client.wait_for_service(ANSWER_S):
            return None
        future = client.call_async(request)
        executor.spin_until_future_complete(future, ANSWER_S)
        return future.result() if future.done() else None
    finally:
        rclpy.shutdown(context=context)


class ProxyClient:
    """A node in the test's own process, spun by a thread."""

    def __init__(self, name):
        self.node = rclpy.create_node(name)
        self.received = defaultdict(list)
        self.diagnostics = {}
        self.changed = threading.Condition()
        self.publishers = {}
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.thread = threading.Thread(target=self.spin, daemon=True)
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self.keep_status, 10)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.executor.shutdown()
        self.thread.join(PATIENCE_S)
        self.node.destroy_node()

    def spin(self):
        with contextlib.suppress(ExternalShutdownException):
            self.executor.spin()

    def keep_status(self, message):
        with self.changed:
            for status in message.status:
                self.diagnostics[status.name.partition(': ')[2]] = status
            self.changed.notify_all()

    # --- waiting -----------------------------------------------------------------------------

    def wait(self, condition, what, program=None, timeout_s=PATIENCE_S, poll_s=0.02):
        """Wait until a condition holds; looks again at every message, and all `poll_s`."""
        end = time.monotonic() + timeout_s
        with self.changed:
            while not (result := condition()):
                running = program is None or program.process.poll() is None
                log = '' if program is None else program.text()
                assert running, f'The node ended while waiting for {what}:\n{log}'
                if time.monotonic() > end:
                    raise NoAnswerError(f'No {what} within {timeout_s} s:\n{log}')
                self.changed.wait(poll_s)
        return result

    def wait_for_state(self, program, label, node='perception_proxy'):
        def in_state():
            name = f'/{node}/get_state'
            answer = self.call_service(GetState, name, None, program, HARMLESS_ANSWER_S)
            return answer.current_state.label == label

        # Every look is a new client, which the node has to get to know.
        self.wait(in_state, f'state {label}', program, poll_s=0.1)

    def status(self, name, condition=lambda status: True, program=None):
        """Wait for a diagnostic status that fulfils a condition; return it."""
        self.wait(
            lambda: name in self.diagnostics and condition(self.diagnostics[name]),
            f'status {name!r} as wanted (have {self.diagnostics.get(name)})',
            program,
        )
        return self.diagnostics[name]

    # --- services ----------------------------------------------------------------------------

    def call_service(self, service_type, name, request=None, program=None, answer_s=ANSWER_S):
        """Call a service, each time as a new client, until there is an answer.

        A server that does not know the client's end of the answers yet throws the answer away,
        and where two participants meet at a bad moment it never gets to know it. So all but the
        first attempt are made by a participant of their own.
        """
        request = request or service_type.Request()
        service_client = self.node.create_client(service_type, name)
        self.wait(service_client.service_is_ready, f'service {name}', program)
        future = service_client.call_async(request)
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        answered = done.wait(answer_s)
        self.node.destroy_client(service_client)
        end = time.monotonic() + PATIENCE_S
        while not answered and time.monotonic() < end:
            answer = answer_to_stranger(service_type, name, request)
            if answer is not None:
                return answer
        return future.result() if answered else self.give_up(f'No answer from {name}', program)

    def give_up(self, what, program):
        """Tell a node that hangs from two processes that did not find each other.

        Raises:
            OneWayError: The node still sends diagnostics, and its executor has nothing to do.
            NoAnswerError: It hangs.
        """
        with self.changed:
            self.diagnostics.clear()
            heard = self.changed.wait_for(lambda: self.diagnostics, ANSWER_S)
        text = f'{what}; its diagnostics {"still come" if heard else "do not come"}'
        if program is None:
            raise NoAnswerError(text)
        program.interrupt(signal.SIGABRT)
        program.wait()
        text += f'; its log, and where its threads were:\n{program.text()}'
        idle = re.search(r'Current thread .*\n.* in _wait_for_ready_callbacks\n', program.text())
        raise (OneWayError if heard and idle else NoAnswerError)(text)

    def set_parameters(self, node='perception_proxy', program=None, **values):
        request = SetParameters.Request(
            parameters=[Parameter(k, value=v).to_parameter_msg() for k, v in values.items()]
        )
        name = f'/{node}/set_parameters'
        return self.call_service(SetParameters, name, request, program).results

    def change_state(self, transition, node='perception_proxy'):
        request = ChangeState.Request()
        request.transition.label = transition
        self.call_service(ChangeState, f'/{node}/change_state', request)

    # --- topics ------------------------------------------------------------------------------

    def listen(self, topic, message_type=Image, qos=10):
        def keep(message):
            with self.changed:
                self.received[topic].append(message)
                self.changed.notify_all()

        return self.node.create_subscription(message_type, topic, keep, qos)

    def advertise(self, topic, message_type=Image, reliability='reliable', depth=5):
        qos = QoSProfile(depth=depth, reliability=ReliabilityPolicy[reliability.upper()])
        self.publishers[topic] = self.node.create_publisher(message_type, topic, qos)
        return self.publishers[topic]

    def wait_for_listener(self, topic, program=None, count=1):
        publisher = self.publishers[topic]
        self.wait(
            lambda: publisher.get_subscription_count() >= count,
            f'subscription of {topic}',
            program,
        )

    def exchange(self, topic_in, message, topic_out, program):
        """Publish a message and return the answer with its stamp."""
        return self.exchange_all([(topic_in, message)], [topic_out], program)[0]

    def exchange_all(self, sent, topics_out, program):
        """Publish (topic, message) pairs of one stamp; return the answers of that stamp.

        Published again while an answer is missing: just after two ends have met, one of them may
        not know it yet, and best effort then loses what it sends.
        """
        end = time.monotonic() + PATIENCE_S
        while True:
            for topic, message in sent:
                self.publishers[topic].publish(message)
            stamp = sent[0][1].header.stamp
            try:
                return [self.answer(topic, stamp, program, ANSWER_S) for topic in topics_out]
            except NoAnswerError:
                if time.monotonic() > end:
                    raise

    def answer(self, topic_out, stamp, program, timeout_s=PATIENCE_S):
        def found():
            return [m for m in self.received[topic_out] if m.header.stamp == stamp]

        what = f'message of stamp {stamp} on {topic_out}'
        return self.wait(found, what, program, timeout_s)[0]


_stamps = iter(range(1, 10**9))


def stamped(message, frame_id='camera_optical_frame'):
    """Give a message a header that no other message of this test run has."""
    number = next(_stamps)
    message.header.frame_id = frame_id
    message.header.stamp.sec, message.header.stamp.nanosec = 1000 + number, number * 7 % 10**9
    return message


def rgb_pixels(size=(64, 48), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def image_message(data, width, height, encoding, step=None, is_bigendian=0):
    message = Image(height=height, width=width, encoding=encoding, is_bigendian=is_bigendian)
    message.step = len(data) // height if step is None else step
    message.data = array.array('B', bytes(data))
    return stamped(message)


def rgb_message(size=(64, 48), seed=0):
    pixels = rgb_pixels(size, seed)
    return image_message(pixels.tobytes(), *size, 'rgb8')


def info_message(size=(64, 48), like=None):
    info = CameraInfo(width=size[0], height=size[1], distortion_model='plumb_bob')
    info.d = [0.1, -0.2, 0.001, 0.002, 0.05]
    info.k = [100.0, 0.0, 31.5, 0.0, 101.0, 23.5, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [100.0, 0.0, 31.5, -5.0, 0.0, 101.0, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    if like is None:
        return stamped(info)
    info.header = like.header
    return info


def compressed_message(data, image_format):
    message = CompressedImage(format=image_format)
    message.data = array.array('B', bytes(data))
    return stamped(message)
