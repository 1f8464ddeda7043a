"""The processes of the demo: started together, watched, and ended one by one by their ids."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from demo_bag import IMAGE_TYPE, INFO_TYPE, DemoCamera

from sim2real_ros.cli import INCOMPLETE
from sim2real_ros.errors import Sim2RealError

HERE = Path(__file__).resolve().parent
NODE, PLAYER, RECORDER, WATCHER = 'perception_proxy', 'bag_player', 'bag_recorder', 'watcher'
# Also a damaged bag was played as far as it goes.
PLAYED = (0, INCOMPLETE)
POLL_S = 0.1
END_S = 10.0
TAIL_LINES = 15
# Building an engine for a graphics card takes minutes; a node that fails is noticed at once.
LOADING_S = 1800.0


class DemoError(Sim2RealError):
    """The demo cannot go on; the message ends with what the processes said."""


class Process:
    """One child process whose output goes to files."""

    def __init__(
        self, name: str, command: list[str], folder: Path, environ: Mapping[str, str]
    ) -> None:
        """Start it; standard output goes to `<name>.out`, standard error to `<name>.log`."""
        self.name = name
        self.output, self.log = folder / f'{name}.out', folder / f'{name}.log'
        with self.output.open('wb') as output, self.log.open('wb') as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=environ
            )

    def exit_status(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self._process.poll()

    def tail(self) -> str:
        """Return the end of its log, indented, under its name."""
        text = (self.log.read_bytes() + self.output.read_bytes()).decode(errors='replace')
        lines = text.splitlines()[-TAIL_LINES:] or ['(it said nothing)']
        return '\n'.join([f'The last lines of {self.name}:', *(f'  {line}' for line in lines)])

    def end(self) -> int:
        """Send SIGTERM, on which all of them leave properly, and wait; return the exit status."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            # The last resort: a killed process leaves its shared memory behind.
            self._process.kill()
            return self._process.wait()


class Processes:
    """Player, node, recorder and watcher of one run; all are gone after the `with` block."""

    def __init__(self, commands: Mapping[str, list[str]], logs: Path, domain: int) -> None:
        """Start nothing yet.

        Args:
            commands: Command lines by name.
            logs: Existing folder for what they say.
            domain: ROS_DOMAIN_ID of all of them.
        """
        self._commands = commands
        self._logs = logs
        self._environ = environment(domain, logs)
        self._running: dict[str, Process] = {}

    def __enter__(self) -> 'Processes':
        """Start all."""
        try:
            for name, command in self._commands.items():
                self._running[name] = Process(name, command, self._logs, self._environ)
        except BaseException:
            self._end_all()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all that still run."""
        self._end_all()

    def _end_all(self) -> None:
        # A second Ctrl-C must not leave half of them behind.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            # One after the other: the DDS of a process that leaves while others leave may crash.
            for process in self._running.values():
                process.end()
        finally:
            signal.signal(signal.SIGINT, previous)

    def __getitem__(self, name: str) -> Process:
        """Return one process."""
        return self._running[name]

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait until a condition holds, while all processes do well.

        Raises:
            DemoError: A process failed, or time is over.
        """
        end_s = time.monotonic() + timeout_s
        while not condition():
            self.check()
            if time.monotonic() > end_s:
                raise DemoError(f'{what}: not within {timeout_s:g} s.\n{self[NODE].tail()}')
            time.sleep(POLL_S)

    def check(self) -> None:
        """Raise DemoError if a process has failed; only the player may end by itself."""
        for process in self._running.values():
            status = process.exit_status()
            if status is None or (status in PLAYED and process.name == PLAYER):
                continue
            raise DemoError(f'{process.name} ended with status {status}.\n{process.tail()}')


class Diagnostics:
    """The newest words of the node about itself, as the watcher writes them down."""

    def __init__(self, path: Path) -> None:
        """Read from the beginning of the watcher's output."""
        self._path = path
        self._position = 0
        self._statuses: dict[str, dict[str, object]] = {}
        self.reports = 0

    def update(self) -> None:
        """Read what is new; an unfinished last line waits for the next time."""
        with self._path.open('rb') as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b'\n'):
                    break
                self._position += len(line)
                self._take(line)

    def _take(self, line: bytes) -> None:
        statuses = json.loads(line)
        if f'{NODE}: model' in statuses:
            self._statuses = statuses
            self.reports += 1

    def model(self) -> dict[str, str]:
        """Return the values about the model; empty before it is loaded."""
        return self._values('model')

    def refusal(self) -> str:
        """Say why the node has no model; '' where it has one or is still loading."""
        status = self._statuses.get(f'{NODE}: model', {})
        return str(status['message']) if status.get('level') == 2 else ''

    def camera(self) -> dict[str, str]:
        """Return the values about the camera; empty before there is one."""
        return self._values('camera')

    def count(self, key: str) -> int:
        """Return one of the camera's counters, such as 'frames in'."""
        return int(self.camera().get(key, '0'))

    def _values(self, name: str) -> dict[str, str]:
        values = self._statuses.get(f'{NODE}: {name}', {}).get('values', {})
        return dict(values) if isinstance(values, dict) else {}


def environment(domain: int, logs: Path) -> dict[str, str]:
    """Return the environment of the children: nobody else is heard or disturbed."""
    environ = dict(os.environ)
    environ['ROS_DOMAIN_ID'] = str(domain)
    environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    environ['RCUTILS_LOGGING_BUFFERED_STREAM'] = '0'
    environ['RCUTILS_COLORIZED_OUTPUT'] = '0'
    environ['ROS_LOG_DIR'] = str((logs / 'ros').resolve())
    return environ


def choose_domain() -> int:
    """Return a ROS_DOMAIN_ID of 1 to 101 that is not the user's own.

    Above 101 the ports of DDS get into those that Linux hands out to everybody.
    """
    domain = 1 + os.getpid() % 101
    return domain if str(domain) != os.environ.get('ROS_DOMAIN_ID') else 1 + domain % 101


def commands(
    camera: DemoCamera, model: str, rate: float, output: Path, logs: Path
) -> dict[str, list[str]]:
    """Return the command lines by name, in the order of starting.

    The proxy subscribes to the camera once the recorder listens to the proxy, and the player
    waits for the proxy: nothing is lost at the beginning.
    """
    topics = [camera.image_topic, *filter(None, [camera.info_topic])]
    recorded = [f'{camera.image_out}:{IMAGE_TYPE}']
    recorded += [f'{camera.info_out}:{INFO_TYPE}'] if camera.info_topic else []
    player = [str(camera.bag), '--rate', str(rate), '--topics', *topics, '--wait-topics', *topics]
    player += ['--wait-for-subscribers', '1', '--wait-timeout', str(LOADING_S)]
    player += ['--log-sends', str(logs / 'sends.jsonl')]
    recorder = [str(output), '--log-receives', str(logs / 'receives.jsonl')]
    python = [sys.executable, '-m']
    return {
        NODE: [*python, f'sim2real_ros.ros.{NODE}', *node_arguments(camera, model)],
        RECORDER: [*python, 'sim2real_ros.ros.bags.recorder', *recorder, '--topics', *recorded],
        PLAYER: [*python, 'sim2real_ros.ros.bags.player', *player],
        WATCHER: [sys.executable, str(HERE / 'demo_watcher.py')],
    }


def node_arguments(camera: DemoCamera, model: str) -> list[str]:
    """Return the ROS arguments of the node."""
    remaps = {'image_raw': camera.base_topic}
    if camera.transport == 'compressed':
        remaps['image_raw/compressed'] = camera.image_topic
    if camera.info_topic:
        remaps['camera_info'] = camera.info_topic
    # JSON strings are YAML strings, which is what a parameter is given as.
    parameters = {
        'model': json.dumps(model),
        'image_transport': camera.transport,
        'output_namespace': camera.namespace,
    }
    words = ['--ros-args']
    for name, topic in remaps.items():
        words += ['-r', f'{name}:={topic}']
    for name, value in parameters.items():
        words += ['-p', f'{name}:={value}']
    return words
