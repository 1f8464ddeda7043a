"""The model in use, and how another one takes its place."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.task import Future

from sim2real_ros.ros.diagnostics import ModelSituation
from sim2real_ros.ros.model_loader import LoadedModel, ModelLoader, ModelRequest
from sim2real_ros.runtime.translator import Size, Translator

_REFUSAL_SHOWN_S = 30.0


class ModelSwitch:
    """Holds the model in use and asks the loader for others. Used in the executor's thread only.

    Attributes:
        translator: The model in use; None while the node is unconfigured.
        refused: Why the newest model was refused; '' where it was not, or after a while.
    """

    def __init__(
        self,
        in_executor: Callable[..., None],
        wanted: Callable[[], ModelRequest | None],
        on_accepted: Callable[[Translator], None],
        on_refused: Callable[[ModelRequest, str], None],
        frame_sizes: Callable[[], Sequence[Size]] = tuple,
    ) -> None:
        """Start the loader.

        Args:
            in_executor: Runs a function with its arguments in the executor's thread.
            wanted: Tells what the parameters ask for now; None while nothing is wanted.
            on_accepted: Called when a model has taken over.
            on_refused: Called with the request in force and the reason when another was refused.
            frame_sizes: Called in the loader's thread: (width, height) of the frames to come.
        """
        self.translator: Translator | None = None
        self.refused = ''
        self._refused_s = 0.0
        self._wanted = wanted
        self._on_accepted = on_accepted
        self._on_refused = on_refused
        self._accepted: ModelRequest | None = None
        self._reloads: list[tuple[int, Future]] = []
        self._loader = ModelLoader(lambda loaded: in_executor(self._take, loaded), frame_sizes)

    def use(self, request: ModelRequest, translator: Translator) -> None:
        """Use a model that has been loaded already."""
        self._accepted, self.translator, self.refused = request, translator, ''
        self._on_accepted(translator)

    def refuse(self, reason: str) -> None:
        """Remember why a model cannot be used."""
        self.refused, self._refused_s = reason, time.monotonic()

    def forget(self) -> None:
        """Have no model any more, and want none."""
        self._loader.cancel()
        self._accepted = self.translator = None

    def close(self) -> None:
        """End the loader's thread."""
        self._loader.close()

    def request(self, request: ModelRequest) -> None:
        """Load a model in the background; it takes over when it is warm."""
        self._loader.request(request)

    def request_and_wait(self, request: ModelRequest) -> Future:
        """Like ``request``; the future is done when the model took over or was refused."""
        done = Future()
        self._reloads.append((self._loader.request(request), done))
        return done

    def _take(self, loaded: LoadedModel) -> None:
        """Use what the loader brings, unless something else has been asked for meanwhile."""
        if loaded.request == self._wanted() and self._accepted is not None:
            if loaded.translator is not None:
                self.use(loaded.request, loaded.translator)
            else:
                self.refuse(loaded.reason)
                self._on_refused(self._accepted, loaded.reason)
        self._answer_reloads(loaded.ticket)

    def _answer_reloads(self, ticket: int) -> None:
        """Answer those who asked for this model, or for one that it has overtaken."""
        for number, future in self._reloads:
            if number <= ticket:
                future.set_result(None)
        self._reloads = [(number, future) for number, future in self._reloads if number > ticket]

    def situation(self, values: dict[str, Any]) -> ModelSituation:
        """Describe the model for the diagnostics.

        Args:
            values: What to tell about the model in use; empty while there is none.
        """
        if self.translator is not None and time.monotonic() > self._refused_s + _REFUSAL_SHOWN_S:
            # The old model is in use, as the parameters say: nothing is wrong any more.
            self.refused = ''
        fallback = '' if self.translator is None else self.translator.backend.fallback
        return ModelSituation(values, fallback, self._loader.loading, self.refused)
