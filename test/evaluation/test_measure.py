import numpy as np

from sim2real_ros.evaluation.bootstrap import bootstrap_mean
from sim2real_ros.evaluation.measure import Measure, Observation, Observations
from sim2real_ros.evaluation.quantity import Quantity


class Two(Measure):
    """Has two quantities."""

    quantities = (Quantity('a', 'A', 'higher', ''), Quantity('b', 'B', 'lower', ''))

    def of_frame(self, frame):
        """Say nothing."""
        return Observation()


def test_the_summary_is_the_mean_of_the_frames_that_have_a_value():
    column = np.array([1.0, np.nan, 2.0, 6.0])
    found = Two().summarise(Observations({'a': column, 'count': column}))
    assert found == {'a': bootstrap_mean(np.array([1.0, 2.0, 6.0]))}
    assert found['a'].count == 3


def test_a_quantity_that_no_frame_has_is_left_out():
    assert Two().summarise(Observations({'a': np.full(3, np.nan)})) == {}
    assert Two().summarise(Observations({})) == {}


def test_defined_values_and_totals():
    seen = Observations({'a': np.array([1.0, np.nan, 2.5])})
    assert seen.defined('a').tolist() == [1.0, 2.5]
    assert seen.total('a') == 3.5
    assert seen.defined('no').shape == (0,)
    assert seen.total('no') == 0


def test_measures_need_nothing_unless_they_say_so():
    assert Two().needs == frozenset()
