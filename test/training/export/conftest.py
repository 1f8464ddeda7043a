import functools

import pytest
from torch.onnx._internal.exporter import _registration


@pytest.fixture(scope='session', autouse=True)
def _table_of_operators_is_built_once():
    """The exporter reads the source of 500 functions for every export: half a second each."""
    table = _registration.ONNXRegistry
    build = table.from_torchlib
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, 'from_torchlib', staticmethod(functools.cache(build)))
        yield
