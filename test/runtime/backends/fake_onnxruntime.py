"""An onnxruntime with a GPU that exists only here: sessions, buffers and failures on demand."""

from types import SimpleNamespace

import numpy as np

CUDA, TENSORRT, CPU = (f'{name}ExecutionProvider' for name in ('CUDA', 'Tensorrt', 'CPU'))


class OrtValue:
    """On 'cuda' a copy that only ``update_inplace`` changes; on the CPU the array itself."""

    def __init__(self, array, device):
        self.array, self.device = array, device

    @classmethod
    def ortvalue_from_numpy(cls, array, device='cpu', device_id=0):
        return cls(array.copy() if device == 'cuda' else array, device)

    @classmethod
    def ortvalue_from_shape_and_type(cls, shape, dtype, device='cpu', device_id=0):
        assert isinstance(shape, list)
        return cls(np.zeros(shape, dtype), device)

    def update_inplace(self, data):
        np.copyto(self.array, data.array if isinstance(data, OrtValue) else data)

    def numpy(self):
        return self.array.copy()


class OldOrtValue(OrtValue):
    """Takes arrays only, as releases did for long."""

    def update_inplace(self, data):
        if not isinstance(data, np.ndarray):
            raise TypeError('incompatible function arguments')
        super().update_inplace(data)


class Binding:
    def __init__(self):
        self.inputs, self.output, self.target = {}, None, None

    def bind_ortvalue_input(self, name, value):
        assert value.device == 'cuda'
        self.inputs[name] = value

    def bind_ortvalue_output(self, _name, value):
        assert value.device == 'cuda'
        self.output = value

    def bind_cpu_input(self, name, array):
        self.inputs[name] = SimpleNamespace(array=array)

    def bind_output(self, _name, device, _number, dtype, shape, address):
        assert device == 'cpu'
        self.target = (dtype, shape, address)


class Session:
    """Inverts the image, as wrongly as ``error(image)`` says."""

    def __init__(self, runtime, entries, error=None, stale=False):
        self.runtime, self.entries = runtime, entries
        self.providers = [name for name, _ in entries]
        self.error, self.stale, self.captured = error, stale, None
        self.fails = ''

    def get_providers(self):
        return self.providers

    def io_binding(self):
        return Binding()

    def compute(self, feeds):
        if self.fails:
            raise RuntimeError(self.fails)
        result = 255 - feeds['image'].astype(np.int16)
        if 'detail_strength' in feeds:
            result = np.rint(result * feeds['detail_strength'][0])
        if self.error is not None:
            result = result + self.error(feeds['image'])
        return np.clip(result, 0, 255).astype(np.uint8)

    def run(self, _outputs, feeds):
        return [self.compute(feeds)]

    def run_with_iobinding(self, binding):
        result = self.compute({name: value.array for name, value in binding.inputs.items()})
        if self.stale:
            self.captured = result if self.captured is None else self.captured
            result = self.captured
        binding.output.array[...] = result


class FakeRuntime:
    """Stands in for the module.

    Attributes:
        opened: Of every session: our name of its first provider, and all of its options.
        behave: Called with (provider, options, session); may change the session or raise.
    """

    __version__ = '1.99.0'
    SessionOptions = staticmethod(
        lambda: SimpleNamespace(add_session_config_entry=lambda *_entry: None)
    )

    def __init__(self, behave=lambda *_: None, providers=(TENSORRT, CUDA, CPU), values=OrtValue):
        self.opened, self.sessions, self.preloaded = [], [], []
        self.behave, self.available, self.OrtValue = behave, providers, values

    def get_available_providers(self):
        return list(self.available)

    def preload_dlls(self, directory):
        self.preloaded.append(directory)

    def InferenceSession(self, source, settings, providers, enable_fallback):
        assert not enable_fallback, 'its own retry hides which provider failed'
        session = Session(self, providers)
        provider = providers[0][0].removesuffix('ExecutionProvider').lower()
        options = dict(providers[0][1])
        self.opened.append((provider, options))
        self.behave(provider, options, session)
        self.sessions.append(session)
        return session


class FakeDriver:
    """A CudaDriver of a GPU with plenty of page-locked memory."""

    def __init__(self, name='Fake GPU'):
        self.name, self.pinned = name, []

    def gpu_name(self):
        return self.name

    def pinned_array(self, shape, dtype):
        self.pinned.append(np.empty(shape, dtype))
        return self.pinned[-1]
