"""The driver and TensorRT, asked through libraries that exist only here."""

import ctypes
import gc

import numpy as np
import pytest

from sim2real_ros.runtime.backends import cuda_driver
from sim2real_ros.runtime.backends.cuda_driver import (
    load_driver,
    load_tensorrt,
    tensorrt_version,
)


class Library:
    """A libcuda: functions return 0 where they succeed."""

    def __init__(self, gpus=1, init=0, memory=True):
        self.gpus, self.init, self.memory, self.allocated = gpus, init, memory, {}

    def cuInit(self, flags):
        assert flags == 0
        return self.init

    def cuDeviceGetCount(self, count):
        count._obj.value = self.gpus
        return 0

    def cuDeviceGet(self, device, number):
        device._obj.value = number
        return 0 if number < self.gpus else 101

    def cuDeviceGetName(self, name, length, device):
        name.value = b'NVIDIA Fake 9000'
        return 0

    def cuMemHostAlloc(self, address, size, flags):
        if not self.memory:
            return 2
        buffer = ctypes.create_string_buffer(size.value)
        address._obj.value = ctypes.addressof(buffer)
        self.allocated[ctypes.addressof(buffer)] = buffer
        return 0

    def cuMemFreeHost(self, address):
        del self.allocated[address.value]
        return 0


def driver(**kind):
    return load_driver(lambda name: Library(**kind))


def missing(name, mode=None):
    raise OSError(f'{name}: cannot open shared object file')


def test_a_machine_without_driver_has_no_gpu():
    assert load_driver(missing) is None


@pytest.mark.parametrize('kind', [{'gpus': 0}, {'init': 100}, {'init': 999}])
def test_a_driver_without_gpu_is_none(kind):
    assert driver(**kind) is None


def test_the_gpu_has_a_name():
    assert driver().gpu_name() == 'NVIDIA Fake 9000'


def test_a_driver_that_does_not_tell_the_name_is_no_error():
    one = driver()
    one._library.gpus = 0
    assert one.gpu_name() == 'unknown'


def test_pinned_memory_is_used_as_the_array_and_freed_with_its_last_view():
    one = driver()
    array = one.pinned_array((2, 3), np.float32)
    (address,) = one._library.allocated
    assert (array.shape, array.dtype, array.ctypes.data) == ((2, 3), np.float32, address)
    array[...] = np.arange(6).reshape(2, 3)
    view = array[1:]
    del array
    gc.collect()
    assert view.tolist() == [[3.0, 4.0, 5.0]]
    del view
    gc.collect()
    assert not one._library.allocated


@pytest.mark.parametrize('shape', [(2, 3), (0, 3)])
def test_without_pinned_memory_it_is_an_ordinary_array(shape):
    array = driver(memory=False).pinned_array(shape, np.uint8)
    assert (array.shape, array.dtype) == (shape, np.uint8)
    array[...] = 7


def test_tensorrt_needs_both_of_its_libraries():
    def load(name, mode):
        assert mode == ctypes.RTLD_GLOBAL
        return missing(name) if 'onnxparser' in name else name

    assert load_tensorrt(load) is None
    assert load_tensorrt(missing) is None


def test_tensorrt_is_found_in_its_wheel(monkeypatch, tmp_path):
    package = tmp_path / 'tensorrt_libs'
    package.mkdir()
    (package / '__init__.py').write_text('raise ImportError("must not be imported")')
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = []

    def load(name, mode):
        if '/' not in name:
            missing(name)
        loaded.append(name)
        return type('Library', (), {'getInferLibVersion': staticmethod(lambda: 101600)})

    assert tensorrt_version(load_tensorrt(load)) == 101600
    assert loaded == [str(package / name) for name in cuda_driver.TENSORRT_LIBRARIES]


def test_the_real_loader_raises_nothing():
    found = load_driver()
    assert found is None or found.gpu_name()
