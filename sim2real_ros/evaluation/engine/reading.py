"""Read all frames of one set into findings, one for each candidate."""

from collections.abc import Callable, Sequence

from sim2real_ros.data import Skipped
from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.engine.findings import Findings
from sim2real_ros.evaluation.engine.looking import Looker, SeenFrame
from sim2real_ros.evaluation.frames.frame_set import FrameSet

ProgressCallback = Callable[[str, int, int | None], None]

_SHOWN_SKIPPED = 3


def read_all(
    what: str,
    frames: FrameSet,
    looker: Looker,
    findings: Sequence[Findings],
    look: Callable[[SeenFrame], None],
    progress: ProgressCallback,
) -> list[str]:
    """Read every frame of a set once.

    Args:
        what: ``sim`` or ``real``, for the progress and for warnings.
        frames: The set.
        looker: Looks at it.
        findings: Of the candidates, in the looker's order; they are filled.
        look: Called with every frame, for its pictures.
        progress: Called with every frame.

    Returns:
        Warnings.

    Raises:
        DataError: No frame of the set could be read, or no candidate has any translation.
    """
    done = 0
    for done, seen in enumerate(looker, 1):
        for each, translation, looked, problems in zip(
            findings, seen.loaded.translations, seen.looked, seen.problems, strict=True
        ):
            for problem in (*translation.problems, *problems):
                each.add_problem(seen.loaded.sim.name, problem)
            if translation.note:
                each.add_note(translation.note)
            each.add(seen.loaded.sim.name, looked)
            for key, row in translation.features.items():
                each.statistics[key].add(row)
        for problem in seen.loaded.problems:
            findings[0].add_problem(seen.loaded.sim.name, problem)
        look(seen)
        progress(what, done, frames.count)
    if not done:
        reasons = '; '.join(str(each.reason) for each in looker.skipped[:_SHOWN_SKIPPED])
        raise DataError(
            f'No {what} frame of {str(frames.path)!r} could be read: {reasons or "it has none"}.'
        )
    warnings = [_skipped_text(what, looker.skipped)] if looker.skipped else []
    without = [each for each in findings if not each.judged]
    told = [f'{each.name}: no frame has a translation ({each.problems[0]})' for each in without]
    if without and len(without) == len(findings) - 1:
        raise DataError(f'There is nothing to judge: {"; ".join(told)}.')
    return [*warnings, *told]


def _skipped_text(what: str, skipped: Sequence[Skipped]) -> str:
    shown = '; '.join(f'{each.where}: {each.reason}' for each in skipped[:_SHOWN_SKIPPED])
    more = ' ...' if len(skipped) > _SHOWN_SKIPPED else ''
    return f'{len(skipped)} {what} frames could not be read and were left out ({shown}{more})'
