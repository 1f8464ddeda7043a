"""The verb: arguments, words and exit codes."""

import bag_cases
import numpy as np
import planted_grid
import pytest
import translation_cases as cases

from sim2real_ros.cli import INCOMPLETE, main
from sim2real_ros.image.video_file import VideoFile


@pytest.fixture
def folder(tmp_path):
    return cases.write_image(tmp_path / 'in' / 'a.png', cases.random_image(64, 48)).parent


def run(*arguments):
    return main(['translate', *map(str, arguments)])


def test_shipped_model_is_found_by_its_name(tmp_path, folder, capsys):
    assert run(folder, '--model', 'identity', '-o', tmp_path / 'out') == 0
    assert (tmp_path / 'out/a.png').read_bytes() == (folder / 'a.png').read_bytes()
    assert 'written: 1 images translated' in capsys.readouterr().out
    assert run(folder, '--model', 'identity', '-o', tmp_path / 'out') == 0
    assert 'complete already' in capsys.readouterr().out


def test_every_option_arrives(tmp_path, folder):
    content = bag_cases.BagContent('mcap')
    content.add_picture('/cam/image/compressed', cases.random_image(64, 48), 'png')
    content.add_raw('/other', 'rgb8', (8, 6), None)
    source = content.write(tmp_path / 'bag')
    model = cases.negative(tmp_path)
    arguments = [
        '--topic', '/cam/*', '--size', '32x16', '--output-size', 'model', '--strength', '0.5',
        '--roi', '0', '0', '0.5', '1', '--feather', '2', '--quality', '50', '--jobs', '1',
        '--on-failure', 'drop', '--backend', 'onnxruntime', '--provider', 'cpu',
    ]  # fmt: skip
    assert run(source, '--model', model, *arguments, '-o', tmp_path / 'out') == 0
    found = bag_cases.read_back(tmp_path / 'out')
    assert found[0] != content.messages[0]
    assert found[1] == content.messages[1]
    assert run(
        folder, '--model', model, '--format', 'jpg', '--only', '*.png', '-o', tmp_path / 'jpg'
    ) == 0  # fmt: skip
    assert cases.read_image(tmp_path / 'jpg/a.jpg').shape == (48, 64, 3)
    roi = ('--roi', '0', '0', '0.5', '1')
    assert run(folder, '--model', model, *roi, '-o', tmp_path / 'half') == 0
    before, after = (cases.read_image(p / 'a.png') for p in (folder, tmp_path / 'half'))
    np.testing.assert_array_equal(after[:, 32:], before[:, 32:])
    np.testing.assert_array_equal(after[:, :32], 255 - before[:, :32])


def test_dry_run_says_what_would_happen(tmp_path, folder, capsys):
    assert run(folder, '--model', 'identity', '-o', tmp_path / 'out', '--dry-run') == 0
    assert '1 images of' in capsys.readouterr().out
    assert not (tmp_path / 'out').exists()


def test_what_is_left_out_is_told_by_text_and_exit_code(tmp_path, folder, capsys):
    (folder / 'b.png').write_bytes(b'no image')
    assert run(folder, '--model', 'identity', '-o', tmp_path / 'out') == INCOMPLETE
    assert 'warning: b.png: ' in capsys.readouterr().err


def test_what_a_model_of_one_size_does_to_images_is_said_once(tmp_path, folder, capsys):
    cases.write_image(folder / 'b.png', cases.random_image(64, 48))
    note = 'note: images of other sizes go through 32x24, the only size that the model fixed runs'
    model = cases.fixed_size_negative(tmp_path, 32, 24)
    assert run(folder, '--model', model, '-o', tmp_path / 'out') == 0
    assert capsys.readouterr().err.count(note) == 1
    assert run(folder, '--model', model, '-o', tmp_path / 'out') == 0
    assert note not in capsys.readouterr().err
    model = cases.fixed_size_negative(tmp_path, 64, 48)
    assert run(folder, '--model', model, '-o', tmp_path / 'fits') == 0
    assert run(folder, '--model', 'identity', '--size', '32x24', '-o', tmp_path / 'free') == 0
    assert 'go through' not in capsys.readouterr().err


def test_videos_and_bags_say_it_as_well(tmp_path, capsys):
    content = bag_cases.BagContent('mcap')
    content.add_raw('/cam', 'rgb8', (8, 6), None)
    video = VideoFile(tmp_path / 'in.avi', 10, (64, 48))
    video.write(cases.smooth_image(64, 48))
    video.close()
    model = cases.fixed_size_negative(tmp_path, 32, 24)
    bag = (content.write(tmp_path / 'bag'), '-o', tmp_path / 'out')
    film = (tmp_path / 'in.avi', '-o', tmp_path / 'out.avi')
    frames = (tmp_path / 'in.avi', '--frames', '-o', tmp_path / 'frames')
    for words in (bag, film, frames):
        assert run(*words, '--model', model) == 0
        assert capsys.readouterr().err.count('go through 32x24') == 1


@pytest.mark.parametrize(
    ('option', 'hint'),
    [
        ('--temporal-smoothing', 'the model identity has no grid to smooth'),
        ('--detail-strength', 'the model identity has no detail branch'),
    ],
)
def test_option_that_the_model_has_no_use_for_is_told(tmp_path, folder, capsys, option, hint):
    words = (folder, '--model', 'identity', option, '0.5', '-o', tmp_path / 'out')
    assert run(*words, '--dry-run') == 0
    assert f'{hint}: {option} has no effect\n' in capsys.readouterr().out
    assert run(*words) == 0
    assert f'note: {hint}: {option} has no effect\n' in capsys.readouterr().err


def test_back_end_that_smooths_nothing_is_told(tmp_path, folder, capsys, monkeypatch):
    planted_grid.plant(monkeypatch, planted_grid.OnePiece)
    words = (folder, '--model', 'identity', '--temporal-smoothing', '0.5')
    assert run(*words, '-o', tmp_path / 'out') == 0
    assert 'note: the back end planted runs the model in one piece' in capsys.readouterr().err
    planted_grid.plant(monkeypatch)
    assert run(*words, '-o', tmp_path / 'smooth') == 0
    assert 'no effect' not in capsys.readouterr().err


@pytest.mark.parametrize(
    ('option', 'value'),
    [('--temporal-smoothing', '-1'), ('--temporal-smoothing', 'nan'),
     ('--temporal-smoothing', '10.1'), ('--detail-strength', '1.5'), ('--detail-strength', 'nan')],
)  # fmt: skip
def test_numbers_without_meaning_are_refused(tmp_path, folder, capsys, option, value):
    assert run(folder, '--model', 'identity', option, value, '-o', tmp_path / 'out') == 1
    assert 'must lie in 0..1' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_one_image_has_no_time_to_be_smoothed_over(tmp_path, folder, capsys):
    words = ('--model', 'identity', '--temporal-smoothing', '0.5', '-o', tmp_path / 'out')
    assert run(folder / 'a.png', *words) == 1
    assert 'temporal_smoothing_s (--temporal-smoothing) has no meaning' in capsys.readouterr().err


def test_mistakes_end_with_one_line(tmp_path, folder, capsys):
    assert run(folder, '--model', 'identiti', '-o', tmp_path / 'out') == 1
    assert capsys.readouterr().err.startswith("error: No model 'identiti' comes with")
    assert run(folder, '--model', tmp_path / 'no.onnx', '-o', tmp_path / 'out') == 1
    assert run(folder, '--model', 'identity', '--strength', '2', '-o', tmp_path / 'out') == 1
    assert run(folder, '-o', tmp_path / 'out') == 2
    assert not (tmp_path / 'out').exists()


def test_help_has_examples(capsys):
    assert run('--help') == 0
    assert 'sim2real translate drive.mcap' in capsys.readouterr().out


def test_inspect_takes_a_name(capsys):
    assert main(['inspect', 'identity']) == 0
    assert 'identity.onnx' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'name'),
    [(['--topic', '/a'], 'topics'), (['--frames'], 'frames'), (['--on-failure', 'drop'], 'on_f')],
)
def test_options_that_mean_nothing_here_are_refused(tmp_path, folder, capsys, arguments, name):
    assert run(folder, '--model', 'identity', *arguments, '-o', tmp_path / 'out') == 1
    assert f'The option {name}' in capsys.readouterr().err
    bag = bag_cases.BagContent('mcap')
    bag.add_raw('/cam', 'rgb8', (8, 6), None)
    source = bag.write(tmp_path / 'bag')
    for more in (['--only', 'x'], ['--format', 'png']):
        assert run(source, '--model', 'identity', *more, '-o', tmp_path / 'out') == 1
        assert 'read as bag: leave it out' in capsys.readouterr().err


def test_one_image_needs_the_name_of_a_folder(tmp_path, folder, capsys):
    output = tmp_path / 'single.PNG'
    assert run(folder / 'a.png', '--model', 'identity', '-o', output) == 1
    assert 'would be a folder, even for one image' in capsys.readouterr().err
    assert not output.exists()
    assert run(folder / 'a.png', '--model', 'identity', '-o', tmp_path / 'single') == 0
    assert (tmp_path / 'single/a.png').is_file()


def test_help_names_every_shipped_model(capsys):
    assert run('--help') == 0
    shown = capsys.readouterr().out
    assert all(path.stem in shown for path in cases.COLOUR.parent.glob('*.onnx'))
