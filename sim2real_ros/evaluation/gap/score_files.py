"""Scores per image from JSON files, so that any perception can be compared."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.bootstrap import resampled_means
from sim2real_ros.evaluation.gap.closing import gap_of_samples
from sim2real_ros.evaluation.gap.comparison import (
    ComparedScore,
    Comparison,
    notes_about_images,
)
from sim2real_ros.evaluation.quantity import Better

MAX_FILE_BYTES = 64 * 2**20
TRAININGS = ('sim', 'translated', 'real')

_KEYS = ('scores', 'title', 'unit', 'better')


@dataclass(frozen=True, eq=False)
class ImageScores:
    """A number for each image.

    Attributes:
        scores: By name of the image, finite.
        title: For people.
        unit: For people; '' for shares.
        better: Which way is good; None where the file does not say.
    """

    scores: dict[str, float]
    title: str = 'score'
    unit: str = ''
    better: Better | None = None


def read_scores(path: Path) -> ImageScores:
    """Read a file of scores: ``{"a.png": 0.8, ...}``.

    Or ``{"title": "lane error", "unit": "m", "better": "lower", "scores": {"a.png": 0.1, ...}}``.

    Raises:
        DataError: It cannot be read, or is no such file.
    """
    found = _json(path)
    if isinstance(found, dict) and isinstance(found.get('scores'), dict):
        unknown = sorted(set(found) - set(_KEYS))
        if unknown:
            raise DataError(
                f'{str(path)!r}: unknown key {unknown[0][:100]!r}; expected {", ".join(_KEYS)}.'
            )
        texts = {key: found.get(key, '') for key in ('title', 'unit')}
        better = found.get('better')
        if not all(isinstance(each, str) for each in texts.values()):
            raise DataError(f'{str(path)!r}: title and unit must be text.')
        if better not in (None, 'higher', 'lower'):
            raise DataError(f'{str(path)!r}: better must be "higher" or "lower".')
        scores = _numbers(found['scores'], path)
        return ImageScores(scores, texts['title'] or 'score', texts['unit'], better)
    if not isinstance(found, dict):
        raise DataError(f'{str(path)!r}: expected {{"image": number, ...}}.')
    return ImageScores(_numbers(found, path))


def compare_score_files(paths: Sequence[Path], better: Better | None = None) -> Comparison:
    """Compare the mean scores of three perceptions on the same images.

    Args:
        paths: Files of sim, translated and real.
        better: Which way is good; None = as the files say, else ``higher``.

    Raises:
        DataError: A file cannot be read, they contradict each other, or have no image in common.
    """
    files = [read_scores(path) for path in paths]
    names = [name for name in files[0].scores if all(name in each.scores for each in files)]
    names.sort()
    if not names:
        raise DataError('The three files of scores have no image in common.')
    said = {each.better for each in files if each.better is not None}
    if better is None and len(said) > 1:
        raise DataError('The files of scores contradict each other in "better".')
    table = np.array([[each.scores[name] for each in files] for name in names], np.float64)
    samples = np.concatenate((table.mean(axis=0)[None], resampled_means(table))).T
    direction = better or next(iter(said), None) or 'higher'
    gap = gap_of_samples(samples[0], samples[1], samples[2], len(names), better=direction)
    missing = sorted(set().union(*(each.scores for each in files)) - set(names))
    facts = [
        {'file': path.name, 'images': len(each.scores)}
        for path, each in zip(paths, files, strict=True)
    ]
    return Comparison(
        f'{files[0].title}: perception made with simulated, translated and real images',
        'the images of the files of scores',
        len(names),
        (ComparedScore('score', files[0].title, gap, unit=files[0].unit),),
        dict(zip(TRAININGS, facts, strict=True)),
        (*notes_about_images(len(names)), f'{direction} scores are better.'),
        tuple(f'{name}: not in all three files' for name in missing),
    )


def _json(path: Path) -> Any:
    try:
        with path.open('rb') as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise DataError(f'{str(path)!r} is larger than {MAX_FILE_BYTES} bytes.')
        return json.loads(content, object_pairs_hook=_unique, parse_constant=_refused)
    except (OSError, ValueError, RecursionError) as error:
        reason = ' '.join(str(error).split())[:300]
        raise DataError(f'Cannot read the scores {str(path)!r}: {reason}.') from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError('a key appears twice')
    return found


def _refused(constant: str) -> float:
    raise ValueError(f'{constant} is no score')


def _numbers(values: dict[str, Any], path: Path) -> dict[str, float]:
    found = {}
    for name, value in values.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(_float(value)):
            raise DataError(
                f'{str(path)!r}: the score of {name[:100]!r} is {str(value)[:100]!r}; expected a '
                'number.'
            )
        found[name] = _float(value)
    if not found:
        raise DataError(f'{str(path)!r} holds no score.')
    return found


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
