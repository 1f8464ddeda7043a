from pathlib import Path

import numpy as np
import pytest

from sim2real_ros.errors import ConfigError, DataError, ModelError
from sim2real_ros.evaluation.engine.candidates import ModelOptions, open_candidates
from sim2real_ros.evaluation.frames.frame_set import FrameSet
from sim2real_ros.image.encode_file import encode_file
from sim2real_ros.translation import TranslateOptions, translate
from sim2real_ros.translation.model_pool import ModelPool

DEMO = Path(__file__).parents[3] / 'tools' / 'demo' / 'drive'
OPTIONS = ModelOptions(jobs=1)


@pytest.fixture
def sim(tmp_path):
    folder = tmp_path / 'sim'
    folder.mkdir()
    random = np.random.default_rng(1)
    for number in range(4):
        image = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        (folder / f'{number:04d}.png').write_bytes(encode_file(image, 'png'))
    return FrameSet(folder)


def images_of(candidate, frames):
    found = []
    for pending in frames.pending():
        image = frames.load(pending)[0].image
        found.append(candidate.translated(candidate.fetch(pending), image))
    return found


def test_the_untranslated_frames_are_always_the_first_candidate(sim):
    (only,) = open_candidates([], sim, None, OPTIONS)
    assert only.name == 'sim'
    frames = [sim.load(each)[0].image for each in sim.pending()]
    for found, image in zip(images_of(only, sim), frames, strict=True):
        np.testing.assert_array_equal(found, image)


def test_a_model_translates_the_frames(sim):
    _, shipped = open_candidates(['colour_transfer_duckietown'], sim, None, OPTIONS)
    assert shipped.name == 'colour_transfer_duckietown'
    assert 'reinhard' in shipped.description
    original = [sim.load(each)[0].image for each in sim.pending()]
    for found, image in zip(images_of(shipped, sim), original, strict=True):
        assert found.shape == image.shape
        assert np.abs(found.astype(int) - image).mean() > 2


def test_folders_of_results_are_matched_by_their_manifest(sim, tmp_path):
    out = tmp_path / 'translated'
    translate(sim.path, out, TranslateOptions('colour_transfer_duckietown', jobs=1))
    # Names tell nothing here; the manifest does.
    _, model, folder = open_candidates(
        ['colour_transfer_duckietown', f'mine={out}'], sim, None, OPTIONS
    )
    assert folder.name == 'mine'
    for first, second in zip(images_of(model, sim), images_of(folder, sim), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_missing_translation_is_an_error_of_its_frame_alone(sim, tmp_path):
    out = tmp_path / 'few'
    out.mkdir()
    for name in ('0001.png', '0003.png'):
        (out / name).write_bytes((sim.path / name).read_bytes())
    _, folder = open_candidates([str(out)], sim, None, OPTIONS)
    first, second, third, fourth = sim.pending()
    assert [folder.fetch(each).name for each in (second, fourth)] == ['0001.png', '0003.png']
    for missing in (first, third):
        with pytest.raises(DataError, match='no translation'):
            folder.fetch(missing)


def test_a_folder_of_something_else_is_refused(sim, tmp_path):
    out = tmp_path / 'strangers'
    out.mkdir()
    (out / 'stranger.png').write_bytes((sim.path / '0000.png').read_bytes())
    with pytest.raises(DataError, match='None of the 1 results'):
        open_candidates([str(out)], sim, None, OPTIONS)


def test_a_translated_bag_is_matched_by_stamp(tmp_path):
    frames = FrameSet(DEMO, limit=24)
    out = tmp_path / 'drive_real'
    translate(DEMO, out, TranslateOptions('identity', jobs=1))
    _, bag = open_candidates([f'bag={out}'], frames, None, OPTIONS)
    originals = [frames.load(each)[0].image for each in frames.pending()]
    for found, image in zip(images_of(bag, frames), originals, strict=True):
        np.testing.assert_array_equal(found, image)


def test_frames_of_a_bag_are_matched_to_a_folder_by_stamp(tmp_path):
    frames = FrameSet(DEMO, limit=2)
    first, second = frames.pending()
    (tmp_path / f'{first.stamp_ns}.png').write_bytes(encode_file(first.image, 'png'))
    _, folder = open_candidates([str(tmp_path)], frames, None, OPTIONS)
    np.testing.assert_array_equal(folder.translated(folder.fetch(first), first.image), first.image)
    with pytest.raises(DataError, match='no translation'):
        folder.fetch(second)


def test_names_are_unique(sim):
    found = open_candidates(['identity', 'identity', 'x=identity'], sim, None, OPTIONS)
    assert [each.name for each in found] == ['sim', 'identity', 'identity 2', 'x']
    for name in ('sim', 'real', 'x'):
        with pytest.raises(ConfigError, match='two columns'):
            open_candidates(['x=identity', f'{name}=identity'], sim, None, OPTIONS)


def test_what_does_not_exist_is_named(sim):
    with pytest.raises(ConfigError, match='no_such_model'):
        open_candidates(['no_such_model'], sim, None, OPTIONS)
    with pytest.raises(ModelError, match=r'no_such\.onnx'):
        open_candidates(['no_such.onnx'], sim, None, OPTIONS)


@pytest.mark.parametrize(
    ('models', 'jobs', 'each'), [(1, 2, 2), (2, 2, 1), (4, 2, 1), (2, 5, 3), (0, 2, None)]
)
def test_models_share_the_sessions(sim, monkeypatch, models, jobs, each):
    asked = []
    load = ModelPool.load

    def counted(model, options):
        asked.append(options.jobs)
        return load(model, options)

    monkeypatch.setattr(ModelPool, 'load', counted)
    named = [f'{number}=colour_transfer_duckietown' for number in range(models)]
    open_candidates([*named, str(sim.path)], sim, None, ModelOptions(jobs=jobs))
    assert asked == [each] * models
