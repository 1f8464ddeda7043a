"""OutOfDomain: how many of the frames are unlike those that the model was trained on."""

import numpy as np
import numpy.typing as npt

from sim2real_ros.evaluation.bootstrap import bootstrap_mean, bootstrap_statistic
from sim2real_ros.evaluation.frame import EvaluatedFrame, SimFrame
from sim2real_ros.evaluation.measure import Measure, Need, Observation, Observations
from sim2real_ros.evaluation.quantity import Quantity, Value
from sim2real_ros.runtime.frame_descriptor import Descriptor, describe_frame
from sim2real_ros.runtime.input_domain import EXPECTED_SCORE, InputDomain

SCORE = 'out_of_domain_score'
SHARE = 'out_of_domain_share'
HIGH_SCORE = 'out_of_domain_score_p95'

_HIGH = 0.95


class OutOfDomain(Measure):
    """Scores the simulated frames by the input domain of one candidate's model.

    It says nothing about the translation, but whether the translation can be trusted: a generator
    invents where it was never trained.
    """

    quantities = (
        Quantity(
            key=SCORE,
            title='Out-of-domain score',
            better='lower',
            description=(
                'How unlike the training frames of the model the simulated frames are: distance '
                'of a small descriptor of colours, edges and detail from those of training. 99 % '
                'of training frames are below 1; about half of that is usual.'
            ),
            limits=(0.0, None),
            source='Mahalanobis distance with probabilistic PCA (Tipping and Bishop 1999)',
            decimals=2,
        ),
        Quantity(
            key=SHARE,
            title='Frames out of domain',
            better='lower',
            description=(
                'Share of simulated frames with an out-of-domain score above 1. About 0.01 is '
                'expected; where it is much more, the other numbers tell how the model does on '
                'frames that it was not trained for.'
            ),
            limits=(0.0, 1.0),
        ),
        Quantity(
            key=HIGH_SCORE,
            title='Out-of-domain score, 95 % quantile',
            better='lower',
            description=(
                'The out-of-domain score that 95 % of the simulated frames stay below: shows '
                'whether single stretches of a drive are unlike training. Good is below 1.'
            ),
            limits=(0.0, None),
            decimals=2,
        ),
    )
    needs: frozenset[Need] = frozenset({'translation'})

    def __init__(self, domain: InputDomain) -> None:
        """Take the domain of the candidate's model."""
        self._domain = domain

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Score the simulated frame; the translation is not looked at."""
        descriptor = frame.sim.once(_descriptor)
        return Observation({SCORE: float(self._domain.scores(descriptor[np.newaxis])[0])})

    def summarise(self, seen: Observations) -> dict[str, Value]:
        """Return mean and 95 % quantile of the scores, and the share above 1."""
        scores = seen.defined(SCORE)
        if not len(scores):
            return {}

        def high_score(frames: npt.NDArray[np.intp]) -> float:
            return float(np.quantile(scores[frames], _HIGH))

        return {
            SCORE: bootstrap_mean(scores),
            SHARE: bootstrap_mean((scores > EXPECTED_SCORE).astype(np.float64)),
            HIGH_SCORE: bootstrap_statistic(high_score, len(scores)),
        }


def _descriptor(sim: SimFrame) -> Descriptor:
    return describe_frame(sim.image)
