"""Take the first session that works and computes what it should, and say why not the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sim2real_ros.runtime.backends.backend import BackendOptions
from sim2real_ros.runtime.backends.session_plan import Attempt, gives

Opened = TypeVar('Opened')


class AttemptError(Exception):
    """This attempt failed; the next one may work."""


class ProviderError(AttemptError):
    """The provider is not there: no attempt with it can work."""


class PrecisionError(AttemptError):
    """The precision changes the image too much, however the provider is used."""


@dataclass(frozen=True)
class Refusal:
    """An attempt that came to nothing.

    Attributes:
        attempt: What was tried.
        kind: Type of the error.
        reason: In words.
    """

    attempt: Attempt
    kind: type[AttemptError]
    reason: str

    def rules_out(self, other: Attempt) -> bool:
        """Tell whether another attempt need not be made."""
        if other.provider != self.attempt.provider:
            return False
        if self.kind is ProviderError:
            return True
        return self.kind is PrecisionError and other.precision == self.attempt.precision


@dataclass(frozen=True)
class Chosen(Generic[Opened]):
    """What works.

    Attributes:
        session: What ``open_attempt`` returned.
        attempt: How it was opened.
        refusals: Of all that was tried before.
    """

    session: Opened
    attempt: Attempt
    refusals: tuple[Refusal, ...]


def choose_session(
    attempts: Sequence[Attempt], open_attempt: Callable[[Attempt], Opened]
) -> Chosen[Opened]:
    """Open the first that works.

    Args:
        attempts: Best first.
        open_attempt: Returns something that works and was checked, or raises an AttemptError.

    Raises:
        AttemptError: The last one failed, too.
        Sim2RealError: What else ``open_attempt`` raises.
    """
    refusals: list[Refusal] = []
    for attempt in attempts:
        if any(refusal.rules_out(attempt) for refusal in refusals):
            continue
        try:
            return Chosen(open_attempt(attempt), attempt, tuple(refusals))
        except AttemptError as error:
            if attempt == attempts[-1]:
                raise
            refusals.append(Refusal(attempt, type(error), str(error)))
    raise AttemptError('no way to run the model is left')


def fallback_reason(options: BackendOptions, chosen: Chosen[Opened], expected: str) -> str:
    """Say why a session is not what the user has asked for; '' where it is.

    Args:
        options: What was asked for.
        chosen: What came of it.
        expected: The provider that should have been used.
    """
    used = chosen.attempt
    # TensorFloat32 and CUDA graphs are nobody's wish: going without them takes nothing away.
    reasons = []
    if used.provider != expected:
        reasons = [r.reason for r in chosen.refusals if r.attempt.provider == expected]
    elif not gives(options.precision, used):
        reasons = [r.reason for r in chosen.refusals if r.attempt.precision == options.precision]
        reasons = reasons or [_only_precision(used)]
    return '; '.join(dict.fromkeys(reasons))


def _only_precision(used: Attempt) -> str:
    if used.provider == 'cpu':
        return (
            "ONNX Runtime's CPU provider computes in float32 only; the back end openvino has "
            'bfloat16 where the CPU has it'
        )
    return (
        f'the {used.provider} provider computes in the precision of the file; export the model '
        'in float16 (sim2real export --fp16)'
    )
