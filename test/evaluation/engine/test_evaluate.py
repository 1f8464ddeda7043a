"""The whole evaluation, over frames whose defects are known."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper

from sim2real_ros.card import ModelCard
from sim2real_ros.cli import main
from sim2real_ros.data import open_source
from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.evaluation.engine import EvaluateOptions, evaluate
from sim2real_ros.image.encode_file import encode_file

DEMO = Path(__file__).parents[3] / 'tools' / 'demo' / 'drive'
COUNT = 24
SHIFT_PX = 4


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Frames of the demo drive, and folders of what different generators might make of them."""
    root = tmp_path_factory.mktemp('evaluation')
    frames = []
    for frame in open_source(DEMO):
        frames.append(cv2.resize(frame.image, (256, 192), interpolation=cv2.INTER_AREA))
        if len(frames) == COUNT:
            break
    random = np.random.default_rng(4)

    def noisy(image):
        return np.clip(image + random.normal(0, 12, image.shape), 0, 255).astype(np.uint8)

    made = {
        'sim': lambda image, number: image,
        'moved': lambda image, number: np.roll(image, SHIFT_PX, axis=1),
        'inverted': lambda image, number: 255 - image,
        'frozen': lambda image, number: frames[0],
        'flickering': lambda image, number: cv2.add(image, (number % 2 * 30,) * 3),
        'real': lambda image, number: noisy(image[:, ::-1] // 2 + 60),
    }
    for name, make in made.items():
        (root / name).mkdir()
        for number, image in enumerate(frames):
            content = encode_file(np.ascontiguousarray(make(image, number)), 'png')
            (root / name / f'{number:04d}.png').write_bytes(content)
    return root


@pytest.fixture(scope='module')
def results(data):
    folders = ('moved', 'inverted', 'frozen', 'flickering')
    options = EvaluateOptions(
        data / 'sim',
        ('identity', *(str(data / name) for name in folders)),
        data / 'real',
        jobs=2,
    )
    return evaluate(options)


def value(results, candidate, key):
    (column,) = (each for each in results.candidates if each.name == candidate)
    return column.values[key].value


def test_the_columns_are_sim_the_candidates_and_real(results):
    assert [(each.name, each.role) for each in results.candidates] == [
        ('sim', 'sim'),
        ('identity', 'candidate'),
        ('moved', 'candidate'),
        ('inverted', 'candidate'),
        ('frozen', 'candidate'),
        ('flickering', 'candidate'),
        ('real', 'real'),
    ]
    assert {each.frames for each in results.candidates} == {COUNT}
    assert not any(each.problems for each in results.candidates)


def test_the_identity_equals_the_untranslated_frames_in_everything(results):
    sim, identity, *_ = results.candidates
    # Masks and their fit are told of the simulated frames alone.
    common = set(sim.values) & set(identity.values)
    assert len(common) >= 10
    for key in common:
        assert identity.values[key] == sim.values[key], key


def test_the_identity_is_perfect_where_frames_are_compared_with_their_originals(results):
    sim, identity, *_ = results.candidates
    compared = 0
    for quantity in (each for group in results.groups for each in group.quantities):
        best = quantity.limits[quantity.better == 'higher']
        found = identity.values.get(quantity.key)
        if quantity.key.startswith('gap_closed'):
            assert found is None or found.value == 0
            continue
        if found is None or best is None or quantity.better == 'neither':
            continue
        if quantity.key not in sim.values:
            compared += 1
            assert found.value == pytest.approx(best, abs=1e-6), quantity.key
    assert compared > 15


def test_untranslated_frames_are_not_compared_with_themselves(results):
    sim = results.candidates[0]
    assert 'warp_error' in sim.values
    assert not {'edge_f1', 'flicker_levels', 'sift_match_ratio', 'diversity'} & set(sim.values)


def test_each_defect_shows_in_its_own_number(results):
    assert value(results, 'moved', 'edge_f1') < 0.6
    assert value(results, 'identity', 'edge_f1') == 1
    assert value(results, 'inverted', 'inverted_frames_share') > 0.9
    assert value(results, 'moved', 'inverted_frames_share') == 0
    assert value(results, 'frozen', 'diversity') < 0.1
    assert value(results, 'moved', 'diversity') > 0.9
    flickering = value(results, 'flickering', 'flicker_levels')
    assert flickering > 20
    assert value(results, 'identity', 'flicker_levels') == 0


def test_every_quantity_of_a_group_has_a_value_somewhere(results):
    for group in results.groups:
        for quantity in group.quantities:
            assert any(quantity.key in each.values for each in results.candidates), quantity.key
            assert len(quantity.description) > 20


def test_every_value_is_described(results):
    described = {quantity.key for group in results.groups for quantity in group.quantities}
    for each in results.candidates:
        assert set(each.values) <= described


def test_pictures_show_all_candidates(results):
    assert len(results.pictures) >= 6
    assert set(results.pictures[0].pictures) == {each.name for each in results.candidates}
    assert any('worst' in row.caption for row in results.pictures)


def test_few_frames_are_warned_of(results):
    assert any('kernel distance' in warning for warning in results.warnings)


def test_threads_change_nothing(data, results):
    options = EvaluateOptions(data / 'sim', (str(data / 'moved'),), data / 'real', jobs=1)
    alone = evaluate(options)
    by_name = {each.name: each for each in results.candidates}
    for each in alone.candidates:
        for key, known in each.values.items():
            if not key.startswith('gap_closed'):
                assert known == by_name[each.name].values[key], key


def test_the_verb_writes_everything(data, tmp_path, capsys):
    out = tmp_path / 'out'
    arguments = ['evaluate', str(data / 'sim'), f'moved={data / "moved"}', '-o', str(out)]
    assert main(arguments) == 0
    assert {each.name for each in out.iterdir()} == {
        'report.html',
        'results.json',
        'frames.jsonl',
        'table.md',
    }
    numbers = json.loads((out / 'results.json').read_text())
    columns = {each['name']: each for each in numbers['candidates']}
    assert columns['moved']['values']['edge_f1']['value'] < 0.6
    lines = [json.loads(line) for line in (out / 'frames.jsonl').read_text().splitlines()]
    assert len(lines) == 2 * COUNT
    printed = capsys.readouterr()
    assert 'moved' in printed.out
    assert '--real' in printed.err
    assert main(arguments) == 1
    assert '--force' in capsys.readouterr().err
    assert main([*arguments, '--force']) == 0


def test_a_data_set_gives_its_held_out_frames(data, tmp_path):
    for name, source in (('testA', 'sim'), ('testB', 'real'), ('trainB', 'real')):
        (tmp_path / name).symlink_to(data / source)
    options = EvaluateOptions(tmp_path, jobs=1).resolved()
    assert options.sim == tmp_path / 'testA'
    assert options.real == tmp_path / 'testB'
    assert options.training_real == tmp_path / 'trainB'
    assert options.training_sim is None


def test_a_data_set_that_holds_nothing_out_is_refused(data, tmp_path):
    (tmp_path / 'trainA').symlink_to(data / 'sim')
    with pytest.raises(DataError, match='--test-fraction'):
        EvaluateOptions(tmp_path).resolved()


def test_what_cannot_be_read_is_counted_and_told(data, tmp_path, capsys):
    sim, made = tmp_path / 'sim', tmp_path / 'made'
    for folder in (sim, made):
        folder.mkdir()
        for number in range(4):
            name = f'{number:04d}.png'
            (folder / name).write_bytes((data / 'sim' / name).read_bytes())
    (sim / '0001.png').write_bytes(b'no picture')
    (made / '0002.png').write_bytes(encode_file(np.zeros((20, 90, 3), np.uint8), 'png'))
    (made / '0003.png').unlink()
    out = tmp_path / 'out'
    assert main(['evaluate', str(sim), str(made), '-o', str(out)]) == 3
    numbers = json.loads((out / 'results.json').read_text())
    assert [each['frames'] for each in numbers['candidates']] == [3, 1]
    problems = numbers['candidates'][1]['problems']
    assert any('aspect ratio' in each for each in problems)
    assert any('no translation' in each for each in problems)
    assert '1 sim frames could not be read' in capsys.readouterr().err


def test_translations_of_another_size_are_resized_and_told(data, tmp_path):
    made = tmp_path / 'made'
    made.mkdir()
    for path in (data / 'sim').iterdir():
        small = cv2.resize(cv2.imread(str(path)), (128, 96), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(made / path.name), small)
    results = evaluate(EvaluateOptions(data / 'sim', (str(made),), jobs=2))
    assert results.candidates[1].frames == COUNT
    assert not results.candidates[1].problems
    assert any(f'made: {COUNT} translations of 128x96' in each for each in results.warnings)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'camera': 'duckietown_lane'}, '--thresholds'),
        ({'poses': Path('poses.json')}, '--camera'),
        ({'labels': Path('labels')}, '--detector'),
        ({'lpips': Path('lpips')}, '--targets'),
        ({'seed': -1}, 'seed'),
        ({'size': (8, 64)}, '16x16'),
        ({'thresholds': ('no_such_robot',)}, 'no_such_robot'),
        ({'jobs': 0}, 'jobs'),
    ],
)
def test_options_without_meaning_are_refused(data, changes, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(EvaluateOptions(data / 'sim', **{'jobs': 1, **changes}))


def test_a_model_that_fails_does_not_cost_the_others(data, tmp_path):
    card = ModelCard('broken', dtype='float32', value_range=(0, 1), layout='NHWC')
    path = tmp_path / 'broken.onnx'
    # Grey, as in a trial run, is still a number; anything brighter is none.
    nodes = [
        helper.make_node('Sub', ['half', 'image'], ['dark']),
        helper.make_node('Sqrt', ['dark'], ['translated']),
    ]
    half = [helper.make_tensor('half', TensorProto.FLOAT, [], [0.5])]
    shape = ['N', 'H', 'W', 3]
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ('image', 'translated')
    ]
    graph = helper.make_graph(nodes, 'broken', values[:1], values[1:], half)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    helper.set_model_props(model, card.to_metadata())
    path.write_bytes(model.SerializeToString())
    results = evaluate(EvaluateOptions(data / 'sim', ('identity', str(path)), jobs=2))
    assert [each.frames for each in results.candidates] == [COUNT, COUNT, 0]
    assert any('broken: no frame has a translation' in each for each in results.warnings)
    with pytest.raises(DataError, match='nothing to judge'):
        evaluate(EvaluateOptions(data / 'sim', (str(path),), jobs=2))


def test_all_frames_are_brought_to_the_size_asked_for(data):
    options = EvaluateOptions(
        data / 'sim', (str(data / 'moved'),), targets=data / 'real', size=(64, 64), jobs=2
    )
    sim, moved = evaluate(options).candidates
    assert (sim.frames, moved.frames) == (COUNT, COUNT)
    assert not sim.problems + moved.problems
    assert moved.values['psnr_db'].count == COUNT


def test_what_belongs_to_no_frame_is_told(data, tmp_path):
    (tmp_path / 'stranger.png').write_bytes((data / 'sim' / '0000.png').read_bytes())
    options = EvaluateOptions(data / 'sim', masks=tmp_path, targets=tmp_path, jobs=2)
    warnings = evaluate(options).warnings
    assert any('no mask belongs' in each for each in warnings)
    assert any('no target belongs' in each for each in warnings)


def test_a_set_without_a_readable_frame_is_refused(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'no picture')
    with pytest.raises(DataError, match='could be read'):
        evaluate(EvaluateOptions(tmp_path, jobs=1))


@pytest.mark.parametrize('place', ['sim/report', 'sim'])
def test_the_report_is_not_written_among_the_frames(data, place, capsys):
    assert main(['evaluate', str(data / 'sim'), '-o', str(data / place)]) == 1
    assert 'lies in the input' in capsys.readouterr().err


def test_a_folder_with_other_files_is_not_touched(data, tmp_path, capsys):
    (tmp_path / 'mine.txt').write_text('precious')
    assert main(['evaluate', str(data / 'sim'), '-o', str(tmp_path), '--force']) == 1
    assert 'other files' in capsys.readouterr().err
