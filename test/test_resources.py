from pathlib import Path

import pytest

from sim2real_ros import resources
from sim2real_ros.errors import ConfigError
from sim2real_ros.resources import model_path, share_folders, share_path


def pretend_installed(monkeypatch, tmp_path):
    """Place the module where pip puts it, with no source tree around."""
    module = tmp_path / 'usr' / 'lib' / 'python3' / 'site-packages' / 'sim2real_ros'
    monkeypatch.setattr(resources, '__file__', str(module / 'resources.py'))
    monkeypatch.setattr(resources.sys, 'prefix', str(tmp_path / 'prefix'))


def make_share(prefix):
    folder = prefix / 'share' / 'sim2real_ros'
    (folder / 'config').mkdir(parents=True)
    (folder / 'config' / 'a.yaml').touch()
    return folder


def test_share_path_finds_the_source_tree():
    path = share_path('config/fastdds.xml')
    assert path.is_file()
    assert (path.parents[1] / 'package.xml').is_file()


def test_share_path_prefers_the_prefix_of_the_module(monkeypatch, tmp_path):
    pretend_installed(monkeypatch, tmp_path)
    own, python, ament = (make_share(tmp_path / name) for name in ('usr', 'prefix', 'ament'))
    environ = {'AMENT_PREFIX_PATH': f'{tmp_path / "ament"}'}
    assert list(share_folders(environ=environ)) == [own, python, ament]
    assert share_path('config/a.yaml', environ=environ) == own / 'config' / 'a.yaml'


def test_share_path_searches_every_ament_prefix(monkeypatch, tmp_path):
    pretend_installed(monkeypatch, tmp_path)
    folder = make_share(tmp_path / 'second')
    environ = {'AMENT_PREFIX_PATH': f'{tmp_path / "first"}:{tmp_path / "second"}:'}
    assert share_path('config/a.yaml', environ=environ) == folder / 'config' / 'a.yaml'


def test_share_path_tells_where_it_looked(monkeypatch, tmp_path):
    pretend_installed(monkeypatch, tmp_path)
    folder = make_share(tmp_path / 'usr')
    with pytest.raises(ConfigError, match=rf"'models/b\.onnx' does not come .*{folder}"):
        share_path('models/b.onnx', environ={})


def test_share_path_says_when_nothing_is_installed(monkeypatch, tmp_path):
    pretend_installed(monkeypatch, tmp_path)
    with pytest.raises(ConfigError, match='no folder exists'):
        share_path('config', environ={})


@pytest.mark.parametrize('path', ['/etc/passwd', '../secret', 'config/../../secret'])
def test_share_path_refuses_to_leave_the_share_folder(path):
    with pytest.raises(ConfigError, match='is not a path below the share folder'):
        share_path(path)


@pytest.mark.parametrize('path', ['own.onnx', 'models/own', './own', Path('own')])
def test_model_path_takes_what_looks_like_a_path_as_it_is(path):
    assert model_path(path, environ={}) == Path(path)


def test_model_path_finds_a_shipped_model_by_name(monkeypatch, tmp_path):
    pretend_installed(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    models = make_share(tmp_path / 'usr') / 'models'
    models.mkdir()
    (models / 'night.onnx').touch()
    assert model_path('night', environ={}) == models / 'night.onnx'
    with pytest.raises(ConfigError, match=r"No model 'nigth' .* \(there are: night\)"):
        model_path('nigth', environ={})
    (tmp_path / 'night').touch()
    assert model_path('night', environ={}) == Path('night')
