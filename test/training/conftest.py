import functools

import pytest


@pytest.fixture(scope='session')
def operators_known():
    """The exporter reads the source of 500 functions for every export: half a second each."""
    from torch.onnx._internal.exporter import _registration

    table = _registration.ONNXRegistry
    build = table.from_torchlib
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, 'from_torchlib', staticmethod(functools.cache(build)))
        yield
