"""The shipped files say what they claim to say: the defaults, and recipes that work."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch
import yaml

from sim2real_ros.config import load_yaml
from sim2real_ros.training.engine.configuration import load_config
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.networks import build_generator
from sim2real_ros.training.options import ScheduleOptions

FOLDER = Path(__file__).resolve().parents[3] / 'config' / 'train'
RECIPE = re.compile(r'^# (\w+: [\w{].*)$', re.MULTILINE)


def recipes():
    """Find the lines behind a # that are YAML, by the file they stand in."""
    for path in sorted(FOLDER.glob('*.yaml')):
        for line in RECIPE.findall(path.read_text('utf-8')):
            config = METHODS[yaml.safe_load(path.read_text('utf-8'))['method']].Config
            if line.split(':')[0] in config.__dataclass_fields__:
                yield path.stem, line


@pytest.mark.parametrize('name', METHODS)
def test_shipped_values_are_the_defaults(name):
    config = METHODS[name].Config
    assert load_yaml(config, FOLDER / f'{name}.yaml') == config()
    assert config().method == name


def test_fastcut_is_cut_with_the_authors_differences():
    differences = {
        **{'nce_weight': 10.0, 'nce_identity': False, 'flip_equivariance': True},
        'schedule': ScheduleOptions(constant=150, decay=50),
    }
    assert load_config('fastcut') == dataclasses.replace(METHODS['cut'].Config(), **differences)


def test_recipes_are_found_in_the_files():
    assert {name for name, _ in recipes()} >= set(METHODS)


@pytest.mark.parametrize(('name', 'recipe'), list(recipes()))
def test_recipes_in_comments_can_be_used(name, recipe, tmp_path):
    path = tmp_path / 'mine.yaml'
    path.write_text(recipe)
    config = load_config(name, path)
    assert config != load_config(name)
    with torch.device('meta'):
        build_generator(config.generator)


@pytest.mark.parametrize('name', METHODS)
def test_another_generator_keeps_no_size_of_the_usual_one(name):
    """What a file says of the usual generator would silently hold for the other one, too."""
    options = load_config(name).generator
    assert (options.filters, options.blocks, options.depth) == (0, 0, 0)
