from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from sim2real_ros.data.bag_source import BagSource

DEMO = Path(__file__).parents[3] / 'tools' / 'demo'


@pytest.fixture(scope='session')
def demo_frames():
    """The first frames of the demo drive, one after the other."""
    return [each.image for each in islice(BagSource(DEMO / 'drive'), 6)]


@pytest.fixture
def random():
    return np.random.default_rng(5)
