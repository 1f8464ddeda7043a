"""Loads models in a thread of its own while the old one goes on translating."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sim2real_ros.errors import ModelError, Sim2RealError
from sim2real_ros.resources import share_path
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.runtime.trial_run import trial_run


@dataclass(frozen=True)
class ModelRequest:
    """Everything that decides how a model is loaded; see ProxyParameters for the meanings."""

    model: str
    backend: str
    provider: str
    size: tuple[int, int] | None
    threads: int
    warm_up: bool
    trial_run: bool


def model_request(parameters: ProxyParameters) -> ModelRequest:
    """Return what the node's parameters ask for."""
    return ModelRequest(
        model=parameters.model,
        backend=parameters.backend,
        provider=parameters.provider,
        size=parameters.model_size,
        threads=parameters.threads,
        warm_up=parameters.warm_up,
        trial_run=parameters.trial_run,
    )


def find_model(name: str) -> Path:
    """Return the path of a model given as path or as the name of one in the models folder.

    Raises:
        ModelError: It is a name, and no model of the models folder has it.
    """
    if '/' in name or name.endswith('.onnx'):
        return Path(name).expanduser()
    folder = share_path('models')
    path = folder / f'{name}.onnx'
    # is_file() fails on names with NUL or of absurd length.
    try:
        found = bool(name) and path.is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        known = ', '.join(sorted(file.stem for file in folder.glob('*.onnx'))) or 'none'
        raise ModelError(
            f'No model named {name!r}; known names: {known}. Or give the path of an .onnx file.'
        )
    return path


def reason_against_model(name: str) -> str:
    """Look at a model file without loading it; '' when nothing speaks against it."""
    try:
        open_model(find_model(name))
    except Sim2RealError as error:
        return str(error)
    return ''


def load_translator(request: ModelRequest) -> Translator:
    """Load a model as requested; takes as long as it takes.

    Raises:
        Sim2RealError: The model cannot be used; the message says why.
    """
    path = find_model(request.model)
    if request.trial_run:
        trial_run(path, backend=request.backend, size=request.size)
    translator = Translator.load(
        path,
        backend=request.backend,
        provider=request.provider,
        threads=request.threads,
        size=request.size,
    )
    if request.warm_up:
        translator.warm_up()
    return translator


class ModelLoader:
    """Serves the newest request; requests that were overtaken while waiting are skipped."""

    def __init__(
        self,
        on_loaded: Callable[[ModelRequest, Translator], None],
        on_refused: Callable[[ModelRequest, str], None],
    ) -> None:
        """Start the thread.

        Args:
            on_loaded: Called in the loader's thread with the warm model.
            on_refused: Called in the loader's thread with the reason.
        """
        self._on_loaded = on_loaded
        self._on_refused = on_refused
        self._changed = threading.Condition()
        self._next: ModelRequest | None = None
        self._closed = False
        self.loading = False
        self._thread = threading.Thread(target=self._run, name='model_loader', daemon=True)
        self._thread.start()

    def request(self, request: ModelRequest) -> None:
        """Ask for a model."""
        with self._changed:
            self._next = request
            self.loading = True
            self._changed.notify()

    def close(self) -> None:
        """End the thread after the load that is under way; its result is not delivered."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self.loading = self._next is not None
                self._changed.wait_for(lambda: self._next is not None or self._closed)
                request, self._next = self._next, None
            if self._closed or request is None:
                return
            self._serve(request)

    def _serve(self, request: ModelRequest) -> None:
        try:
            translator = load_translator(request)
        except Sim2RealError as error:
            self._refuse(request, str(error))
        # A runtime may raise anything on a model that nobody has seen before.
        except Exception as error:
            self._refuse(request, f'{type(error).__name__}: {error}')
        else:
            if not self._closed:
                self._on_loaded(request, translator)

    def _refuse(self, request: ModelRequest, reason: str) -> None:
        if not self._closed:
            self._on_refused(request, reason)
