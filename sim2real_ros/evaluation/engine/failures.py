"""Which errors of a measure are those of an odd frame, and how they are told."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from sim2real_ros.errors import Sim2RealError

T = TypeVar('T')

# What unforeseen numbers and sizes lead to. Errors that have nothing to do with data, such as a
# wrong name or type, are none of them: these stop the evaluation.
_OF_DATA = (cv2.error, ValueError, ArithmeticError, LookupError, np.linalg.LinAlgError)

_MAX_TEXT = 300
_PACKAGE = Path(__file__).parents[2]


def attempt(name: str, compute: Callable[[], T]) -> tuple[T | None, str]:
    """Compute something; one odd frame must not cost hours of work.

    Args:
        name: Who computes, for an error that was not foreseen.
        compute: What.

    Returns:
        The result and ''; or None and a sentence. One about an error that was not foreseen names
        its type and line, to be reported.
    """
    try:
        return compute(), ''
    except Sim2RealError as error:
        return None, str(error)
    except _OF_DATA as error:
        frames = traceback.extract_tb(error.__traceback__)
        frame = [each for each in frames if not _is_of_library(each.filename)][-1]
        text = ' '.join(str(error).split())[:_MAX_TEXT]
        return None, (
            f'unexpected error in {name}, please report it: {type(error).__name__}: {text} '
            f'({Path(frame.filename).name}:{frame.lineno})'
        )


def _is_of_library(file: str) -> bool:
    return 'site-packages' in file and _PACKAGE not in Path(file).parents
