import re
from dataclasses import dataclass, field, replace

import pytest
import yaml
from tiny_training import TinyConfig, install

from sim2real_ros.errors import ConfigError
from sim2real_ros.training.engine import configuration
from sim2real_ros.training.engine.configuration import (
    changed_config,
    changed_keys,
    config_sha256,
    load_config,
    read_config,
    write_config,
)
from sim2real_ros.training.methods import METHODS
from sim2real_ros.training.options import (
    DiscriminatorOptions,
    GeneratorOptions,
    Initialisation,
    OptimiserOptions,
)


@dataclass(frozen=True)
class OtherConfig(TinyConfig):
    generator: GeneratorOptions = field(
        default_factory=lambda: GeneratorOptions(name='unet', norm='batch')
    )
    optimiser: OptimiserOptions = field(
        default_factory=lambda: OptimiserOptions(learning_rate=1e-4, weight_decay=1e-4)
    )


@pytest.fixture(autouse=True)
def _tiny(monkeypatch, tmp_path):
    install(monkeypatch)
    monkeypatch.setattr(METHODS['tiny'], 'Config', OtherConfig)
    shipped = tmp_path / 'share' / 'config' / 'train'
    shipped.mkdir(parents=True)
    (shipped / 'tiny_fast.yaml').write_text('method: tiny\npool_size: 7\ndropout: 0.25\n')
    monkeypatch.setattr(configuration, 'share_folders', lambda: iter([tmp_path / 'share']))


def test_without_anything_the_defaults_of_the_method_hold():
    assert load_config('tiny') == OtherConfig()


def test_differences_are_merged_upon_the_defaults_of_the_method(tmp_path):
    file = tmp_path / 'my.yaml'
    file.write_text('method: tiny\ngenerator: {filters: 8}\nbatch_size: 2\n')
    config = load_config(path=file, overrides=['generator.depth=3', 'batch_size=4'])
    assert config == OtherConfig(
        generator=GeneratorOptions(name='unet', norm='batch', filters=8, depth=3), batch_size=4
    )


def test_a_shipped_variant_lies_between_defaults_and_file(tmp_path):
    file = tmp_path / 'my.yaml'
    file.write_text('dropout: 0.75\n')
    assert load_config('tiny_fast') == OtherConfig(pool_size=7, dropout=0.25)
    assert load_config('tiny_fast', file) == OtherConfig(pool_size=7, dropout=0.75)
    file.write_text('method: tiny_fast\ndropout: 0.75\n')
    assert load_config(path=file) == OtherConfig(pool_size=7, dropout=0.75)
    assert load_config('tiny_fast', overrides=['dropout=0']).dropout == 0


def test_the_discriminators_optimiser_begins_with_the_generators():
    config = load_config('tiny', overrides=['discriminator_optimiser.learning_rate=4e-4'])
    assert config.discriminator_optimiser == OptimiserOptions(4e-4, weight_decay=1e-4)
    assert load_config('tiny', overrides=['discriminator_optimiser=null']) == OtherConfig()


@pytest.mark.parametrize(
    ('text', 'value'), [('1e-4', 1e-4), ('2E-3', 2e-3), ('1.5e-3', 1.5e-3), ('0.5', 0.5), ('1', 1)]
)
def test_numbers_are_read_as_people_write_them(text, value):
    config = load_config('tiny', overrides=[f'optimiser.learning_rate={text}'])
    assert config.optimiser.learning_rate == value
    betas = load_config('tiny', overrides=[f'optimiser.betas=[0, {value / 2}]']).optimiser.betas
    assert betas == (0, value / 2)


@pytest.mark.parametrize(
    ('override', 'message'),
    [
        (
            'generator.filter=3',
            r"--set generator.filter: generator: unknown key 'filter'.*'filters'",
        ),
        ('generater.filters=3', r"unknown key 'generater'. Did you mean 'generator'"),
        ('generator.filters', r"'generator.filters': expected key=value"),
        ('generator.filters=x', "generator: filters: expected int, found 'x'"),
        ('generator.filters=-1', 'must be 0 or more'),
        ('batch_size.x=1', 'batch_size: expected int'),
        ('generator=5', 'generator: expected keys and values, found 5'),
        ('method=cyclegan', "the method is 'cyclegan', not 'tiny'"),
        ('data.root=[', 'is not valid YAML'),
        ('=1', 'unknown key'),
        (
            'crop_size=64',
            "^--set crop_size: unknown key 'crop_size'. Did you mean 'data.crop_size'",
        ),
        (
            'generator.crop_siz=64',
            "generator: unknown key 'crop_siz'. Did you mean 'data.crop_size'",
        ),
        ('filters=3', r"Did you mean 'generator.filters' or 'discriminator.filters'\?"),
    ],
)
def test_a_wrong_override_is_named(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config('tiny', overrides=[override])


def test_wrong_files_and_methods_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"No method 'tidy'; expected one of .*tiny, tiny_fast"):
        load_config('tidy')
    with pytest.raises(ConfigError, match='Which method is to be trained'):
        load_config()
    with pytest.raises(ConfigError, match='No method'):
        load_config('../tiny')
    file = tmp_path / 'my.yaml'
    file.write_text('method: tiny\nschedul: {constant: 3}\n')
    with pytest.raises(
        ConfigError, match=r"my.yaml: unknown key 'schedul'. Did you mean 'schedule'"
    ):
        load_config(path=file)
    file.write_text('method: cyclegan')
    with pytest.raises(ConfigError, match=r"my.yaml: the method is 'cyclegan', not 'tiny'"):
        load_config('tiny', file)
    with pytest.raises(ConfigError, match='Cannot read'):
        load_config('tiny', tmp_path / 'absent.yaml')


@pytest.mark.parametrize('name', ['tiny', *METHODS])
def test_the_snapshot_of_a_run_is_read_back(tmp_path, name):
    config = METHODS[name].Config()
    config = replace(config, optimiser=OptimiserOptions(1e-5), seed=2**31 - 1)
    write_config(config, tmp_path / 'config.yaml')
    assert read_config(tmp_path / 'config.yaml') == config
    written = yaml.safe_load((tmp_path / 'config.yaml').read_text())
    assert written['optimiser']['learning_rate'] == 1e-5
    assert load_config(path=tmp_path / 'config.yaml') == config
    assert config_sha256(config) != config_sha256(METHODS[name].Config())


def test_changes_are_listed_by_dotted_key():
    config = OtherConfig()
    changed = changed_config(
        config, ['generator.filters=3', 'seed=4', 'discriminator_optimiser={}']
    )
    assert changed_keys(config, changed) == [
        'generator.filters',
        'discriminator_optimiser',
        'seed',
    ]
    assert changed_keys(config, config) == []


def test_another_network_begins_anew_but_for_norm_and_initialisation(tmp_path):
    file = tmp_path / 'my.yaml'
    file.write_text('generator: {blocks: 6, initialisation: {gain: 0.5}}\nbatch_size: 2\n')
    kept = {'norm': 'batch', 'initialisation': Initialisation(gain=0.5)}
    config = load_config('tiny', file, ['generator.filters=8', 'generator.name=resnet'])
    assert config.generator == GeneratorOptions(name='resnet', filters=8, **kept)
    assert config.batch_size == 2
    refiner = load_config('tiny', file, ['generator.name=refiner']).generator
    assert refiner == GeneratorOptions(name='refiner', initialisation=Initialisation(gain=0.5))
    # The same name is no change, and what stands beside the name stays.
    assert load_config('tiny', file, ['generator.name=unet']).generator.blocks == 6
    file.write_text('generator: {name: resnet, blocks: 6}\n')
    assert load_config('tiny', file).generator == GeneratorOptions(
        name='resnet', blocks=6, norm='batch'
    )
    file.write_text('discriminator: {layers: 2, norm: none}\n')
    pixel = load_config('tiny', file, ['discriminator.name=pixel']).discriminator
    assert pixel == DiscriminatorOptions(name='pixel', norm='none')


def test_a_wrong_value_is_blamed_on_what_set_it(tmp_path):
    file = tmp_path / 'my.yaml'

    def blamed(content, overrides, message):
        file.write_text(content)
        with pytest.raises(ConfigError, match='^' + message.format(re.escape(str(file)))):
            load_config('tiny', file, ['data.workers=1', *overrides])

    crop = ('--crop', {'data': {'crop_size': [2, 2]}})
    load = ('--load', {'data': {'load_size': [8]}})
    blamed('seed: 1.5', ['pool_size=2'], '{}: seed: expected int, found 1.5')
    blamed('seed: 1.5', ['seed=x'], "--set seed: seed: expected int, found 'x'")
    blamed('data: {root: x}', [crop], '--crop: data: load_size and crop_size are')
    blamed('data: {crop_size: [8, 8]}', [crop], '{}, --crop: data: load_size and crop_size are')
    blamed('seed: 1', [load], '--load: data: load_size: expected 2 values')
    blamed('data: {load_size: [8, x]}', [], r'{}: data: load_size\[1\]: expected int')
    blamed('extra_losses: {semantic_weight: 1}', [], '{}: extra_losses: semantic_weight needs')
    blamed('optimiser: {betas: [2, 0]}', [], '{}: optimiser: betas must lie')
    blamed('batch_size: 0', ['seed=1'], '{}: batch_size must be positive')


def test_what_nobody_set_is_blamed_on_nobody(monkeypatch):
    layer = [('shipped.yaml', {'batch_size': 0})]
    monkeypatch.setattr(configuration, '_shipped_layer', lambda name: layer)
    with pytest.raises(ConfigError, match=r'^configuration: batch_size must be positive'):
        load_config('tiny', overrides=['seed=1'])


def test_what_lies_beneath_gives_way_to_the_file(tmp_path):
    file = tmp_path / 'my.yaml'
    file.write_text('seed: 3\n')
    beneath = [('x', {'seed': 1, 'batch_size': 5})]
    config = load_config('tiny', file, beneath=beneath)
    assert (config.seed, config.batch_size) == (3, 5)
