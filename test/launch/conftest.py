"""The package, installed once for all launch tests, and what executes its launch files."""

import os

import pytest
from launchers import REPOSITORY, Launcher, install
from play_launch_setup import UnavailableError


@pytest.fixture(scope='session')
def installed(tmp_path_factory):
    return install(tmp_path_factory.mktemp('install') / 'sim2real_ros')


@pytest.fixture
def launcher(installed, tmp_path):
    pytest.importorskip('rclpy')
    environ = {k: v for k, v in os.environ.items() if not k.startswith(('FAST', 'MALLOC_'))}
    environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 101))
    environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    paths = [str(REPOSITORY), *filter(None, [environ.get('PYTHONPATH')])]
    environ['PYTHONPATH'] = os.pathsep.join(paths)
    try:
        return Launcher(installed, tmp_path, environ)
    except UnavailableError as error:
        pytest.skip(f'no launch_ros, and {error}')


@pytest.fixture
def probe(launcher):
    """A node in the same DDS domain that looks at the others."""
    from graph_probe import GraphProbe

    with GraphProbe(int(launcher.environ['ROS_DOMAIN_ID'])) as probe:
        yield probe
