"""The shipped files of UNIT, SimGAN and CUT say what they claim to say: the defaults."""

import dataclasses
from pathlib import Path

import pytest

from sim2real_ros.config import load_yaml
from sim2real_ros.training.engine.configuration import load_config
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.options import ScheduleOptions

FOLDER = Path(__file__).parents[3] / 'config' / 'train'


@pytest.mark.parametrize('name', ['unit', 'simgan', 'cut'])
def test_the_shipped_file_shows_the_defaults(name):
    config, default = (
        load_yaml(METHODS[name].Config, FOLDER / f'{name}.yaml'),
        METHODS[name].Config(),
    )
    # 0 says "as usual" in code; a file for readers says the number.
    usual = {
        'unit': {'filters': 64},
        'simgan': {'blocks': 4},
        'cut': {'blocks': 9},
    }[name]
    generator = dataclasses.replace(default.generator, **usual)
    assert config == dataclasses.replace(default, generator=generator)


def test_fastcut_is_cut_with_the_authors_differences():
    config = load_config('fastcut')
    differences = {
        **{'nce_weight': 10.0, 'nce_identity': False, 'flip_equivariance': True},
        'schedule': ScheduleOptions(constant=150, decay=50),
    }
    generator = dataclasses.replace(METHODS['cut'].Config().generator, blocks=9)
    expected = dataclasses.replace(METHODS['cut'].Config(), **differences)
    assert config in (expected, dataclasses.replace(expected, generator=generator))
    assert METHODS[config.method].Config is type(config)
