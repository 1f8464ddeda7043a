"""Try a segmenter in a child process first; see ``runtime.trial_run``."""

import sys
from pathlib import Path

from sim2real_ros.runtime.trial_run import DEFAULT_TIMEOUT_S, answer_trial, run_in_trial


def try_segmenter(
    path: str | Path, card: str | Path | None = None, *, timeout_s: float = DEFAULT_TIMEOUT_S
) -> None:
    """Load a segmenter in a child process with limits on memory and time, and segment an image.

    Args:
        path: The ``.onnx`` file.
        card: Its card; None = the one beside it.
        timeout_s: Seconds after which the child is ended.

    Raises:
        ModelError: It failed, crashed its process, or took too long or too much memory.
    """
    run_in_trial(__name__, path, ('' if card is None else str(card),), timeout_s, gives='mask')


def _child(path: str, card: str, cpu_s: str) -> int:
    return answer_trial(path, int(cpu_s), lambda: _segment_once(path, card))


def _segment_once(path: str, card: str) -> None:
    # Imported under the limits.
    from sim2real_ros.evaluation.structure.onnx_segmenter import OnnxSegmenter

    OnnxSegmenter(path, card or None)


if __name__ == '__main__':
    sys.exit(_child(*sys.argv[1:]))
