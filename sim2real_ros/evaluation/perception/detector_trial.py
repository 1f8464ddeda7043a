"""The child process in which a detector is tried on a grey image before it is trusted."""

import sys

from sim2real_ros.runtime.trial_run import answer_trial


def _detect_once(path: str) -> None:
    # Imported under the limits.
    import numpy as np

    from sim2real_ros.evaluation.perception.detector_description import load_description
    from sim2real_ros.evaluation.perception.detector_onnx import OnnxDetector

    width, height = load_description(path).input.size
    grey = np.full((height, width, 3), 128, np.uint8)
    OnnxDetector.load(path, trial=False).detect(grey, 0.0)


def _child(path: str, cpu_s: str) -> int:
    return answer_trial(path, int(cpu_s), lambda: _detect_once(path))


if __name__ == '__main__':
    sys.exit(_child(*sys.argv[1:]))
