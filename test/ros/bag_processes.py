"""Run the bag programs as processes of their own, in a DDS domain of their own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PLAYER = 'sim2real_ros.ros.bags.player'
RECORDER = 'sim2real_ros.ros.bags.recorder'
PATIENCE_S = 60.0

# Listens as soon as somebody listens to it, as the node does.
RELAY = """
import sys, rclpy
from sensor_msgs.msg import Image
rclpy.init(args=sys.argv)
node = rclpy.create_node('relay')
publisher = node.create_publisher(Image, 'image_out', 10)
try:
    while not publisher.get_subscription_count():
        rclpy.spin_once(node, timeout_sec=0.02)
    node.create_subscription(Image, 'image_raw', publisher.publish, 10)
    rclpy.spin(node)
except (KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
    pass
"""


def ros_environment() -> dict[str, str]:
    """Return the environment of a child: nobody outside this test run is heard or disturbed."""
    environ = dict(os.environ)
    environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 101))
    environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    environ['RCUTILS_LOGGING_BUFFERED_STREAM'] = '0'
    environ['PYTHONPATH'] = os.pathsep.join(
        [str(REPOSITORY), *filter(None, [environ.get('PYTHONPATH')])]
    )
    return environ


class Program:
    """One child process, its output collected in a file."""

    def __init__(self, command: list[str], log: Path, environ: dict[str, str] | None = None):
        self.log = log
        with log.open('w') as stream:
            self.process = subprocess.Popen(
                command, stdout=stream, stderr=stream, env=environ or ros_environment()
            )

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'Still running after {timeout_s} s:\n{self.text()}') from None

    def text(self) -> str:
        return self.log.read_text()

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self) -> None:
        # A killed process leaves its shared memory behind, so it is asked first.
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(tmp_path: Path, *command: object, name: str = ''):
    """Start a module (`-m` is added to a dotted name) or Python code, and end it afterwards."""
    words = [str(word) for word in command]
    how = '-c' if '\n' in words[0] else '-m'
    label = name or words[0].rsplit('.', 1)[-1][:20].strip() or 'code'
    program = Program([sys.executable, how, *words], tmp_path / f'{label}.log')
    try:
        yield program
    finally:
        program.end()


def wait_until(condition, what: str, timeout_s: float = PATIENCE_S):
    """Poll until a condition holds; return its value."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f'Not within {timeout_s} s: {what}')
