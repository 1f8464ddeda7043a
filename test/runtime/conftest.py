from pathlib import Path

import graph_cases
import pytest

from sim2real_ros.runtime.backends import GENERAL_BACKENDS
from sim2real_ros.runtime.translator import Translator


@pytest.fixture(params=GENERAL_BACKENDS)
def load(request, tmp_path):
    """Load a model, given as proto or as path, into one of the back ends."""
    pytest.importorskip(request.param)

    def load_with(proto, card=None, **options):
        path = proto
        if not isinstance(proto, str | Path):
            path = graph_cases.save(proto, tmp_path / 'model.onnx', card)
        return Translator.load(path, backend=request.param, **options)

    load_with.backend = request.param
    return load_with
