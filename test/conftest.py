"""How tests are shared out among processes: `pytest -n 2 --dist loadgroup`."""

from pathlib import Path

import pytest

ROS_GRAPHS = ('ros', 'launch', 'tools')
"""Folders whose tests start nodes and wait for their discovery: never two of them at once."""

TEST = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(TEST).parts[0] in ROS_GRAPHS:
            item.add_marker(pytest.mark.xdist_group('ROS graph'))
