import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from dataset_folders import write_extracted, write_picture, write_translated

from sim2real_ros.data.collection import CollectOptions, collect
from sim2real_ros.data.collection.index_page import IndexEntry, index_page

HOSTILE = [
    '<img src=x onerror="document.title=\'owned\'">',
    '</script><script>document.title="owned"</script>',
    '<!--<script>',
    '"quoted\' & \u2028 name',
    '@DATA@',
]


class Outline(HTMLParser):
    """Collects the elements of a page and the text of its scripts."""

    def __init__(self):
        super().__init__()
        self.elements, self.scripts, self.inside = [], [], None

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == 'script':
            self.inside = dict(attributes)

    def handle_data(self, data):
        if self.inside is not None:
            self.scripts.append((self.inside.get('type', ''), data))

    def handle_endtag(self, tag):
        if tag == 'script':
            self.inside = None


def outline(page):
    parsed = Outline()
    parsed.feed(page.decode('utf-8'))
    return parsed


def test_hostile_names_are_data_and_nothing_else():
    entries = [IndexEntry(name, (f'{n}/sim.png', None)) for n, name in enumerate(HOSTILE)]
    hostile = outline(index_page(['sim', HOSTILE[1]], entries))
    plain = outline(index_page(['sim', 'model'], []))
    assert hostile.elements == plain.elements
    (data,) = (json.loads(text) for kind, text in hostile.scripts if kind == 'application/json')
    assert data['columns'] == ['sim', HOSTILE[1]]
    assert [frame['name'] for frame in data['frames']] == HOSTILE
    assert data['frames'][2]['files'] == ['2/sim.png', None]


def test_page_needs_no_network():
    page = index_page(['sim'], [IndexEntry('a', ('a/sim.png',))]).decode('utf-8')
    assert not re.search(r'https?:|//[a-z]|@import|url\(', page)
    assert {
        tag for tag, attributes in outline(page.encode()).elements if 'src' in attributes
    } == set()


def test_page_of_a_collection_names_files_that_exist(tmp_path):
    sim = write_extracted(tmp_path / 'sim', 'a.bag', 4)
    result = write_translated(tmp_path / 'result', sim, 'cyclegan', skip=[2])
    out = tmp_path / 'out'
    collect([result], out, CollectOptions(mode='group'), sim=[sim])
    (data,) = (
        json.loads(text)
        for kind, text in outline((out / 'index.html').read_bytes()).scripts
        if kind == 'application/json'
    )
    assert data['columns'] == ['sim', 'cyclegan']
    assert [frame['name'] for frame in data['frames']] == ['000000', '000001', '000003']
    files = [file for frame in data['frames'] for file in frame['files']]
    assert len(files) == 6
    assert all((out / file).is_file() for file in files)


# Drives the page as a person would, and leaves what came of it in the title.
_SCRIPT = """<script>
const seen = {};
const key = (name) => at('viewer').dispatchEvent(
  new KeyboardEvent('keydown', {key: name, bubbles: true, cancelable: true}));
const file = id => decodeURIComponent(at(id).src).split('/').slice(-2).join('/');
seen.opened = at('viewer').open && at('name').textContent;
key('ArrowRight'); key('3');
seen.stepped = [at('name').textContent, file('over'), file('under')];
key(' ');
seen.swapped = [file('over'), file('under')];
at('slider').value = 250; at('slider').dispatchEvent(new Event('input'));
seen.border = at('edge').style.left;
at('close').click();
seen.closed = !at('viewer').open;
at('filter').value = 'FRAME 49'; at('filter').dispatchEvent(new Event('input'));
seen.filtered = [at('count').textContent, document.querySelectorAll('.card').length];
at('filter').value = ''; at('filter').dispatchEvent(new Event('input'));
at('next').click();
seen.page = [at('page').textContent, document.querySelector('.card h2').textContent];
seen.names = [...document.querySelectorAll('h2')].map(each => each.textContent);
const trial = new Image();
trial.onload = trial.onerror = event => {
  seen.loaded = event.type;
  const made = document.createElement('pre');
  made.id = 'seen';
  made.textContent = JSON.stringify(seen);
  document.body.append(made);
};
trial.src = href(data.frames[0].files[0]);
</script></body>"""


def test_page_works_in_a_browser(tmp_path):
    browser = shutil.which('chromium') or shutil.which('google-chrome')
    if browser is None:
        pytest.skip('no Chromium here to open the page with')
    write_picture(tmp_path / 'a #%41' / 'sim.png', 1)
    entries = [
        IndexEntry(f'frame {n}', (f'{n}/sim.png', f'{n}/a.png', f'{n}/b.png')) for n in range(5000)
    ]
    entries[0] = IndexEntry('frame 0', ('a #%41/sim.png', None, None))
    entries[24:29] = [IndexEntry(name, ('x.png', None, None)) for name in HOSTILE]
    page = index_page(['sim', 'a', 'b'], entries).decode('utf-8').replace('</body>', _SCRIPT)
    (tmp_path / 'index.html').write_text(page, encoding='utf-8')
    command = [browser, '--headless', '--no-sandbox', '--disable-gpu', '--dump-dom']
    command += [f'--user-data-dir={tmp_path / "profile"}', '--virtual-time-budget=5000']
    address = f'file://{tmp_path}/index.html#frame%207'
    done = subprocess.run([*command, address], capture_output=True, timeout=120, check=True)
    parsed = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout.decode('utf-8'), re.DOTALL)
    assert parsed, done.stderr.decode('utf-8', 'replace')[-2000:]
    seen = json.loads(parsed[1].replace('&lt;', '<').replace('&gt;', '>').replace('&amp;', '&'))
    assert seen['opened'] == 'frame 7 (8 of 5000)'
    assert seen['stepped'] == ['frame 8 (9 of 5000)', '8/sim.png', '8/b.png']
    assert seen['swapped'] == ['8/b.png', '8/sim.png']
    assert seen['border'] == '25%'
    assert seen['closed'] is True
    matching = sum('49' in str(number) for number in range(5000))
    assert seen['filtered'] == [f'({matching} of 5000)', 24]
    assert seen['page'] == ['2 / 209', HOSTILE[0]]
    assert seen['names'][:5] == HOSTILE
    assert seen['loaded'] == 'load'
    assert b'<title>Collected frames</title>' in done.stdout
