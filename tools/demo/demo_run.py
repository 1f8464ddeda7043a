"""One run of the demo: play, translate, record; then look at what came out."""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import demo_processes as processes_of
from demo_bag import DemoCamera, open_camera
from demo_processes import (
    NODE,
    PLAYED,
    PLAYER,
    RECORDER,
    WATCHER,
    DemoError,
    Diagnostics,
    Processes,
)
from demo_report import make_report, read_moments
from demo_results import draw_pictures

from sim2real_ros.data.bag_source import BagSource
from sim2real_ros.errors import DataError, Sim2RealError

BAG, REPORT, PICTURE, LOGS = 'translated', 'report.json', 'side_by_side', 'logs'
RESULTS = (BAG, f'{BAG}.partial', REPORT, *(f'{PICTURE}{s}' for s in ('.png', '.webm', '.avi')))
# The node speaks once a second; what has not moved for so long will not move any more.
QUIET_S = 1.5
LOST_S = 10.0
# Patience with a model that is busy with a frame.
STUCK_S = 120.0
INTERRUPTED = 130
QUIET_PROGRESS_S = 5.0


def run_demo(options: argparse.Namespace) -> int:
    """Run the demo as the command line says; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        _run(options)
    except Sim2RealError as error:
        print(f'demo: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\ndemo: interrupted', file=sys.stderr)
        return INTERRUPTED
    return 0


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _run(options: argparse.Namespace) -> None:
    camera = open_camera(options.bag, options.topic, options.camera_info)
    folder: Path = options.output
    prepare_folder(folder, camera)
    say(f'Camera: {camera.describe()}')
    values = play(camera, options.model, options.rate, folder)
    logs = folder / LOGS
    sends = read_moments(logs / 'sends.jsonl', camera.image_topic, 'send_ns')
    receives = read_moments(logs / 'receives.jsonl', camera.image_out, 'receive_ns')
    received = BagSource(folder / BAG, camera.image_out).info().frame_count or 0
    report = make_report(camera, sends, receives, received, values)
    say('Drawing the pictures ...')
    pictures = draw_pictures(
        camera, folder / BAG, folder / PICTURE, sends, received, report.summary()
    )
    report.files = {**pictures.files, 'translated bag': folder / BAG, 'report': folder / REPORT}
    report.notes, report.panels = pictures.notes, pictures.panels
    if len(receives.times_ns) != received:
        report.notes.append('the recorder ended badly after the bag was complete: times are lost')
    report.write(folder / REPORT)
    say(f'\n{report.table()}\n')


def say(text: str) -> None:
    """Print at once, also where standard output is a file."""
    print(text, flush=True)


def prepare_folder(folder: Path, camera: DemoCamera) -> None:
    """Make room for the results; those of an earlier demo go away, nothing else does.

    Raises:
        DataError: Somebody else's files are in the way, or the disk is too small.
    """
    present = [folder / name for name in RESULTS if (folder / name).exists()]
    if present and not (folder / LOGS / f'{NODE}.log').exists():
        raise DataError(
            f'{str(folder)!r} holds {present[0].name!r}, which is not from an earlier demo; '
            f'choose another folder (OUTPUT=... or --output ...).'
        )
    if camera.bag.resolve().is_relative_to((folder / BAG).resolve()):
        raise DataError(f'{str(camera.bag)!r} would be overwritten; choose another output folder.')
    for path in present:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    try:
        (folder / LOGS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f'Cannot create {str(folder)!r}: {error.strerror}.') from error
    needed, free = camera.frames * camera.size[0] * camera.size[1] * 3, shutil.disk_usage(folder)
    if needed > free.free:
        raise DataError(
            f'The translated frames take {needed / 1e9:.1f} GB, and {str(folder)!r} has only '
            f'{free.free / 1e9:.1f} GB left; play a shorter bag, or choose another folder.'
        )


def play(camera: DemoCamera, model: str, rate: float, folder: Path) -> dict[str, dict[str, str]]:
    """Play the camera through the node and record what comes out.

    Returns:
        The node's last words, about its `model` and its `camera`.

    Raises:
        DemoError: A process failed, or no frame came out.
    """
    logs, domain = folder / LOGS, processes_of.choose_domain()
    commands = processes_of.commands(camera, model, rate, folder / BAG, logs)
    say(f'Starting {PLAYER} -> {NODE} -> {RECORDER} in ROS domain {domain} ...')
    with Processes(commands, logs, domain) as processes:
        run = Run(processes, camera, logs)
        run.wait_for_model()
        run.follow_frames()
        if run.diagnostics.count('frames out') == 0:
            raise DemoError(f'No frame came out{run.reason()}.\n{processes[NODE].tail()}')
        run.wait_for_recorder(folder)
        status = processes[RECORDER].end()
        # Whatever happened to it later: a bag under its final name is complete.
        if not (folder / BAG).is_dir():
            raise DemoError(
                f'Nothing was recorded (status {status}).\n{processes[RECORDER].tail()}'
            )
        return {'model': run.diagnostics.model(), 'camera': run.diagnostics.camera()}


class Run:
    """The stages of a run, each of them a wait for a condition."""

    def __init__(self, processes: Processes, camera: DemoCamera, logs: Path) -> None:
        """Watch processes that have just been started."""
        self._processes = processes
        self._camera = camera
        self._logs = logs
        self.diagnostics = Diagnostics(processes[WATCHER].output)

    def wait_for_model(self) -> None:
        """Wait until the node has loaded its model and met the camera.

        Raises:
            DemoError: The node refused the model, or a process failed.
        """
        started_s = time.monotonic()
        self._wait(self._has_camera, 'The node is ready', processes_of.LOADING_S)
        model = self.diagnostics.model()
        say(
            f'Model: {model.get("name")} on {model.get("provider")} '
            f'(ready after {time.monotonic() - started_s:.1f} s)'
        )

    def _has_camera(self) -> bool:
        if reason := self.diagnostics.refusal():
            raise DemoError(f'The node did not start: {reason}')
        return bool(self.diagnostics.camera())

    def follow_frames(self) -> None:
        """Show the progress until every frame that was sent is accounted for."""
        counts = Stillness()
        progress = ProgressLine(self._camera.frames)

        def over() -> bool:
            if counts.look(self._counts()) == 0.0:
                rate_hz = float(self.diagnostics.camera().get('rate out (Hz)', '0'))
                progress.show(self.diagnostics.count('frames out'), rate_hz)
            return self._player_is_done() and self._accounted(counts.seconds)

        try:
            self._wait(over, 'All frames are translated', float('inf'))
        finally:
            progress.end()

    def _counts(self) -> tuple[int, int]:
        """Return the frames that arrived in the node, and those that it is done with."""
        ended = sum(map(self.diagnostics.count, ('frames out', 'frames dropped', 'frames failed')))
        return self.diagnostics.count('frames in'), ended

    def _player_is_done(self) -> bool:
        return self._processes[PLAYER].exit_status() in PLAYED

    def _accounted(self, still_s: float) -> bool:
        arrived, ended = self._counts()
        if ended >= self._sent():
            return True
        # What is missing was lost on the way, or the node is busy with it.
        return still_s > (LOST_S if arrived == ended else STUCK_S)

    def _sent(self) -> int:
        log = self._logs / 'sends.jsonl'
        return len(read_moments(log, self._camera.image_topic, 'send_ns').times_ns)

    def reason(self) -> str:
        """Say where the frames were lost, as far as the node knows."""
        values = self.diagnostics.camera()
        if error := values.get('last error'):
            return f': {error}'
        return '' if self.diagnostics.count('frames in') else ': none reached the node'

    def wait_for_recorder(self, folder: Path) -> None:
        """Wait until the recorder has written down what the node has sent."""
        size = Stillness()
        self._wait(lambda: size.look(bag_bytes(folder)) > QUIET_S, 'The recorder is done', STUCK_S)

    def _wait(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        def updated() -> bool:
            self.diagnostics.update()
            return condition()

        self._processes.wait(updated, what, timeout_s)


class ProgressLine:
    """How far the run is: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, total: int) -> None:
        """Expect a number of frames."""
        self._total = total
        self._line = self._shown = ''
        self._next_s = 0.0

    def show(self, done: int, rate_hz: float) -> None:
        """Tell how many frames came out, and how fast at present."""
        self._line = f'{done}/{self._total} frames'
        if rate_hz > 0 and done < self._total:
            left_s = (self._total - done) / rate_hz
            self._line += f', {rate_hz:.1f} Hz, {left_s:.0f} s left'
        terminal, now_s = sys.stdout.isatty(), time.monotonic()
        if terminal or now_s >= self._next_s:
            self._next_s = now_s + QUIET_PROGRESS_S
            self._print('\r' if terminal else '\n')

    def end(self) -> None:
        """Leave the last state on a line of its own."""
        if sys.stdout.isatty() or self._line != self._shown:
            self._print('\n')

    def _print(self, end: str) -> None:
        self._shown = self._line
        print(f'{self._line:<60}' if sys.stdout.isatty() else self._line, end=end, flush=True)


class Stillness:
    """For how long a value has not changed."""

    def __init__(self) -> None:
        """Begin with the first look."""
        self._value: object = None
        self._since_s = 0.0
        self.seconds = 0.0

    def look(self, value: object) -> float:
        """Take a look; return the seconds since the last change, 0 at a change."""
        now_s = time.monotonic()
        if value != self._value:
            self._value, self._since_s = value, now_s
        self.seconds = now_s - self._since_s
        return self.seconds


def bag_bytes(folder: Path) -> int:
    """Return how much has been recorded, whatever the unfinished bag is called."""
    files = [path for bag in folder.glob(f'{BAG}*') for path in bag.rglob('*')]
    return sum(path.stat().st_size for path in files if path.is_file())
