"""Two ways to execute a launch file: ROS's own launch, and play-launch where there is none."""

import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import play_launch_setup

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = 'sim2real_ros'
EXECUTABLES = {
    'perception_proxy': 'perception_proxy',
    'bag_player': 'bags.player',
    'bag_recorder': 'bags.recorder',
}
PATIENCE_S = 120.0

# What `ros2 launch` does, without needing the command.
ROS_LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
path, *words = sys.argv[1:]
arguments = [word.split(':=', 1) for word in words]
include = IncludeLaunchDescription(
    PythonLaunchDescriptionSource(path), launch_arguments=arguments)
service = LaunchService(noninteractive=True)
service.include_launch_description(LaunchDescription([include]))
sys.exit(service.run())
"""


def install(prefix: Path) -> Path:
    """Lay out the package below a prefix as colcon does; return the prefix."""
    share = prefix / 'share' / PACKAGE
    share.mkdir(parents=True)
    shutil.copy(REPOSITORY / 'package.xml', share)
    for folder in ('launch', 'config', 'models'):
        shutil.copytree(REPOSITORY / folder, share / folder)
    index = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / PACKAGE).touch()
    programs = prefix / 'lib' / PACKAGE
    programs.mkdir(parents=True)
    for name, module in EXECUTABLES.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {PACKAGE}.ros.{module} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return prefix


class Launcher:
    """Executes the launch files of an installed package."""

    def __init__(self, prefix: Path, folder: Path, environ: dict[str, str]):
        self.prefix = prefix
        self.folder = folder
        self.is_real = importlib.util.find_spec('launch_ros') is not None
        paths = [str(prefix)]
        if self.is_real:
            environ = {**environ}
        else:
            package = play_launch_setup.package_folder()
            environ = {**environ, **play_launch_setup.prepare(folder / 'shim')}
            paths += play_launch_setup.prefixes(package)
            self._binary = str(play_launch_setup.binary(package))
        paths += filter(None, [environ.get('AMENT_PREFIX_PATH')])
        self.environ = {**environ, 'AMENT_PREFIX_PATH': os.pathsep.join(paths)}

    def command(self, name: str, arguments: dict[str, object]) -> list[str]:
        words = [f'{key}:={value}' for key, value in arguments.items()]
        if self.is_real:
            path = self.prefix / 'share' / PACKAGE / 'launch' / name
            return [sys.executable, '-c', ROS_LAUNCH, str(path), *words]
        options = ['--disable-all', '--log-dir', str(self.folder / 'log')]
        return [self._binary, 'launch', *options, PACKAGE, name, *words]

    def run(self, file_name: str, /, **arguments: object) -> tuple[int, str]:
        """Execute a launch file to its end; return exit code and all output."""
        with self.started(file_name, **arguments) as process:
            output, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, output + self.node_output()

    @contextlib.contextmanager
    def started(
        self, file_name: str, environ: dict[str, str] | None = None, /, **arguments: object
    ):
        """Execute a launch file; interrupted afterwards if it still runs."""
        process = subprocess.Popen(
            self.command(file_name, arguments),
            env={**self.environ, **(environ or {})},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.communicate(timeout=30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()

    def node_output(self) -> str:
        """Return what the nodes wrote, which play-launch keeps in files."""
        files = sorted(self.folder.glob('log/2*/node/*/[oe][ur][tr]'))
        return ''.join(path.read_text(errors='replace') for path in files)
