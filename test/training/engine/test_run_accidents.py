import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from tiny_training import (
    Notes,
    TinyConfig,
    TinyData,
    TinyMeasurement,
    TinyMethod,
    install,
    one_thread,
    with_report,
)

from sim2real_ros.data.frame import Skipped
from sim2real_ros.errors import ConfigError, DataError, TrainingError
from sim2real_ros.training.engine import loop
from sim2real_ros.training.engine.configuration import load_config
from sim2real_ros.training.engine.loop import Machine, train
from sim2real_ros.training.engine.metrics_log import read_metrics
from sim2real_ros.training.engine.region_notes import region_notes
from sim2real_ros.training.options import DataOptions, ExtraLossOptions

CPU = Machine('cpu')


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    install(monkeypatch)
    with one_thread():
        yield


def test_a_folder_with_a_configuration_of_another_program_is_no_run(tmp_path):
    for content in ('services: {}\n', '{'):
        (tmp_path / 'config.yaml').write_text(content)
        with pytest.raises(DataError, match='is not empty and holds no run'):
            train(TinyConfig(), tmp_path, machine=CPU, force=True)
        assert (tmp_path / 'config.yaml').read_text() == content


def test_what_a_killed_beginning_leaves_is_no_obstacle(tmp_path):
    (tmp_path / '.lock').touch()
    (tmp_path / '.partial-1-0.yaml').write_text('meth')
    assert train(TinyConfig(), tmp_path, machine=CPU).latest.step == 12
    assert not list(tmp_path.glob('.partial-*'))
    (tmp_path / 'data.json').unlink()
    train(TinyConfig(), tmp_path, machine=CPU, resume=True)
    assert set(json.loads((tmp_path / 'data.json').read_text())) == {'sim', 'real'}


@pytest.mark.parametrize(
    'name', ['metrics.jsonl', 'run.log', 'state.json', 'samples/step_00000005.png']
)
def test_a_folder_in_place_of_a_file_is_an_error(tmp_path, name):
    config = TinyConfig(schedule=replace(TinyConfig().schedule, constant=3, decay=0))
    train(config, tmp_path, machine=CPU)
    path = tmp_path / name
    path.unlink(missing_ok=True)
    path.mkdir()
    longer = replace(config, schedule=replace(config.schedule, constant=6))
    with pytest.raises(DataError, match=f'Cannot write .*{path.name}'):
        train(longer, tmp_path, machine=CPU, resume=True)


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / 'file').touch()
    for name, message in (
        ('x' * 300, 'File name too long'),
        ('file/run', 'is a file; expected a folder'),
        ('bad\udcff', r"bad\\udcff' is no UTF-8"),
    ):
        with pytest.raises(DataError, match=message):
            train(TinyConfig(), tmp_path / name, machine=CPU)
    with pytest.raises(ConfigError, match=r"'\\udcff' is no UTF-8"):
        load_config('cyclegan', overrides=['data.root=\udcff'])


def test_a_step_is_looked_at_once(tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(TinyMeasurement, 'watched', lambda *_: looks.append('watched') or {})
    monkeypatch.setattr(TinyMeasurement, '__call__', lambda *_: looks.append('measured') or {})
    train(
        with_report(TinyConfig(), sample_interval=3, evaluation_interval=6), tmp_path, machine=CPU
    )
    assert looks == ['watched', 'measured', 'watched', 'measured']
    # Where nothing could be measured, there is nothing to write.
    assert {line['kind'] for line in read_metrics(tmp_path / 'metrics.jsonl')} == {'train'}


def test_it_is_told_once_that_nothing_can_be_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(TinyMeasurement, '__call__', lambda *_: {})
    notes = Notes()
    train(TinyConfig(), tmp_path, machine=CPU, progress=notes)
    (told,) = (text for text in notes.texts if text.startswith('not measurable: '))
    assert 'fewer than 2 simulated images' in told


def test_a_warm_up_is_told_and_has_no_best(tmp_path, monkeypatch):
    monkeypatch.setattr(
        TinyMethod, 'warm_up', property(lambda self: 'rest' if self.step_count < 8 else '')
    )
    values = iter([0.1, 0.2, 0.7])
    monkeypatch.setattr(TinyMeasurement, '__call__', lambda *_: {'kid': next(values)})
    notes = Notes()
    run = train(TinyConfig(), tmp_path, machine=CPU, progress=notes)
    told = [text for text in notes.texts if 'warm' in text]
    assert told == ['warming up: rest', 'warmed up: training proper begins']
    # Measured at 4, 8 and 12; the eighth step is the last one of the warm-up.
    assert (run.best.step, run.best.facts.best.value) == (12, 0.7)


def test_no_steps_are_expected_while_it_measures(tmp_path):
    class Paused(Notes):
        @contextmanager
        def paused(self, what=''):
            self.texts.append(what)
            yield

    notes = Paused()
    train(TinyConfig(), tmp_path, machine=CPU, progress=notes)
    told = [text for text in notes.texts if text.startswith('measuring')]
    assert told == [f'measuring at step {step} ...' for step in (4, 8, 12)]


def test_weights_that_are_no_numbers_are_named_before_they_are_measured(tmp_path, monkeypatch):
    step = TinyMethod.step

    def diverging(self, *arguments):
        losses = step(self, *arguments)
        if self.step_count == 4:
            with torch.no_grad():
                self.networks['g'][0].weight.fill_(float('inf'))
        return losses

    monkeypatch.setattr(TinyMethod, 'step', diverging)
    with pytest.raises(TrainingError, match=r"weights of 'g' are not finite.*--resume"):
        train(TinyConfig(), tmp_path, machine=CPU)
    assert not (tmp_path / 'samples').exists()


def test_what_turned_out_to_be_unreadable_is_told_at_the_end(tmp_path, monkeypatch):
    step = TinyMethod.step

    def seeing(self, batch, stepper):
        if self.step_count == 3:
            skipped.append(Skipped('a.png', 'it is cut off'))
        return step(self, batch, stepper)

    class Data(TinyData):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.skipped = skipped

    skipped, notes = [], Notes()
    monkeypatch.setattr(TinyMethod, 'step', seeing)
    monkeypatch.setattr(loop, 'open_training_data', Data)
    train(TinyConfig(), tmp_path, machine=CPU, progress=notes)
    assert notes.texts[-1] == 'left out 1 unreadable image(s), such as a.png: it is cut off'


def test_threads_are_set_and_given_back(tmp_path, monkeypatch):
    step, seen = TinyMethod.step, set()
    monkeypatch.setattr(
        TinyMethod, 'step', lambda *a: seen.add(torch.get_num_threads()) or step(*a)
    )
    before = torch.get_num_threads()
    train(TinyConfig(), tmp_path, machine=Machine('cpu', threads=2))
    assert (seen, torch.get_num_threads()) == ({2}, before)


@pytest.mark.parametrize(
    ('data', 'extra', 'words'),
    [
        ({}, {}, []),
        ({}, {'region_top': 0.5}, ['region_top belongs to the crop']),
        ({}, {'region_mask': 'm.png'}, ['region_mask belongs to the crop', 'not mirrored']),
        ({'preprocess': 'resize'}, {'region_top': 0.5}, []),
        ({'crop_size': (286, 286)}, {'region_top': 0.5}, []),
        ({'crop_size': (286, 286), 'flip': False}, {'region_mask': 'm.png'}, []),
        ({'crop_size': (286, 286)}, {'region_mask': 'm.png'}, ['not mirrored']),
        ({'preprocess': 'crop', 'flip': False}, {'region_mask': 'm.png'}, ['belongs to the crop']),
    ],
)
def test_a_region_that_is_not_where_it_seems_is_told(data, extra, words):
    config = TinyConfig(data=DataOptions(**data), extra_losses=ExtraLossOptions(**extra))
    notes = region_notes(config)
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


def test_the_run_tells_of_its_region(tmp_path):
    notes = Notes()
    train(
        TinyConfig(extra_losses=ExtraLossOptions(region_top=0.5)),
        tmp_path,
        machine=CPU,
        progress=notes,
    )
    assert any('region_top belongs to the crop' in text for text in notes.texts)
