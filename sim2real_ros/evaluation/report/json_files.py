"""The numbers of an evaluation for programs: one JSON document, and one line for each frame."""

import json
import math
from collections.abc import Iterator
from typing import Any

from sim2real_ros.evaluation.results import CandidateResults, EvaluationResults


def results_json_bytes(results: EvaluationResults) -> bytes:
    """Write ``EvaluationResults.to_json`` as a file: UTF-8, indented, with a newline at the end.

    Numbers that JSON does not know become null.
    """
    document = _finite(results.to_json())
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    # Names of files may hold bytes that are no text.
    return f'{text}\n'.encode('utf-8', 'backslashreplace')


def frames_jsonl(results: EvaluationResults) -> Iterator[bytes]:
    """Yield one line of JSON for every candidate and frame.

    A line is ``{"candidate": "cut", "frame": "drive/000120.png", "values": {"edge_f1": 0.91}}``
    with a newline at the end. Values that a frame does not have are left out; frames without any
    value are there all the same. Candidates follow each other; frames are in their order.
    """
    for candidate in results.candidates:
        yield from _frame_lines(candidate)


def _frame_lines(candidate: CandidateResults) -> Iterator[bytes]:
    for row, frame in enumerate(candidate.frame_names):
        values = {
            key: float(series[row])
            for key, series in candidate.per_frame.items()
            if row < len(series) and math.isfinite(series[row])
        }
        line = {'candidate': candidate.name, 'frame': frame, 'values': values}
        text = json.dumps(line, ensure_ascii=False, allow_nan=False)
        yield f'{text}\n'.encode('utf-8', 'backslashreplace')


def _finite(node: Any) -> Any:
    """Return the same JSON values with null for numbers that are not finite."""
    if isinstance(node, dict):
        return {key: _finite(each) for key, each in node.items()}
    if isinstance(node, list | tuple):
        return [_finite(each) for each in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node
