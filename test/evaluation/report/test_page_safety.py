"""What the report is about may hold any text, and the page does nothing with it but show it."""

import base64
import dataclasses
import hashlib
import re

import pytest
from example_results import LEVELS, example_results, renamed
from page_tree import drawn_data, page_tree
from plotly.offline import get_plotlyjs

from sim2real_ros.evaluation.report.page import report_page
from sim2real_ros.evaluation.results import PictureRow

HOSTILE = [
    '<img src=x onerror="document.title=\'owned\'">',
    '</script><script>document.title="owned"</script>',
    '<!--<script>',
    '"quoted\' & \u2028 name',
    '{{ 7 * 7 }} %{x} ${1} <b>bold</b>',
    '\u202etxt.exe',
    'caf\udce9\x00\x1b[2J',
    '</title></style></bdi></td>',
]


@pytest.fixture(scope='module')
def example():
    return example_results(frames=40)


@pytest.fixture(scope='module')
def tree(example):
    return page_tree(report_page(example))


def skeleton(tree):
    """List what a page is built of; texts and the attributes that hold them are left out."""
    shown = ('title', 'alt', 'aria-label', 'src')
    return [
        (each.tag, {k: v for k, v in each.attributes.items() if k not in shown})
        for each in tree.every()
        if each.attributes.get('http-equiv') is None
    ]


def quantities_called(group, title, description, source):
    """Return the group with other texts; titles are numbered."""
    quantities = tuple(
        dataclasses.replace(
            each, title=f'{title}{n}', description=description, unit='', source=source
        )
        for n, each in enumerate(group.quantities)
    )
    return dataclasses.replace(group, quantities=quantities)


def made_hostile(results):
    """Return the results with hostile text wherever there is text."""
    group = quantities_called(results.groups[0], HOSTILE[1], HOSTILE[2], HOSTILE[3])
    group = dataclasses.replace(group, key='"><script>', title=HOSTILE[5], description=HOSTILE[7])
    for old, new in zip(LEVELS, HOSTILE, strict=False):
        results = renamed(results, old, new)
    return dataclasses.replace(
        results,
        groups=(group, *results.groups[1:]),
        title=HOSTILE[7],
        warnings=tuple(HOSTILE[:2]),
        protocol={f'{text}{n}': text for n, text in enumerate(HOSTILE[:5])},
        pictures=tuple(
            PictureRow(text, row.pictures)
            for text, row in zip(HOSTILE, results.pictures, strict=False)
        ),
        candidates=tuple(
            dataclasses.replace(
                each,
                description=HOSTILE[6],
                problems=each.problems and (HOSTILE[1],),
                frame_names=tuple(HOSTILE[n % 8] for n in range(40)),
            )
            for each in results.candidates
        ),
    )


def test_everything_hostile_is_text_and_nothing_else(example):
    plain = quantities_called(example.groups[0], 'title', 'description', 'source')
    plain = dataclasses.replace(example, groups=(plain, *example.groups[1:]))
    hostile = made_hostile(example)
    page = report_page(hostile)
    seen = page_tree(page)
    assert skeleton(seen) == skeleton(page_tree(report_page(plain)))
    assert seen.only('title').text == HOSTILE[7]
    heads = [each.every('bdi')[0].text for each in seen.only('thead').every('th')[1:]]
    assert heads[:3] == HOSTILE[:3]
    assert heads[3] == '"quoted\' & name'
    texts = page.decode('utf-8').replace(get_plotlyjs(), '')
    assert not re.search('[\u202a-\u202e\u2066-\u2069\x00\x1b]', texts)
    assert '\\u202etxt.exe' in texts
    # Nothing in the data can end its element.
    assert not re.search('[<>&\u2028\u2029]', ''.join(seen.only('script', id='data').parts))
    frames = drawn_data(seen)['frames']
    assert frames[1] == (
        '&lt;/script&gt;&lt;script&gt;document.title=&quot;owned&quot;&lt;/script&gt;'
    )
    labels = {trace.get('name', '') for f in drawn_data(seen)['figures'] for trace in f['data']}
    assert not any('<' in label for label in labels)
    assert any(label.startswith('&lt;img') for label in labels)


def test_policy_allows_the_scripts_of_the_page_and_nothing_else(tree):
    policy = tree.only('meta', **{'http-equiv': 'Content-Security-Policy'}).attributes['content']
    rules = dict(rule.split(' ', 1) for rule in policy.split('; '))
    assert rules['default-src'] == rules['base-uri'] == rules['form-action'] == "'none'"
    assert rules['img-src'] == 'data: blob:'
    scripts = [each for each in tree.every('script') if 'type' not in each.attributes]
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.parts[0].encode()).digest()).decode()}'"
        for script in scripts
    }
    assert set(rules['script-src'].split()) == hashes
    assert len(hashes) == 2
    # Only the data, which is no script.
    (other,) = (each for each in tree.every('script') if 'type' in each.attributes)
    assert other.attributes['type'] == 'application/json'


def test_page_asks_for_nothing_outside(tree):
    for element in tree.every():
        for name, value in element.attributes.items():
            if name in ('src', 'href', 'srcset', 'poster', 'data'):
                assert value.startswith(('data:image/jpeg;base64,', '#')), (element.tag, value)
            assert not name.startswith('on')
    assert not re.search(r'@import|url\(|https?:', tree.only('style').text)
    ids = [each.attributes['id'] for each in tree.every() if 'id' in each.attributes]
    assert len(set(ids)) == len(ids)
    links = {each.attributes['href'][1:] for each in tree.every('a')}
    assert links <= set(ids)
