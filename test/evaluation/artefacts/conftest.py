import zipfile
from pathlib import Path

import numpy as np
import pytest

from sim2real_ros.data.bag_source import BagSource
from sim2real_ros.image.palette_png import decode_ids

DEMO = Path(__file__).parents[3] / 'tools' / 'demo'


@pytest.fixture(scope='session')
def demo_drive():
    """Every tenth frame of the demo drive with its exact mask: [(image, mask), ...]."""
    frames = list(BagSource(DEMO / 'drive'))[::10]
    with zipfile.ZipFile(DEMO / 'masks.zip') as masks:
        return [(each.image, decode_ids(masks.read(f'{each.stamp_ns}.png'))) for each in frames]


@pytest.fixture
def random():
    return np.random.default_rng(5)
