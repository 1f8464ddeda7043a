"""The shipped files say what they claim to say: the defaults, and recipes that work."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch
import yaml

from sim2real_ros.config import load_yaml
from sim2real_ros.errors import ConfigError
from sim2real_ros.training.engine.configuration import load_config
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.networks import (
    DISCRIMINATORS,
    GENERATORS,
    build_discriminator,
    build_generator,
)
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


@pytest.mark.parametrize('generator', ['bilateral_grid', 'bilateral_grid_detail', 'unet'])
def test_bilateral_is_a_plain_gan_before_a_judge_of_photos(generator):
    config = load_config('bilateral', overrides=[f'generator.name={generator}'])
    assert config.data.preprocess == 'resize', 'a grid knows places'
    with torch.device('meta'):
        method = METHODS[config.method](config)
    assert set(method.networks) == {'generator', 'discriminator'}
    assert type(method.networks['discriminator']).__name__ == 'ProjectedDiscriminator'


@pytest.mark.parametrize('generator', GENERATORS)
@pytest.mark.parametrize('name', [*METHODS, 'fastcut'])
def test_every_method_takes_another_generator_by_its_name_alone(name, generator):
    config = load_config(name, overrides=[f'generator.name={generator}'])
    method = METHODS[config.method]
    if (config.method, generator) in {('cut', 'unet'), ('cut', 'unit')}:
        with pytest.raises(ConfigError, match=f"cut cannot use the generator '{generator}'"):
            method(config)
    elif config.method == 'unit' and generator != 'unit':
        with pytest.raises(ConfigError, match=f'unit .*{generator}'):
            method(config)
    else:
        with torch.device('meta'):
            assert method(config).generator() is not None


@pytest.mark.parametrize('name', ['cut', 'cyclegan', 'pix2pix', 'unit'])
@pytest.mark.parametrize('discriminator', DISCRIMINATORS)
def test_another_discriminator_can_be_chosen_by_its_name_alone(name, discriminator):
    config = load_config(name, overrides=[f'discriminator.name={discriminator}'])
    if (name, discriminator) == ('pix2pix', 'projected'):
        # It judges pairs, six channels, which a network of photos does not know.
        with pytest.raises(ConfigError, match="'projected' has no use for norm"):
            build_discriminator(config.discriminator, 6)
        return
    with torch.device('meta'):
        build_discriminator(config.discriminator)


@pytest.mark.parametrize('name', METHODS)
def test_pairs_are_judged_by_their_distance(name):
    paired = METHODS[name].batch_kind == 'paired'
    assert load_config(name).report.best_by == ('psnr' if paired else 'kid')


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.yaml')), ids=lambda path: path.stem)
def test_files_that_speak_of_all_keys_say_what_shows_them(path):
    text = path.read_text('utf-8')
    assert 'tells all keys' not in text
    if 'All keys' in text:
        assert f'sim2real train {path.stem} --print-config' in text
