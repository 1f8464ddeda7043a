"""Which file the node loads for a name."""

from pathlib import Path

import pytest

from sim2real_ros.errors import ModelError
from sim2real_ros.resources import shipped_models
from sim2real_ros.ros.model_loader import find_model


@pytest.fixture
def overlay(monkeypatch, tmp_path):
    """A colcon install folder with models of its own, one of them named like a shipped one."""
    models = tmp_path / 'share/sim2real_ros/models'
    models.mkdir(parents=True)
    for name in ('overlaid', 'identity'):
        (models / f'{name}.onnx').touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    return models


def test_every_shipped_model_is_found_by_its_name(overlay):
    found = {name: find_model(name) for name in shipped_models()}
    assert found == shipped_models()
    assert found['overlaid'] == overlay / 'overlaid.onnx'
    assert found['identity'] != overlay / 'identity.onnx'


def test_what_looks_like_a_path_is_one(overlay):
    assert find_model('overlaid.onnx') == Path('overlaid.onnx')
    assert find_model('~/overlaid') == Path.home() / 'overlaid'


@pytest.mark.parametrize('name', ['', '..', 'no_such', 'a\0b', 'x' * 10_000])
def test_an_unknown_name_is_answered_with_the_known_ones(overlay, name):
    with pytest.raises(ModelError, match=r'known names: (\w+, )*identity, (\w+, )*overlaid'):
        find_model(name)
