"""The programs in tools/ are no package: their modules are imported as the programs do it."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / 'tools/benchmarks'


@pytest.fixture
def import_benchmarks(monkeypatch):
    """Give a function that imports modules of the benchmarks: attributes by their names."""

    def imported(*names):
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        return SimpleNamespace(**{name: import_module(name) for name in names})

    return imported
