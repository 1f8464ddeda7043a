"""A DDS domain of this test run's own, and a client that talks to a node in another process."""

import os
from importlib.util import find_spec

import pytest

os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 101))
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'

if find_spec('rclpy') is None:
    collect_ignore_glob = ['test_*.py']


def pytest_report_header():
    if find_spec('rclpy') is None:
        return 'rclpy is not installed: the tests of the node are not collected'
    return f'ROS_DOMAIN_ID of the node tests: {os.environ["ROS_DOMAIN_ID"]}'


@pytest.fixture(scope='session')
def ros_context():
    from sim2real_ros.ros import process_environment

    process_environment.prepare()
    import rclpy

    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@pytest.fixture
def client(ros_context, request):
    from proxy_client import ProxyClient

    with ProxyClient(f'client_{abs(hash(request.node.nodeid)) % 10**8}') as client:
        yield client


@pytest.fixture
def start_proxy(tmp_path, client):
    """Start the node as a process of its own; ended after the test."""
    from proxy_client import proxies

    with proxies(client, tmp_path) as start:
        yield start


@pytest.fixture(scope='module')
def lasting_client(ros_context, request):
    """A client for all tests of a file."""
    from proxy_client import ProxyClient

    with ProxyClient(f'client_of_{request.module.__name__}') as client:
        yield client


@pytest.fixture(scope='module')
def lasting_identity(lasting_client, tmp_path_factory):
    """A node with the identity model for all tests of a file: they must leave it as it is.

    Its input is connected, its output is listened to.
    """
    from proxy_client import IN, OUT, proxies

    lasting_client.advertise(IN)
    with proxies(lasting_client, tmp_path_factory.mktemp('lasting')) as start:
        program = start(model='identity', trial_run=False)
        lasting_client.listen(OUT)
        lasting_client.wait_for_listener(IN, program)
        yield program
