"""What must be known to compare an evaluation's numbers with others."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import cv2
import numpy as np

from sim2real_ros import __version__
from sim2real_ros.evaluation.engine.options import EvaluateOptions
from sim2real_ros.evaluation.results import CandidateResults

_PACKAGES = ('onnxruntime', 'pillow')


def protocol_of(
    options: EvaluateOptions,
    candidates: Sequence[CandidateResults],
    networks: Mapping[str, str],
) -> dict[str, str]:
    """Write down sources, sizes, networks, seeds and versions.

    Args:
        options: Of the evaluation.
        candidates: Their numbers of frames are told.
        networks: How each network that describes images was fed, by name.
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
        **{f'features {name}': text for name, text in networks.items()},
        'colour thresholds': ', '.join(options.thresholds) or 'none',
        'seed': str(options.seed),
        'intervals': '95 %, percentile bootstrap over frames, 1000 resamples; neighbouring frames '
        'are alike, so true intervals are wider',
        'sim2real_ros': __version__,
        'libraries': ', '.join(_versions()),
    }


def _versions() -> list[str]:
    found = [f'numpy {np.__version__}', f'opencv {cv2.__version__}']
    for package in _PACKAGES:
        try:
            found.append(f'{package} {version(package)}')
        except PackageNotFoundError:
            continue
    return found
