"""Loads models in a thread of its own while the old one goes on translating."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path

from sim2real_ros.errors import ModelError, Sim2RealError
from sim2real_ros.resources import shipped_models
from sim2real_ros.ros.parameters import ProxyParameters
from sim2real_ros.runtime.batch_sizes import find_batch_sizes
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.runtime.translator import Size, Translator
from sim2real_ros.runtime.trial_run import trial_run

_QUICKLY_PARSED_BYTES = 4 * 2**20
_POLL_S = 0.1


@dataclass(frozen=True)
class ModelRequest:
    """Everything that decides how a model is loaded; see ProxyParameters for the meanings.

    Its fields are named like the parameters: a change of one of these loads the model anew.
    """

    model: str
    backend: str
    provider: str
    precision: str
    size: tuple[int, int] | None
    batching: str
    cameras: tuple[str, ...]
    threads: int
    warm_up: bool
    trial_run: bool


def model_request(parameters: ProxyParameters) -> ModelRequest:
    """Return what the node's parameters ask for."""
    return ModelRequest(
        model=parameters.model,
        backend=parameters.backend,
        provider=parameters.provider,
        precision=parameters.precision,
        size=parameters.model_size,
        batching=parameters.batching,
        cameras=parameters.cameras,
        threads=parameters.threads,
        warm_up=parameters.warm_up,
        trial_run=parameters.trial_run,
    )


def find_model(name: str) -> Path:
    """Return the path of a model given as path or as the name of one that is shipped.

    Raises:
        ModelError: It is a name, and no shipped model has it.
    """
    if '/' in name or name.endswith('.onnx'):
        return Path(name).expanduser()
    shipped = shipped_models()
    if name not in shipped:
        known = ', '.join(sorted(shipped)) or 'none'
        raise ModelError(
            f'No model named {name!r}; known names: {known}. Or give the path of an .onnx file.'
        )
    return shipped[name]


def reason_against_model(name: str) -> str:
    """Look at a model file without loading it; '' when nothing speaks against it.

    A large file is only looked for here: parsing it would hold up the frames.
    """
    try:
        path = find_model(name)
        if not (path.is_file() and path.stat().st_size > _QUICKLY_PARSED_BYTES):
            open_model(path)
    except (Sim2RealError, OSError, ValueError) as error:
        return str(error)
    return ''


def load_translator(request: ModelRequest, frame_sizes: Sequence[Size] = ()) -> Translator:
    """Load a model as requested; takes as long as it takes.

    Args:
        request: What to load.
        frame_sizes: (width, height) of the frames to come, where known: it is warmed up at each.

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
        precision=request.precision,
        size=request.size,
    )
    if request.warm_up:
        sizes: Sequence[Size | None] = frame_sizes or [None]
        for size in sizes:
            translator.warm_up(size)
    translator.batch_sizes = find_batch_sizes(
        translator,
        len(request.cameras),
        batching=request.batching,
        size=next(iter(frame_sizes), None),
    )
    return translator


def load_while(request: ModelRequest, goes_on: Callable[[], bool]) -> Translator | None:
    """Load a model in a thread, so that a signal need not wait for it.

    Args:
        request: What to load.
        goes_on: Asked ten times a second whether the result is still wanted.

    Returns:
        The warm model; None when it is not wanted any more.

    Raises:
        Sim2RealError: The model cannot be used; the message says why.
    """
    outcome: Future[Translator] = Future()

    def load() -> None:
        try:
            outcome.set_result(load_translator(request))
        # Carried to the waiting thread, whatever it is.
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=load, name='model_loading', daemon=True).start()
    while goes_on():
        with contextlib.suppress(FutureTimeoutError):
            return outcome.result(_POLL_S)
    return None


@dataclass(frozen=True)
class LoadedModel:
    """The outcome of one request.

    Attributes:
        ticket: The number that ``ModelLoader.request`` gave it.
        request: What was asked for.
        translator: The warm model; None where it was refused.
        reason: Why it was refused; '' where it was not.
    """

    ticket: int
    request: ModelRequest
    translator: Translator | None = None
    reason: str = ''


class ModelLoader:
    """Serves the newest request; requests that were overtaken while waiting are skipped."""

    def __init__(
        self,
        on_done: Callable[[LoadedModel], None],
        frame_sizes: Callable[[], Sequence[Size]] = tuple,
    ) -> None:
        """Start the thread.

        Args:
            on_done: Called in the loader's thread with every outcome.
            frame_sizes: Called there, too: (width, height) of the frames to come.
        """
        self._on_done = on_done
        self._frame_sizes = frame_sizes
        self._changed = threading.Condition()
        self._ticket = 0
        self._next: ModelRequest | None = None
        self._closed = False
        self.loading = False
        self._thread = threading.Thread(target=self._run, name='model_loader', daemon=True)
        self._thread.start()

    def request(self, request: ModelRequest) -> int:
        """Ask for a model; return a ticket, higher than those of all requests before."""
        with self._changed:
            self._ticket += 1
            self._next = request
            self.loading = True
            self._changed.notify()
            return self._ticket

    def cancel(self) -> None:
        """Forget a request that is still waiting."""
        with self._changed:
            self._next = None

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
                ticket, request, self._next = self._ticket, self._next, None
            if self._closed or request is None:
                return
            outcome = self._serve(ticket, request)
            if not self._closed:
                self._on_done(outcome)

    def _serve(self, ticket: int, request: ModelRequest) -> LoadedModel:
        try:
            return LoadedModel(ticket, request, load_translator(request, self._frame_sizes()))
        except Sim2RealError as error:
            return LoadedModel(ticket, request, reason=str(error))
        # A runtime may raise anything on a model that nobody has seen before.
        except Exception as error:
            return LoadedModel(ticket, request, reason=f'{type(error).__name__}: {error}')
