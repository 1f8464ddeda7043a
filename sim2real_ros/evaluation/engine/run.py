"""evaluate: everything from the sources to the results."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sim2real_ros.errors import Sim2RealError
from sim2real_ros.evaluation.artefacts.mask_fit import mask_fit_warning
from sim2real_ros.evaluation.engine.candidates import (
    REAL_NAME,
    SIM_NAME,
    Candidate,
    ModelCandidate,
    ModelOptions,
    Untranslated,
    open_candidates,
)
from sim2real_ros.evaluation.engine.details import with_details_marked
from sim2real_ros.evaluation.engine.findings import Findings
from sim2real_ros.evaluation.engine.input_domains import domain_measures
from sim2real_ros.evaluation.engine.looking import Looker, SeenFrame
from sim2real_ros.evaluation.engine.measure_table import (
    measure_groups,
    measures_of,
    watched_quantities,
)
from sim2real_ros.evaluation.engine.options import EvaluateOptions
from sim2real_ros.evaluation.engine.pictures import EvenImages, PictureCollector
from sim2real_ros.evaluation.engine.protocol import protocol_of
from sim2real_ros.evaluation.engine.reading import ProgressCallback, read_all
from sim2real_ros.evaluation.engine.set_values import SetValues
from sim2real_ros.evaluation.frame import RgbImage
from sim2real_ros.evaluation.frames.frame_set import Belongings, FrameSet
from sim2real_ros.evaluation.gap.result_gaps import with_gap_group
from sim2real_ros.evaluation.perception.pose_file import load_poses
from sim2real_ros.evaluation.results import EvaluationResults, Role, known_groups
from sim2real_ros.evaluation.temporal.determinism import REPEAT_DIFFERENCE, determinism_value
from sim2real_ros.image.opencv_threads import one_opencv_thread

NO_REAL = 'no real frames were given (--real): nothing is said about how real the frames look'


def evaluate(
    options: EvaluateOptions, progress: ProgressCallback | None = None
) -> EvaluationResults:
    """Judge translations of simulated frames, by everything that can be said of them.

    Memory does not grow with the number of frames, but for some hundred bytes of numbers each.

    Args:
        options: What, and how.
        progress: Called with every frame: what is being read, how many are done, how many there
            are (None where that is unknown).

    Raises:
        Sim2RealError: A source, model or description cannot be used; or no frame could be read.
    """
    return Evaluation(options).run(progress or (lambda *_: None))


class Evaluation:
    """One evaluation: constructing opens all sources and models, ``run`` reads them.

    Attributes:
        options: With a data set replaced by its parts.
        candidates: What is judged; the untranslated frames first.
        is_incomplete: Whether some frames could not be read or translated, after ``run``.

    Raises:
        Sim2RealError: A source, model or description cannot be used.
    """

    def __init__(self, options: EvaluateOptions) -> None:
        """Open everything; no frame is read yet."""
        self.options = options = options.resolved()
        poses = load_poses(options.poses) if options.poses else None
        beside_sim = Belongings(options.masks, options.targets, poses)
        beside_real = Belongings(options.real_masks)
        self._sim = self._frame_set(options.sim, options.topic, beside_sim)
        self._real = (
            self._frame_set(options.real, options.real_topic, beside_real)
            if options.real
            else None
        )
        models = ModelOptions(options.backend, options.provider, options.jobs)
        self.candidates = open_candidates(options.candidates, self._sim, options.topic, models)
        domains, self._warnings = domain_measures(self.candidates, options.training_sim)
        self._groups = measure_groups(options, domains)
        self._set_values = SetValues(options)
        self.is_incomplete = False

    def run(self, progress: ProgressCallback) -> EvaluationResults:
        """Read and judge everything.

        Raises:
            DataError: No frame of a source could be read.
        """
        # Frames are spread over threads already.
        with one_opencv_thread():
            return self._run(progress)

    def _run(self, progress: ProgressCallback) -> EvaluationResults:
        self._set_values.read_training_frames(progress)
        real, real_images = self._judge_real(progress)
        found, pictures = self._judge_sim(progress)
        self._set_values.fill(found, real)
        self._repeat(found, pictures)
        columns = tuple(each.results() for each in (*found, *([real] if real else ())))
        self.is_incomplete |= any(each.problems for each in columns)
        fit = mask_fit_warning(columns[0].values)
        notes = [f'{each.name}: {note}' for each in self.candidates for note in each.notes]
        notes += [f'{each.name}: {note}' for each in found for note in each.notes]
        notes += self._unmatched()
        judged = [each.name for each in self.candidates[1:]] or [SIM_NAME]
        distances, memorising = self._set_values.groups
        *asked, inputs = (each.quantity_group() for each in self._groups)
        groups = map(with_details_marked, (distances, *asked, memorising, inputs))
        results = EvaluationResults(
            f'Evaluation of {", ".join(judged)}',
            known_groups(groups, columns),
            columns,
            protocol_of(self.options, columns, self._set_values),
            (*([fit] if fit else ()), *self._set_values.warnings, *self._warnings, *notes),
            pictures.rows(real_images, REAL_NAME),
        )
        return with_gap_group(results)

    def _unmatched(self) -> list[str]:
        """Tell what was given and belongs to no frame."""
        options, sim, real = self.options, self._sim, self._real
        given = (
            (options.masks, sim.matched_masks, 'mask', 'simulated'),
            (options.targets, sim.matched_targets, 'target', 'simulated'),
            (options.real_masks, real.matched_masks if real else 0, 'mask', 'real'),
            (options.object_ids, sim.matched_masks, 'mask', 'simulated'),
        )
        return [
            f'no {what} belongs to any of the {whose} frames: they must be named like the frames, '
            'or <stamp in ns>.png'
            for wanted, matched, what, whose in given
            if wanted and not matched
        ]

    def _repeat(self, found: Sequence[Findings], pictures: PictureCollector) -> None:
        """Translate a few frames twice, by every model."""
        for candidate, findings in zip(self.candidates, found, strict=True):
            if not isinstance(candidate, ModelCandidate) or not pictures.sim_images:
                continue
            try:
                value = determinism_value(candidate.pool.translate, pictures.sim_images)
            except Sim2RealError as error:
                findings.add_problem('of the sample', f'translated twice: {error}')
                continue
            findings.values[REPEAT_DIFFERENCE.key] = value

    def _frame_set(self, path: Path, topic: str | None, belongings: Belongings) -> FrameSet:
        return FrameSet(
            path,
            topic,
            belongings,
            size=self.options.size,
            limit=self.options.max_frames,
        )

    def _judge_real(
        self, progress: ProgressCallback
    ) -> tuple[Findings | None, Sequence[RgbImage]]:
        if self._real is None:
            self._warnings.append(NO_REAL)
            return None, ()
        looker = self._looker(self._real, [Untranslated()], is_real=True)
        findings = self._findings(REAL_NAME, 'real', f'real frames of {str(self._real.path)!r}')
        images = EvenImages()
        self._read(REAL_NAME, self._real, looker, [findings], images.look, progress)
        return findings, images.images

    def _judge_sim(self, progress: ProgressCallback) -> tuple[list[Findings], PictureCollector]:
        findings = [
            self._findings(each.name, 'candidate' if number else 'sim', each.description)
            for number, each in enumerate(self.candidates)
        ]
        pictures = PictureCollector(
            [each.name for each in self.candidates],
            watched_quantities(self._groups),
            self.options.picture_width_px,
        )
        looker = self._looker(self._sim, self.candidates)
        self._read(SIM_NAME, self._sim, looker, findings, pictures.look, progress)
        return findings, pictures

    def _read(
        self,
        what: str,
        frames: FrameSet,
        looker: Looker,
        findings: Sequence[Findings],
        look: Callable[[SeenFrame], None],
        progress: ProgressCallback,
    ) -> None:
        skipped = read_all(what, frames, looker, findings, look, progress)
        self._warnings += skipped
        self.is_incomplete |= bool(skipped)

    def _looker(
        self, frames: FrameSet, candidates: Sequence[Candidate], *, is_real: bool = False
    ) -> Looker:
        names = [REAL_NAME] if is_real else [each.name for each in candidates]
        return Looker(
            frames,
            candidates,
            [measures_of(self._groups, name) for name in names],
            self._set_values.extractors,
            is_real=is_real,
            jobs=self.options.jobs,
        )

    def _findings(self, name: str, role: Role, description: str) -> Findings:
        measures = measures_of(self._groups, name)
        return Findings(name, role, description, measures, self._set_values.new_statistics())
