"""What names a TensorRT engine, and where it lies."""

import dataclasses
import os
import re
from pathlib import Path

import graph_cases
import pytest

from sim2real_ros.runtime.backends.engine_cache import (
    EngineIdentity,
    cache_root,
    engine_identity,
    holds_engine,
    private_folder,
)
from sim2real_ros.runtime.model_file import open_model

IDENTITY = EngineIdentity('ab' * 32, {'image': (1, 4, 6, 3)}, 'float16', '1.31.1', 101600, 'H100')


@pytest.mark.parametrize(
    'change',
    [
        {'model_sha256': 'cd' * 32},
        {'shapes': {'image': (1, 6, 4, 3)}},
        {'shapes': {'image': (1, None, 6, 3)}},
        {'shapes': {'picture': (1, 4, 6, 3)}},
        {'precision': 'bfloat16'},
        {'onnxruntime': '1.31.2'},
        {'tensorrt': 101601},
        {'gpu': 'H200'},
    ],
)
def test_every_part_of_the_identity_makes_another_engine(change):
    other = dataclasses.replace(IDENTITY, **change)
    assert other.engine_key() != IDENTITY.engine_key()
    same_timings = not ({'tensorrt', 'gpu'} & set(change))
    assert (other.timing_key() == IDENTITY.timing_key()) == same_timings


def test_the_same_identity_finds_its_engine_again():
    again = dataclasses.replace(IDENTITY, shapes={'image': [1, 4, 6, 3]})
    assert again.engine_key() == IDENTITY.engine_key()


@pytest.mark.parametrize('text', ['../../etc', '/etc', 'a/b', '..', 'x\0y', '\udcff', '"},{'])
def test_no_name_leaves_the_folder(text):
    hostile = EngineIdentity(text, {text: (1,)}, text, text, 1, text)
    for key in (hostile.engine_key(), hostile.timing_key()):
        assert re.fullmatch(r'[0-9a-f]{32}', key)


def test_the_identity_is_of_the_model_not_of_its_name(tmp_path):
    keys = set()
    for name in ('one.onnx', 'an other;name.onnx'):
        model = open_model(graph_cases.save(graph_cases.identity(), tmp_path / name))
        keys.add(engine_identity(model, 'float16', '1', 2, 'gpu').engine_key())
    assert len(keys) == 1


def test_weights_in_other_files_have_no_identity(tmp_path):
    model = open_model(graph_cases.save(graph_cases.identity(), tmp_path / 'model.onnx'))
    outside = dataclasses.replace(model, content=b'')
    assert engine_identity(outside, 'float16', '1', 2, 'gpu') is None


def test_the_root_follows_the_environment_where_it_is_absolute(monkeypatch, tmp_path):
    assert cache_root({'XDG_CACHE_HOME': '/var/c'}) == Path('/var/c/sim2real_ros/tensorrt')
    monkeypatch.setenv('HOME', str(tmp_path))
    for useless in ({}, {'XDG_CACHE_HOME': ''}, {'XDG_CACHE_HOME': 'relative/path'}):
        assert cache_root(useless) == tmp_path / '.cache' / 'sim2real_ros' / 'tensorrt'


def test_a_new_folder_is_private(tmp_path):
    assert private_folder(tmp_path / 'a' / 'b') == ''
    assert (tmp_path / 'a' / 'b').stat().st_mode & 0o777 == 0o700
    assert private_folder(tmp_path / 'a' / 'b') == ''


@pytest.mark.parametrize('mode', [0o770, 0o707, 0o777])
def test_a_folder_that_others_can_write_is_refused(tmp_path, mode):
    folder = tmp_path / 'open'
    folder.mkdir()
    folder.chmod(mode)
    assert 'can be written by others' in private_folder(folder)


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'getuid', lambda: os.geteuid() + 1)
    assert 'by others' in private_folder(tmp_path / 'foreign')


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / 'file').write_text('')
    assert 'cannot be used' in private_folder(tmp_path / 'file')
    assert 'cannot be used' in private_folder(tmp_path / 'file' / 'below')


def test_only_an_engine_counts_as_one(tmp_path):
    (tmp_path / 'timing.cache').write_text('')
    assert not holds_engine(tmp_path)
    (tmp_path / 'engine_sm90.engine').write_text('')
    assert holds_engine(tmp_path)
