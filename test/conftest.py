"""What holds for all tests."""

import atexit
import functools
import os
import tempfile
from collections.abc import Mapping

import pytest

BILATERAL_MODELS = ('bilateral_grid', 'bilateral_grid_detail')

# Torch's threads wait for each other by spinning. Beside another process on the same cores, two
# of them are five times slower than one.
os.environ.setdefault('OMP_NUM_THREADS', '1')


# numba compiles once for all tests and the processes that they start. It reads this when it is
# imported, which other conftest files do.
if 'NUMBA_CACHE_DIR' not in os.environ:
    _numba_cache = tempfile.TemporaryDirectory(prefix='numba_of_tests_')
    atexit.register(_numba_cache.cleanup)
    os.environ['NUMBA_CACHE_DIR'] = _numba_cache.name


DDS_FIXTURES = {'launcher', 'ros_context'}
NO_NODES = {
    'ROS_SECURITY_ENABLE': 'true',
    'ROS_SECURITY_STRATEGY': 'Enforce',
    'ROS_SECURITY_KEYSTORE': 'only tests marked dds start nodes',
}
"""With these, no node of this process or of a child comes up; the error names the keystore."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if DDS_FIXTURES.intersection(item.fixturenames):
            item.add_marker('dds')


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Let no test without the mark start a node: it would disturb those beside it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in () if item.get_closest_marker('dds') else NO_NODES.items():
            patch.setenv(name, value)
        return (yield)


@pytest.fixture(scope='session')
def operators_known():
    """The exporter reads the source of 500 functions for every export: half a second each."""
    from torch.onnx._internal.exporter import _registration

    table = _registration.ONNXRegistry
    build = table.from_torchlib
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, 'from_torchlib', staticmethod(functools.cache(build)))
        yield


class BilateralModels(Mapping):
    """Paths by name; each is exported when it is first asked for: an export takes ten seconds."""

    def __init__(self, folder):
        self._folder = folder

    def __getitem__(self, name):
        if name not in BILATERAL_MODELS:
            raise KeyError(name)
        path = self._folder / f'{name}.onnx'
        if not path.exists():
            from small_bilateral import write_small_bilateral

            write_small_bilateral(name, path)
        return path

    def __iter__(self):
        return iter(BILATERAL_MODELS)

    def __len__(self):
        return len(BILATERAL_MODELS)


@pytest.fixture(scope='session')
def bilateral_models(request, tmp_path_factory):
    """Two exported models of free size, by name; see small_bilateral."""
    pytest.importorskip('torch')
    request.getfixturevalue('operators_known')
    return BilateralModels(tmp_path_factory.mktemp('bilateral'))
