import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.gap.comparison import percent
from sim2real_ros.evaluation.gap.comparison_text import (
    check_comparison_output,
    comparison_markdown,
    write_comparison,
)
from sim2real_ros.evaluation.gap.score_files import compare_score_files, read_scores
from sim2real_ros.evaluation.quantity import Value


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def files(folder, means=(0.3, 0.55, 0.8), count=100, own=0.05, **more):
    random = np.random.default_rng(0)
    hard = random.normal(0, 0.2, count)
    paths = []
    for name, mean in zip(('sim', 'translated', 'real'), means, strict=True):
        values = mean + hard + random.normal(0, own, count)
        scores = {f'{i:03}.png': float(v) for i, v in enumerate(values)}
        paths.append(write(folder / f'{name}.json', {'scores': scores, **more}))
    return paths


def test_both_kinds_of_files_are_read(tmp_path):
    plain = read_scores(write(tmp_path / 'a.json', {'a.png': 1, 'b.png': -0.5}))
    assert plain.scores == {'a.png': 1.0, 'b.png': -0.5}
    assert (plain.title, plain.better) == ('score', None)
    full = {'title': 'd', 'unit': 'm', 'better': 'lower', 'scores': {'a.png': 2}}
    found = read_scores(write(tmp_path / 'b.json', full))
    assert (found.scores, found.title, found.unit, found.better) == (
        {'a.png': 2.0}, 'd', 'm', 'lower'
    )  # fmt: skip
    # An image may be called so.
    assert read_scores(write(tmp_path / 'c.json', {'scores': 1})).scores == {'scores': 1.0}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('{"a": NaN}', 'NaN is no score'),
        ('{"a": Infinity}', 'Infinity is no score'),
        ('{"a": 1e999}', "score of 'a' is 'inf'"),
        (f'{{"a": {"9" * 400}}}', "score of 'a' is '9999"),
        ('{"a": 1, "a": 2}', 'a key appears twice'),
        ('{"a": true}', "score of 'a' is 'True'; expected a number"),
        ('{"a": "1"}', 'expected a number'),
        ('{"a": null}', 'expected a number'),
        ('{}', 'holds no score'),
        ('[1, 2]', 'expected {"image": number'),
        ('{"a": 1', 'Cannot read the scores'),
        ('\xff', 'Cannot read the scores'),
        ('[' * 100_000, 'Cannot read the scores'),
        ('{"scores": {"a": 1}, "titel": "x"}', "unknown key 'titel'"),
        ('{"scores": {"a": 1}, "title": 3}', 'must be text'),
        ('{"scores": {"a": 1}, "better": "up"}', 'better must be'),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, content, message):
    path = tmp_path / 'a.json'
    path.write_bytes(content.encode('latin-1'))
    with pytest.raises(DataError, match=message):
        read_scores(path)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,0123456789eE.-abscoretu ', max_size=60))
def test_any_bytes_give_scores_or_an_explanation(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / 'any.json'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        found = read_scores(path)
    except DataError:
        return
    assert all(np.isfinite(list(found.scores.values())))


def test_a_missing_or_large_file_is_explained(tmp_path, monkeypatch):
    with pytest.raises(DataError, match='Cannot read the scores'):
        read_scores(tmp_path / 'none.json')
    monkeypatch.setattr('sim2real_ros.evaluation.gap.score_files.MAX_FILE_BYTES', 5)
    with pytest.raises(DataError, match='larger than 5 bytes'):
        read_scores(write(tmp_path / 'a.json', {'a.png': 1}))


def test_planted_scores_give_the_planted_share(tmp_path):
    found = compare_score_files(files(tmp_path, title='lane score'))
    (score,) = found.scores
    assert score.gap.share.value == pytest.approx(0.5, abs=0.03)
    low, high = score.gap.share.low, score.gap.share.high
    assert 0.4 < low < 0.5 < high < 0.6
    assert found.sentences() == [
        f'lane score: translation closed {100 * score.gap.share.value:.0f} % '
        f'({100 * low:.0f}..{100 * high:.0f} %) of the gap.'
    ]
    assert found.images == 100
    assert found.is_complete


@pytest.mark.parametrize(
    ('means', 'ending'),
    [
        ((0.3, 0.1, 0.8), 'of the gap. It made things worse.'),
        ((0.3, 0.301, 0.8), 'contains 0: it may have closed nothing.'),
        ((0.3, 0.5, 0.301), 'is within noise'),
        ((0.3, 0.5, 0.1), 'cannot be said: real is no better than sim'),
    ],
)
def test_the_sentence_says_what_the_numbers_do(tmp_path, means, ending):
    (sentence,) = compare_score_files(files(tmp_path, means, own=0.1)).sentences()
    assert ending in sentence


def test_errors_are_better_where_they_are_lower(tmp_path):
    errors = files(tmp_path, (0.8, 0.5, 0.2), better='lower')
    assert compare_score_files(errors).scores[0].gap.share.value == pytest.approx(0.5, abs=0.03)
    assert compare_score_files(errors, 'higher').scores[0].gap.share is None
    mixed = [write(tmp_path / 'x.json', {'scores': {'000.png': 1}, 'better': 'higher'})]
    with pytest.raises(DataError, match='contradict'):
        compare_score_files([*mixed, *errors[1:]])


def test_only_common_images_count_and_others_are_told(tmp_path):
    paths = files(tmp_path)
    scores = json.loads(paths[0].read_text())
    scores['scores']['new.png'] = 1e6
    del scores['scores']['007.png']
    write(paths[0], scores)
    found = compare_score_files(paths)
    assert found.images == 99
    assert found.left_out == ('007.png: not in all three files', 'new.png: not in all three files')
    assert found.scores[0].gap.sim.value < 1
    with pytest.raises(DataError, match='no image in common'):
        compare_score_files([*paths[:2], write(tmp_path / 'o.json', {'q.png': 1})])


def test_what_is_written_says_the_same(tmp_path):
    found = compare_score_files(files(tmp_path, title='lane | <b>score</b>\nnext'))
    out = tmp_path / 'deep' / 'out'
    check_comparison_output(out, [])
    write_comparison(found, out)
    data = json.loads((out / 'comparison.json').read_text())
    share = data['scores']['score']['share_of_gap_closed']
    assert share['value'] == found.scores[0].gap.share.value
    assert share['low'] < share['value'] < share['high']
    assert data['scores']['score']['translated_minus_sim']['value'] == pytest.approx(
        0.25, abs=0.02
    )
    text = (out / 'comparison.md').read_text()
    assert text == comparison_markdown(found)
    assert '<b>' not in text
    row = next(line for line in text.splitlines() if line.startswith('| lane'))
    assert row.count('|') == 7
    assert percent(found.scores[0].gap.share) in row
    first = (out / 'comparison.json').read_bytes()
    with pytest.raises(DataError, match='--force replaces it'):
        check_comparison_output(out, [])
    check_comparison_output(out, [], force=True)
    write_comparison(compare_score_files(files(tmp_path, title='lane | <b>score</b>\nnext')), out)
    assert (out / 'comparison.json').read_bytes() == first


def test_a_folder_that_is_a_file_or_in_the_input_is_refused(tmp_path):
    write(tmp_path / 'file', 'x')
    with pytest.raises(DataError, match='is a file'):
        check_comparison_output(tmp_path / 'file', [])
    with pytest.raises(DataError, match='lies in the input'):
        check_comparison_output(tmp_path / 'a' / 'b', [tmp_path])


def test_percent():
    assert percent(Value(0.62, 9, 0.41, 0.8)) == '62 % (41..80 %)'
    assert percent(Value(-0.05, 9)) == '-5 %'


def test_few_images_are_warned_of(tmp_path):
    found = compare_score_files(files(tmp_path, count=8))
    assert found.notes[0].startswith('Only 8 images')
    assert 'Only' not in ''.join(compare_score_files(files(tmp_path)).notes)
