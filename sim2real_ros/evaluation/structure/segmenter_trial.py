"""Try a segmenter in a child process first; see ``runtime.trial_run``."""

from pathlib import Path

from sim2real_ros.evaluation.structure.onnx_segmenter import OnnxSegmenter
from sim2real_ros.runtime.trial_run import DEFAULT_TIMEOUT_S, run_in_trial


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
    told = None if card is None else str(card)
    run_in_trial(_segment_once, path, (told,), timeout_s=timeout_s, gives='mask')


def _segment_once(path: str, card: str | None) -> None:
    OnnxSegmenter(path, card)
