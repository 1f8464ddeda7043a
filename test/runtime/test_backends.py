"""Choosing and creating back ends; what they compute is in test_translator.py."""

import os
import subprocess
import sys

import graph_cases
import numpy as np
import pytest
from onnx import helper

from sim2real_ros.errors import BackendError
from sim2real_ros.runtime.backends import (
    BACKENDS,
    GENERAL_BACKENDS,
    PACKAGES,
    PROVIDERS,
    BackendOptions,
    create_backend,
)
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator


@pytest.fixture
def model(tmp_path):
    return open_model(graph_cases.save(graph_cases.identity(), tmp_path / 'model.onnx'))


def hide(monkeypatch, *packages):
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)


def test_auto_takes_the_first_that_is_installed(model, monkeypatch):
    for name in GENERAL_BACKENDS:
        pytest.importorskip(name)
        assert create_backend('auto', model, BackendOptions()).name.startswith(f'{name} ')
        hide(monkeypatch, name)


def test_auto_says_when_nothing_is_installed(model, monkeypatch):
    hide(monkeypatch, *PACKAGES.values())
    with pytest.raises(BackendError, match='No inference runtime is installed: pip install'):
        create_backend('auto', model, BackendOptions())


@pytest.mark.parametrize('name', BACKENDS)
def test_a_missing_package_says_how_to_get_it(model, monkeypatch, name):
    package = PACKAGES[name]
    hide(monkeypatch, package)
    expected = f'package {package} is not installed: pip install {package}'
    with pytest.raises(BackendError, match=expected):
        create_backend(name, model, BackendOptions())


@pytest.mark.parametrize('name', BACKENDS)
def test_a_broken_package_is_told_from_a_missing_one(model, monkeypatch, name):
    pytest.importorskip(PACKAGES[name])
    module = BACKENDS[name].partition(':')[0]
    hide(monkeypatch, module)
    expected = f'package {PACKAGES[name]} is installed, but broken: '
    with pytest.raises(BackendError, match=expected):
        create_backend(name, model, BackendOptions())


@pytest.mark.parametrize('name', ['abacus', '', 'onnx', 'ONNXRuntime'])
def test_an_unknown_backend_lists_the_known(model, name):
    with pytest.raises(
        BackendError, match=f"Unknown backend '{name}'; expected auto, onnxruntime"
    ):
        create_backend(name, model, BackendOptions())


@pytest.mark.parametrize('provider', ['gpu', '', 'CUDA'])
def test_an_unknown_provider_lists_the_known(model, provider):
    with pytest.raises(BackendError, match=f"Unknown provider '{provider}'; expected auto, tens"):
        create_backend('auto', model, BackendOptions(provider))


@pytest.mark.parametrize('provider', PROVIDERS)
@pytest.mark.parametrize('name', GENERAL_BACKENDS)
def test_every_backend_answers_to_every_provider(model, name, provider):
    pytest.importorskip(name)
    backend = create_backend(name, model, BackendOptions(provider))
    assert backend.provider in PROVIDERS[1:]
    assert bool(backend.fallback) == (provider not in ('auto', backend.provider))


@pytest.mark.parametrize('name', GENERAL_BACKENDS)
def test_run_writes_into_out_or_makes_an_array(model, name):
    pytest.importorskip(name)
    backend = create_backend(name, model, BackendOptions(threads=1))
    image = graph_cases.random_image(6, 5)[np.newaxis]
    out = np.zeros_like(image)
    assert backend.run(image, out) is out
    assert np.array_equal(out, image)
    assert np.array_equal(backend.run(image, None), image)


@pytest.mark.parametrize('shape', [(1, 3, 3, 3), (1, 5, 6, 3, 1), (1, 8, 8, 3), (2, 5, 6, 3)])
@pytest.mark.parametrize('name', GENERAL_BACKENDS)
def test_run_never_writes_beyond_an_out_of_another_shape(model, name, shape):
    pytest.importorskip(name)
    backend = create_backend(name, model, BackendOptions())
    memory = np.full(4096, 7, np.uint8)
    out = memory[1024 : 1024 + np.prod(shape)].reshape(shape)
    with pytest.raises(BackendError, match=r'ONNX Runtime failed|OpenVINO returned'):
        backend.run(graph_cases.random_image(6, 5)[np.newaxis], out)
    assert (memory == 7).all()


def test_a_model_that_cannot_be_loaded_prints_nothing(tmp_path, capfd):
    pytest.importorskip('onnxruntime')
    node = helper.make_node('Identity', ['absent'], ['translated'])
    path = graph_cases.save(graph_cases.uint8_model([node]), tmp_path / 'model.onnx')
    with pytest.raises(BackendError, match=r'ONNX Runtime cannot load .*model\.onnx'):
        Translator.load(path, backend='onnxruntime', provider='cpu')
    assert capfd.readouterr() == ('', '')


def test_the_runtime_keeps_what_it_sees_to_itself(tmp_path):
    pytest.importorskip('onnxruntime')
    environment = {k: v for k, v in os.environ.items() if k != 'ORT_DISABLE_TELEMETRY'}
    code = 'import sim2real_ros.runtime.backends.onnxruntime_backend'
    subprocess.run(
        [sys.executable, '-c', code],
        env={**environment, 'XDG_CACHE_HOME': str(tmp_path), 'HOME': str(tmp_path)},
        check=True,
    )
    assert list(tmp_path.iterdir()) == []
