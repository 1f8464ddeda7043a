import ctypes
import os
import subprocess
import sys

import pytest

from sim2real_ros import resources
from sim2real_ros.ros.process_environment import PROFILE_VARIABLES, prepare


def never():
    raise AssertionError('the allocator was set against the choice of the user')


def test_prepare_chooses_the_profile_of_the_package():
    environ = {}
    found = prepare(environ, lambda: True)
    assert set(environ) == set(PROFILE_VARIABLES)
    assert all(value.endswith('config/fastdds.xml') for value in environ.values())
    assert found.transport == environ[PROFILE_VARIABLES[0]]
    assert found.allocator == 'tuned for frames'


@pytest.mark.parametrize('name', [*PROFILE_VARIABLES, 'FASTDDS_BUILTIN_TRANSPORTS'])
def test_prepare_leaves_the_transport_of_the_user(name):
    environ = {name: 'own'}
    assert prepare(environ, lambda: True).transport == f'{name}=own'
    assert environ == {name: 'own'}


@pytest.mark.parametrize('name', ['MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_'])
def test_prepare_leaves_the_allocator_of_the_user(name):
    assert prepare({name: '1'}, never).allocator == f'{name}=1'


def test_prepare_leaves_the_tunables_of_the_user():
    environ = {'GLIBC_TUNABLES': 'glibc.malloc.arena_max=1'}
    assert prepare(environ, never).allocator == 'GLIBC_TUNABLES=glibc.malloc.arena_max=1'


def test_prepare_goes_on_without_profile_and_allocator(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, '__file__', str(tmp_path / 'a' / 'b' / 'resources.py'))
    monkeypatch.setattr(resources.sys, 'prefix', str(tmp_path))
    environ = {}
    found = prepare(environ, lambda: False)
    assert environ == {}
    assert 'fastdds.xml' in found.transport
    assert found.allocator == 'default of the C library'


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), 'gnu_get_libc_version'), reason='mallopt is of glibc'
)
def test_prepare_sets_glibc_in_a_fresh_process():
    code = (
        'import sys\n'
        'from sim2real_ros.ros.process_environment import prepare\n'
        "assert prepare().allocator == 'tuned for frames'\n"
        "assert 'rclpy' not in sys.modules\n"
    )
    environ = {k: v for k, v in os.environ.items() if not k.startswith(('MALLOC_', 'GLIBC_'))}
    subprocess.run([sys.executable, '-c', code], env=environ, check=True, timeout=60)
