"""What must be known to compare an evaluation's numbers with others."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import numpy as np

from sim2real_ros import __version__
from sim2real_ros.evaluation.engine.options import EvaluateOptions
from sim2real_ros.evaluation.engine.set_values import SetValues
from sim2real_ros.evaluation.results import CandidateResults
from sim2real_ros.files import sha256_of_file

_PACKAGES = ('onnxruntime', 'pillow')


def protocol_of(
    options: EvaluateOptions,
    candidates: Sequence[CandidateResults],
    sets: SetValues,
) -> dict[str, str]:
    """Write down sources, sizes, networks, seeds and versions.

    Args:
        options: Of the evaluation.
        candidates: Their numbers of frames are told.
        sets: How the sets of images were compared.
    """
    counts = ', '.join(f'{each.name} {each.frames}' for each in candidates)
    size = f'{options.size[0]}x{options.size[1]} px' if options.size else 'as they are'
    sample = f'at most {options.max_frames} of each' if options.max_frames else 'all'
    return {
        'simulated frames': str(options.sim),
        'real frames': str(options.real or 'none'),
        'frames judged': counts,
        'sample': sample,
        'size of the frames': size,
        **{f'features {name}': text for name, text in sets.networks.items()},
        'distances of sets': sets.protocol,
        'colour thresholds': ', '.join(options.thresholds) or 'none',
        **_perception(options),
        'seed': str(options.seed),
        'intervals': '95 %, percentile bootstrap over frames, 1000 resamples; neighbouring frames '
        'are alike, so true intervals are wider',
        'sim2real_ros': __version__,
        'libraries': ', '.join(_versions()),
    }


def _perception(options: EvaluateOptions) -> dict[str, str]:
    """Name the networks and descriptions that were given, each with what tells it from others."""
    files = {
        'camera and lane': Path(options.camera) if options.camera else None,
        'segmenter': options.segmenter,
        'detector': options.detector,
        'labels': options.labels,
        'LPIPS': options.lpips,
    }
    return {name: _described(path) for name, path in files.items() if path is not None}


def _described(path: Path) -> str:
    if not path.is_file():
        return str(path)
    return f'{path}; sha256 {sha256_of_file(path)[:12]}'


def _versions() -> list[str]:
    found = [f'numpy {np.__version__}', f'opencv {cv2.__version__}']
    for package in _PACKAGES:
        try:
            found.append(f'{package} {version(package)}')
        except PackageNotFoundError:
            continue
    return found
