"""All measures, in the groups and the order in which they are shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sim2real_ros.evaluation.artefacts.border_stripes import BorderStripes
from sim2real_ros.evaluation.artefacts.checkerboard import Checkerboard
from sim2real_ros.evaluation.artefacts.colour_inversion import ColourInversion
from sim2real_ros.evaluation.artefacts.frozen_output import FrozenOutput
from sim2real_ros.evaluation.artefacts.mask_fit import MaskFit
from sim2real_ros.evaluation.artefacts.output_diversity import OutputDiversity
from sim2real_ros.evaluation.colours.thresholds import load_thresholds
from sim2real_ros.evaluation.engine.candidates import REAL_NAME, SIM_NAME
from sim2real_ros.evaluation.engine.details import with_details_marked
from sim2real_ros.evaluation.engine.options import EvaluateOptions
from sim2real_ros.evaluation.measure import Measure
from sim2real_ros.evaluation.pairs.lpips import Lpips, LpipsNetwork
from sim2real_ros.evaluation.pairs.ms_ssim import MsSsim
from sim2real_ros.evaluation.pairs.psnr import Psnr
from sim2real_ros.evaluation.pairs.ssim import Ssim
from sim2real_ros.evaluation.perception.detection_agreement import DetectionAgreement
from sim2real_ros.evaluation.perception.detection_scores import DetectionScores
from sim2real_ros.evaluation.perception.detection_truth import DetectionTruth
from sim2real_ros.evaluation.perception.detector_onnx import OnnxDetector
from sim2real_ros.evaluation.perception.lane_measures import lane_measures
from sim2real_ros.evaluation.perception.lane_perception import load_lane_perception
from sim2real_ros.evaluation.perception.shipped import perception_file
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.results import QuantityGroup
from sim2real_ros.evaluation.structure.block_displacement import BlockDisplacement
from sim2real_ros.evaluation.structure.edge_agreement import EdgeAgreement
from sim2real_ros.evaluation.structure.gradient_correlation import GradientCorrelation
from sim2real_ros.evaluation.structure.keypoint_matches import KeypointMatches
from sim2real_ros.evaluation.structure.label_preservation import label_measures
from sim2real_ros.evaluation.structure.objects import ObjectFates
from sim2real_ros.evaluation.structure.onnx_segmenter import OnnxSegmenter
from sim2real_ros.evaluation.structure.segmenter_trial import try_segmenter
from sim2real_ros.evaluation.temporal.determinism import REPEAT_DIFFERENCE
from sim2real_ros.evaluation.temporal.flicker import Flicker
from sim2real_ros.evaluation.temporal.warp_error import WarpError
from sim2real_ros.labels import read_labels


@dataclass(frozen=True)
class MeasureGroup:
    """Measures that answer one question.

    Attributes:
        key: See ``QuantityGroup``.
        title: See ``QuantityGroup``.
        description: See ``QuantityGroup``.
        measures: Asked about every candidate.
        own: Further ones by name of the only candidate that they are asked about.
        further: Quantities that no measure gives, but the engine itself.
    """

    key: str
    title: str
    description: str
    measures: Sequence[Measure] = ()
    own: Mapping[str, Sequence[Measure]] = field(default_factory=dict)
    further: Sequence[Quantity] = ()

    def quantity_group(self) -> QuantityGroup:
        """Say what the measures answer with, each quantity once."""
        measures = [*self.measures, *(each for own in self.own.values() for each in own)]
        quantities = {each.key: each for measure in measures for each in measure.quantities}
        found = (*quantities.values(), *self.further)
        return QuantityGroup(self.key, self.title, self.description, found)


def measures_of(groups: Iterable[MeasureGroup], candidate: str) -> list[Measure]:
    """Return everything that is asked about one candidate."""
    return [
        measure for group in groups for measure in (*group.measures, *group.own.get(candidate, ()))
    ]


def measure_groups(
    options: EvaluateOptions, domain_measures: Mapping[str, Sequence[Measure]]
) -> list[MeasureGroup]:
    """Put the measures together.

    Args:
        options: Which need a network, thresholds or a camera is told here.
        domain_measures: Those of the inputs' domain, by candidate.

    Raises:
        Sim2RealError: A network or description cannot be used.
    """
    return [
        MeasureGroup(
            'perception',
            'Does perception see what it should?',
            "A robot's own detectors on the simulated, the translated and the real frames.",
            _perception(options),
        ),
        MeasureGroup(
            'structure',
            'Is everything still where it was?',
            'Labels of the simulated frames hold for the translated ones only if nothing moved, '
            'vanished or appeared.',
            _structure(options),
        ),
        MeasureGroup(
            'artefacts',
            'Are there defects?',
            'Failures that generators are known for.',
            (OutputDiversity(), FrozenOutput(), ColourInversion(), BorderStripes(),
             Checkerboard()),
        ),
        MeasureGroup(
            'temporal',
            'Is it steady?',
            'What changes from frame to frame though nothing in the input does.',
            (Flicker(), WarpError()),
            further=(REPEAT_DIFFERENCE,),
        ),
        MeasureGroup(
            'pairs',
            'How near is it to the right answer?',
            'Distances to the known right answer of each frame.',
            _pairs(options),
        ),
        MeasureGroup(
            'inputs',
            'Can the inputs be trusted?',
            'Whether the masks fit the simulated frames, and whether the frames are like those '
            'that the models were trained on.',
            own=_joined({SIM_NAME: (MaskFit(),), REAL_NAME: (MaskFit(),)}, domain_measures),
        ),
    ]  # fmt: skip


def watched_quantities(groups: Iterable[MeasureGroup]) -> list[Quantity]:
    """Choose the quantities whose worst frames are worth looking at: one for each group."""
    watched = ('perception', 'structure', 'temporal')
    return [
        next(
            each
            for each in with_details_marked(group.quantity_group()).quantities
            if each.better != 'neither' and not each.is_detail
        )
        for group in groups
        if group.key in watched and group.measures
    ]


def _perception(options: EvaluateOptions) -> Sequence[Measure]:
    thresholds = [load_thresholds(perception_file(each)) for each in options.thresholds]
    camera = load_lane_perception(perception_file(options.camera)) if options.camera else None
    found = list(lane_measures(thresholds, camera)) if thresholds else []
    if options.detector:
        detector = OnnxDetector.load(options.detector)
        if options.labels:
            truth = DetectionTruth(read_labels(options.labels), detector.classes)
            found.append(DetectionScores(detector, truth))
        found.append(DetectionAgreement(detector))
    return found


def _structure(options: EvaluateOptions) -> Sequence[Measure]:
    found: list[Measure] = [
        EdgeAgreement(),
        GradientCorrelation(),
        BlockDisplacement(),
        KeypointMatches(),
    ]
    if options.object_ids:
        found.append(ObjectFates(options.object_ids))
    if options.segmenter:
        try_segmenter(options.segmenter)
        found += label_measures(OnnxSegmenter(options.segmenter))
    return found


def _pairs(options: EvaluateOptions) -> Sequence[Measure]:
    if options.targets is None:
        return ()
    found: list[Measure] = [Psnr(), Ssim(), MsSsim()]
    if options.lpips:
        found.append(Lpips(LpipsNetwork.from_folder(options.lpips)))
    return found


def _joined(
    *tables: Mapping[str, Sequence[Measure]],
) -> dict[str, Sequence[Measure]]:
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: [m for table in tables for m in table.get(name, ())] for name in names}
