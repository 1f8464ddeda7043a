"""Tables between markers, progress, and the command line of the benchmarks."""

import io
import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from sim2real_ros.errors import ConfigError

FOLDER = Path(__file__).resolve().parents[2] / 'tools/benchmarks'
START, END = '<!-- benchmark gpu -->', '<!-- end of benchmark gpu -->'


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module('result_table')


def test_cells_cannot_break_the_table(tables):
    table = tables.markdown_table(('a', 'b'), [(1, 'x|y'), ('two\nlines', '')])
    assert table.split('\n') == ['| a | b |', '|---|---|', '| 1 | x\\|y |', '| two lines |  |']
    with pytest.raises(ValueError, match='1 cells for 2 columns'):
        tables.markdown_table(('a', 'b'), [(1,)])


def test_table_takes_the_place_of_the_one_before(tables, tmp_path):
    path = tmp_path / 'page.md'
    path.write_text(f'# Page\n\n{START}\nold\n{END}\nafter\n')
    for table in ('new', 'newest'):
        tables.show_table(table, 'gpu', path)
        assert path.read_text() == f'# Page\n\n{START}\n\n{table}\n\n{END}\nafter\n'


@pytest.mark.parametrize(
    'text',
    [
        'nothing',
        f'{START}\n',
        f'{END}\n{START}\n',
        f'{START}\n{START}\n{END}\n',
        f'x {START}\n{END}',
    ],
)
def test_missing_markers_are_named_and_nothing_is_lost(tables, tmp_path, text):
    path = tmp_path / 'page.md'
    path.write_text(text)
    with pytest.raises(ConfigError, match='expected each once') as caught:
        tables.show_table('new', 'gpu', path)
    assert START in str(caught.value)
    assert path.read_text() == text
    with pytest.raises(ConfigError, match='Cannot read'):
        tables.show_table('new', 'gpu', tmp_path / 'none.md')


def test_table_is_printed_where_no_file_is_named(tables, capsys):
    tables.show_table('| a |', 'gpu', None)
    assert '| a |' in capsys.readouterr().out


def test_page_of_the_documentation_has_a_place_for_every_table(tables):
    text = (FOLDER.parents[1] / 'docs/performance.md').read_text('utf-8')
    for name in ('inference', 'gpu', 'node', 'transport'):
        assert 'x' in tables.put_between_markers(text, name, 'x')


def test_progress_tells_the_time_left(tables, monkeypatch):
    module = import_module('turn_progress')
    now = iter([0.0, 10.0, 12.0, 40.0])
    monkeypatch.setattr(module.time, 'monotonic', lambda: next(now))
    stream = io.StringIO()
    progress = module.TurnProgress('gpu', 4, stream)
    progress.step('one')
    progress.step('too soon')
    progress.step('last', 2)
    assert stream.getvalue() == 'gpu: 1/4, 30 s left, one\ngpu: 4/4, 0 s left, last\n'


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER.parent))
    monkeypatch.setattr(sys, 'path', list(sys.path))
    return import_module('benchmark')


@pytest.mark.parametrize(
    ('text', 'found'), [('512x384', (512, 384)), ('16x16', (16, 16)), ('15x20', None), ('x', None)]
)
def test_sizes_are_width_and_height(benchmark, text, found, capsys):
    arguments = ['inference', '--sizes', text]
    if found:
        assert benchmark.parse_arguments(arguments).sizes == [found]
        return
    with pytest.raises(SystemExit):
        benchmark.parse_arguments(arguments)
    assert 'expected WIDTHxHEIGHT' in capsys.readouterr().err


@pytest.mark.parametrize('verb', ['inference', 'gpu', 'node', 'transport', 'soak', 'extract'])
def test_every_verb_has_its_program(benchmark, verb, monkeypatch, tmp_path):
    parsed = benchmark.parse_arguments([verb])
    assert parsed.verb == verb
    assert (FOLDER / f'bench_{verb}.py').is_file()


def test_errors_are_told_in_one_line(benchmark, monkeypatch, capsys, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(_):
        raise ConfigError('no markers')

    monkeypatch.setattr(import_module('bench_gpu'), 'run', run)
    assert benchmark.main(['gpu', '--json', str(tmp_path / 'x.json')]) == 1
    assert capsys.readouterr().err == 'error: no markers\n'
    monkeypatch.setattr(import_module('bench_gpu'), 'run', lambda _: {'rows': []})
    assert benchmark.main(['gpu', '--json', str(tmp_path / 'x.json')]) == 0
    assert json.loads((tmp_path / 'x.json').read_text()) == {'rows': []}
