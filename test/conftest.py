"""How tests are shared out among processes: `pytest -n 2 --dist loadgroup`."""

import os
from pathlib import Path

import pytest

# Torch's threads wait for each other by spinning. Beside another process on the same cores, two
# of them are five times slower than one.
os.environ.setdefault('OMP_NUM_THREADS', '1')

ROS_GRAPHS = ('ros', 'launch', 'tools')
"""Folders whose tests start nodes and wait for their discovery: never two of them at once."""

TEST = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(TEST).parts[0] in ROS_GRAPHS:
            item.add_marker(pytest.mark.xdist_group('ROS graph'))
