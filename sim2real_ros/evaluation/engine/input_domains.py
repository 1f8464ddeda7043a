"""Measures of whether the simulated frames are like those that each model was trained on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sim2real_ros.errors import DataError, ModelError
from sim2real_ros.evaluation.domain.fit import fit_input_domain
from sim2real_ros.evaluation.domain.out_of_domain import OutOfDomain
from sim2real_ros.evaluation.engine.candidates import Candidate, ModelCandidate
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.frames.frame_set import FrameSet
from sim2real_ros.evaluation.measure import Measure
from sim2real_ros.runtime.input_domain import InputDomain


def domain_measures(
    candidates: Sequence[Candidate], training_sim: Path | None
) -> tuple[dict[str, Sequence[Measure]], list[str]]:
    """Find what is known of the models' training frames.

    Args:
        candidates: Models may carry it in their cards.
        training_sim: Frames that all others were trained on; None where they are unknown.

    Returns:
        Measures by name of the candidate, none for candidates of which nothing is known; and
        warnings.

    Raises:
        DataError: ``training_sim`` is no set of frames.
    """
    found: dict[str, Sequence[Measure]] = {}
    unknown, warnings = [], []
    for candidate in candidates[1:]:
        domain = None
        if isinstance(candidate, ModelCandidate):
            try:
                domain = InputDomain.of_card(candidate.pool.model.card)
            except ModelError as error:
                warnings.append(str(error))
        if domain is None:
            unknown.append(candidate.name)
        else:
            found[candidate.name] = (OutOfDomain(domain),)
    if training_sim is None or not unknown:
        return found, warnings
    frames = FrameSet(training_sim)
    try:
        fitted = OutOfDomain(fit_input_domain(_images(frames)))
    except DataError as error:
        return found, [*warnings, f'nothing is said about frames out of domain: {error}']
    return {**found, **dict.fromkeys(unknown, (fitted,))}, warnings


def _images(frames: FrameSet) -> Iterator[RgbImage]:
    for pending in frames.pending():
        try:
            yield frames.load(pending)[0].image
        except DataError:
            # The fit says how many frames it needs.
            continue
