import re
from pathlib import Path

import pytest
import yaml

from sim2real_ros.config import from_mapping, load_yaml
from sim2real_ros.training.methods.cyclegan import CycleGan
from sim2real_ros.training.methods.distil import Distil
from sim2real_ros.training.methods.pix2pix import Pix2Pix

FOLDER = Path(__file__).resolve().parents[3] / 'config' / 'train'
FILES = {'cyclegan': CycleGan, 'pix2pix': Pix2Pix, 'distil': Distil}
RECIPE = re.compile(r'^# (\w+: [\w{].*)$', re.MULTILINE)


@pytest.mark.parametrize('name', FILES)
def test_shipped_values_are_the_defaults(name):
    config = FILES[name].Config
    assert load_yaml(config, FOLDER / f'{name}.yaml') == config()
    assert config().method == name


@pytest.mark.parametrize('name', FILES)
def test_recipes_in_comments_can_be_used(name):
    config = FILES[name].Config
    recipes = [
        yaml.safe_load(line)
        for line in RECIPE.findall((FOLDER / f'{name}.yaml').read_text('utf-8'))
        if line.split(':')[0] in config.__dataclass_fields__
    ]
    assert recipes
    for recipe in recipes:
        assert from_mapping(config, recipe, name) != config()
