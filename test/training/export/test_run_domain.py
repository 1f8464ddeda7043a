from dataclasses import replace

import cv2
import numpy as np
import pytest
from test_run_export import CONFIG, write_run

from sim2real_ros import cli
from sim2real_ros.card import ModelCard
from sim2real_ros.runtime.input_domain import InputDomain
from sim2real_ros.runtime.model_file import open_model
from sim2real_ros.training.engine.run import open_run
from sim2real_ros.training.engine.run_folder import RunFolder
from sim2real_ros.training.export import run_domain
from sim2real_ros.training.export.run_domain import find_run_domain
from sim2real_ros.training.options import DataOptions

pytestmark = pytest.mark.usefixtures('operators_known')


def picture(number, *, is_sim):
    image = np.full((24, 32, 3), 220 if is_sim else 90, np.uint8)
    image[12:] = 60
    image[12:, (number * 3) % 28 :][:, :4] = 200
    return image


def write_data(folder, count=60):
    for name, is_sim in (('trainA', True), ('trainB', False)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = picture(number, is_sim=is_sim)
            cv2.imwrite(str(folder / name / f'{number:03}.png'), image)
    return folder


def run_on(folder, data, images=60, **options):
    config = replace(CONFIG, data=DataOptions(root=str(data), **options))
    write_run(folder, config)
    facts = {'images': images, 'folder': str(data / 'trainA')}
    RunFolder(folder).write_data({'sim': facts, 'real': facts})
    return folder


def test_the_card_gets_the_domain_of_the_simulated_images(tmp_path, capsys):
    run = run_on(tmp_path / 'run', write_data(tmp_path / 'data'))
    assert cli.main(['export', str(run), '-o', str(tmp_path / 'm.onnx')]) == 0
    assert 'note' not in capsys.readouterr().out
    domain = InputDomain.of_card(open_model(tmp_path / 'm.onnx').card)
    assert domain.frames == 60
    assert domain.score(picture(5, is_sim=True)) < 1 < domain.score(picture(5, is_sim=False))


def test_in_the_other_direction_the_images_of_b_are_the_input(tmp_path):
    run = run_on(tmp_path / 'run', write_data(tmp_path / 'data'), direction='BtoA')
    numbers = find_run_domain(open_run(run)).numbers
    domain = InputDomain.of_card(ModelCard('x', input_domain=numbers))
    assert domain.score(picture(5, is_sim=False)) < 1 < domain.score(picture(5, is_sim=True))


def test_it_can_be_left_out(tmp_path, capsys):
    run = run_on(tmp_path / 'run', write_data(tmp_path / 'data'))
    assert cli.main(['export', str(run), '-o', str(tmp_path / 'm.onnx'), '--no-domain']) == 0
    assert 'note' not in capsys.readouterr().out
    assert open_model(tmp_path / 'm.onnx').card.input_domain is None


def test_images_that_are_gone_are_a_note_and_no_failure(tmp_path, capsys):
    run = run_on(tmp_path / 'run', tmp_path / 'gone')
    assert cli.main(['export', str(run), '-o', str(tmp_path / 'm.onnx')]) == 0
    shown = capsys.readouterr().out
    assert 'note: the card has no input domain' in shown
    assert "gone' does not exist" in shown
    assert 'sim2real fit-domain' in shown
    assert open_model(tmp_path / 'm.onnx').card.input_domain is None


@pytest.mark.parametrize('accident', ['others', 'few', 'unreadable', 'no_data_file', 'disk'])
def test_whatever_is_wrong_with_the_images_is_a_note(tmp_path, monkeypatch, accident):
    count = 20 if accident == 'few' else 60
    data = write_data(tmp_path / 'data', count)
    run = run_on(tmp_path / 'run', data, images=61 if accident == 'others' else count)
    expected = {
        'others': 'there are 60 of them now, while the run was trained on 61',
        'few': '20 frames are too few',
        'unreadable': '0 frames are too few',
        'no_data_file': 'trained on None',
        'disk': "'x': Input/output error",
    }
    if accident == 'unreadable':
        for path in (data / 'trainA').iterdir():
            path.write_bytes(b'nothing')
    if accident == 'no_data_file':
        (run / 'data.json').unlink()
    if accident == 'disk':
        monkeypatch.setattr(run_domain, 'find_sources', fail)
    found = find_run_domain(open_run(run))
    assert expected[accident] in found.notes[0]
    assert found.numbers is None


def fail(*_):
    raise OSError(5, 'Input/output error', 'x')


def test_some_unreadable_images_are_left_out(tmp_path):
    data = write_data(tmp_path / 'data')
    (data / 'trainA' / '007.png').write_bytes(b'nothing')
    found = find_run_domain(open_run(run_on(tmp_path / 'run', data)))
    assert (found.numbers.frames, found.notes) == (59, ())


def test_many_images_are_taken_evenly(tmp_path, monkeypatch):
    run = run_on(tmp_path / 'run', write_data(tmp_path / 'data', 120), images=120)
    monkeypatch.setattr(run_domain, 'MAX_FRAMES', 60)
    seen = []
    read = run_domain.ImageFile.read
    monkeypatch.setattr(
        run_domain.ImageFile, 'read', lambda file: seen.append(file.name) or read(file)
    )
    assert find_run_domain(open_run(run)).numbers.frames == 60
    assert seen == [f'{number:03}.png' for number in range(0, 120, 2)]
