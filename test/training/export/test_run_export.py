from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from sim2real_ros import cli
from sim2real_ros.errors import ConfigError, ModelError, TrainingError
from sim2real_ros.runtime.translator import Translator
from sim2real_ros.training.engine.checkpoint import Best, CheckpointFacts, save_checkpoint
from sim2real_ros.training.engine.configuration import config_sha256
from sim2real_ros.training.engine.run_folder import RunFolder
from sim2real_ros.training.engine.training_state import build_method
from sim2real_ros.training.export import RunExportOptions, export_run
from sim2real_ros.training.export.run_export import kept_pixels
from sim2real_ros.training.methods.cyclegan import CycleGanConfig
from sim2real_ros.training.options import (
    DataOptions,
    DiscriminatorOptions,
    ExtraLossOptions,
    GeneratorOptions,
    Initialisation,
)

pytestmark = pytest.mark.usefixtures('operators_known')

CONFIG = CycleGanConfig(
    generator=GeneratorOptions(
        name='refiner', filters=2, blocks=1, initialisation=Initialisation('normal', 0.3)
    ),
    discriminator=DiscriminatorOptions(filters=2, layers=1),
)
DATA = {
    'sim': {'folder': '/home/me/set/trainA', 'images': 30, 'listing_sha256': 'a' * 64},
    'real': {'folder': 'set/trainB', 'images': 20, 'listing_sha256': 'b' * 64},
}


def write_run(folder, config=CONFIG, steps=(4, 8), best=4):
    """Write a run that took some steps; returns its generators by step."""
    files = RunFolder(folder)
    with files:
        files.lock()
        files.begin(config)
        files.write_data(DATA)
    generators = {}
    for step in steps:
        torch.manual_seed(step)
        method = build_method(config)
        facts = CheckpointFacts(
            step, config_sha256(config), metrics={'kid': step / 100}, best=Best(best, 'kid', 0.0)
        )
        tensors = {f'networks.{name}': v for name, v in method.networks.state_dict().items()}
        save_checkpoint(files.checkpoints, facts, tensors)
        generators[step] = method.generator().eval()
    return generators


def rgb(width=20, height=12):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def expected(generator, image):
    source = torch.tensor(image[None]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        levels = ((generator(source) + 1) * 127.5).round().clamp(0, 255)
    return levels[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(('which', 'step'), [('best', 4), (8, 8)])
def test_the_wanted_checkpoint_is_exported(tmp_path, which, step):
    generators = write_run(tmp_path / 'run')
    options = RunExportOptions(which, size=(20, 12), licence='MIT')
    export_run(tmp_path / 'run', tmp_path / 'm.onnx', options)
    translator = Translator.load(tmp_path / 'm.onnx')
    difference = translator.translate(rgb()) - expected(generators[step], rgb())
    assert np.abs(difference).max() <= 1
    other = expected(generators[12 - step], rgb())
    assert np.abs(expected(generators[step], rgb()) - other).max() > 2
    card = translator.model.card
    assert (card.name, card.method, card.licence) == ('m', 'cyclegan', 'MIT')
    assert card.metrics['kid'] == step / 100
    assert card.source == f'run run, step {step}, configuration {config_sha256(CONFIG)}'
    assert 'refiner after' in card.description
    assert card.training_data == (
        f'sim: 30 images of set/trainA (list {"a" * 12}); '
        f'real: 20 images of set/trainB (list {"b" * 12})'
    )


def test_the_verb_exports_and_says_what(tmp_path, capsys):
    write_run(tmp_path / 'run')
    words = ['export', str(tmp_path / 'run'), '-o', str(tmp_path / 'm.onnx'), '--which', 'latest']
    assert cli.main([*words, '--size', '20x12', '--name', 'yard', '--fp16']) == 0
    shown = capsys.readouterr().out
    assert 'difference to the trained network: ' in shown
    assert 'step 8' in shown
    assert cli.main(['inspect', str(tmp_path / 'm.onnx')]) == 0
    assert 'yard' in capsys.readouterr().out
    assert cli.main([*words, '--size', '20x12']) == 1
    assert 'exists already' in capsys.readouterr().err
    assert cli.main([*words, '--size', '24x12', '--force']) == 0
    assert Translator.load(tmp_path / 'm.onnx').model.card.size == (24, 12)


@pytest.mark.parametrize(
    ('words', 'code', 'text'),
    [
        (['absent', '-o', 'm.onnx'], 1, 'holds no run'),
        (['absent', '-o', 'm.pt'], 1, 'must end in .onnx'),
        (['run', '-o', 'm.onnx', '--which', '5'], 1, 'no checkpoint of step 5'),
        (['run', '-o', 'm.onnx', '--which', 'first'], 2, 'none of best, latest'),
        (['run', '-o', 'm.onnx', '--size', '20'], 2, "'20' is no size"),
        (['run', '-o', 'm.onnx', '--keep-region'], 1, 'needs --size'),
        (['run', '-o', 'm.onnx', '--keep-region', '--size', '20x12'], 1, 'no region to keep'),
    ],
)
def test_wrong_words_are_explained(tmp_path, monkeypatch, capsys, words, code, text):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / 'run')
    assert cli.main(['export', *words]) == code
    assert text in capsys.readouterr().err
    assert not list(tmp_path.glob('*.onnx'))


def test_what_training_skipped_is_kept_in_the_model(tmp_path):
    config = replace(
        CONFIG,
        data=DataOptions(preprocess='resize', skip_top=0.25),
        extra_losses=ExtraLossOptions(region_top=1 / 3),
    )
    generators = write_run(tmp_path / 'run', config)
    options = RunExportOptions(size=(20, 12), keep_region=True)
    exported = export_run(tmp_path / 'run', tmp_path / 'm.onnx', options)
    image = rgb()
    result = Translator.load(tmp_path / 'm.onnx').translate(image)
    # 3 rows are skipped, and a third of the other 9.
    assert np.array_equal(result[:6], image[:6])
    assert np.abs(result[6:] - expected(generators[4], image)[6:]).max() <= 1
    assert exported.card.description.endswith(
        'The model leaves the upper 50% of the image as it is.'
    )
    open_model = export_run(tmp_path / 'run', tmp_path / 'n.onnx', RunExportOptions(size=(20, 12)))
    assert open_model.card.description.endswith(
        'Training did not look at the upper 50% of the image; give the node the roi '
        '[0, 0.5, 1, 0.5].'
    )


def test_a_mask_keeps_the_pixels_that_it_hides(tmp_path):
    mask = np.zeros((6, 10), np.uint8)
    mask[:, 5:] = 255
    cv2.imwrite(str(tmp_path / 'mask.png'), mask)
    extra = ExtraLossOptions(region_mask=str(tmp_path / 'mask.png'))
    data = DataOptions(preprocess='resize')
    kept = kept_pixels(replace(CONFIG, data=data, extra_losses=extra), (20, 12))
    assert kept.shape == (12, 20)
    assert kept[:, :10].all()
    assert not kept[:, 10:].any()


@pytest.mark.parametrize(
    ('preprocess', 'region', 'named'),
    [
        ('resize-and-crop', {'region_top': 0.5}, 'extra_losses.region_top of the run'),
        ('crop', {'region_mask': 'm.png'}, 'extra_losses.region_mask of the run'),
        (
            *('scale-width-and-crop', {'region_top': 0.5, 'region_mask': 'm.png'}),
            'extra_losses.region_top and extra_losses.region_mask of the run',
        ),
    ],
)
def test_a_region_of_random_crops_is_no_region_of_the_image(preprocess, region, named):
    data = DataOptions(preprocess=preprocess, skip_top=0.25)
    config = replace(CONFIG, data=data, extra_losses=ExtraLossOptions(**region))
    with pytest.raises(ConfigError, match=f'{named}.*without --keep-region.*data.skip_top'):
        kept_pixels(config, (20, 12))


def test_what_is_skipped_is_kept_with_random_crops_and_crops_of_all_of_it_do_not_move():
    kept = kept_pixels(replace(CONFIG, data=DataOptions(skip_top=0.25)), (20, 12))
    assert kept[:3].all()
    assert not kept[3:].any()
    whole = DataOptions(load_size=(256, 256), crop_size=(256, 256))
    extra = ExtraLossOptions(region_top=0.5)
    kept = kept_pixels(replace(CONFIG, data=whole, extra_losses=extra), (20, 12))
    assert kept[:6].all()
    assert not kept[6:].any()


def test_the_card_gives_no_roi_for_a_region_of_random_crops(tmp_path):
    config = replace(CONFIG, extra_losses=ExtraLossOptions(region_top=0.5))
    write_run(tmp_path / 'run', config)
    options = RunExportOptions(size=(20, 12))
    card = export_run(tmp_path / 'run', tmp_path / 'm.onnx', options).card
    assert card.description.endswith('trained on crops.')


def test_a_region_needs_a_size_and_something_to_keep():
    with pytest.raises(ConfigError, match='--keep-region needs --size'):
        kept_pixels(replace(CONFIG, data=DataOptions(skip_top=0.5)), None)
    with pytest.raises(ConfigError, match='There is no region to keep'):
        kept_pixels(CONFIG, (20, 12))


def test_no_run_and_no_place_are_refused(tmp_path):
    with pytest.raises(TrainingError, match='holds no run'):
        export_run(tmp_path, tmp_path / 'm.onnx')
    (tmp_path / 'm.onnx').touch()
    with pytest.raises(ModelError, match='exists already'):
        export_run(tmp_path, tmp_path / 'm.onnx')
