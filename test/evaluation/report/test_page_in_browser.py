"""The report as a person sees it: drawn by Chromium, from a file, without a network."""

import dataclasses

import pytest
from example_results import example_results, renamed
from headless_browser import HeadlessBrowser

from sim2real_ros.evaluation.report.page import report_page

HOSTILE = '</script><b>"\u202e<img src=x onerror="document.title=\'owned\'">'

DRAWN = """[...document.querySelectorAll('.plot')].map(place => ({
  marks: place.querySelectorAll('.plot-container .trace path, .plot-container .point').length,
  width: place.getBoundingClientRect().width,
  parent: place.parentElement.getBoundingClientRect().width,
}))"""

IMAGES = """Promise.all([...document.querySelectorAll('.shots img')].map(
  image => image.decode().then(() => image.naturalWidth)))"""

# What a person does: open the third picture, go on, swap, choose, move the border, close.
COMPARE = """(() => {
const seen = [];
const note = () => seen.push([at('caption').textContent, at('over-name').textContent,
  at('under-name').textContent, at('edge').style.left]);
const key = name => at('viewer').dispatchEvent(
  new KeyboardEvent('keydown', {key: name, bubbles: true, cancelable: true}));
document.querySelectorAll('.shots button')[2].click(); note();
key('ArrowRight'); note();
key(' '); note();
key('5'); note();
at('slider').value = 250; at('slider').dispatchEvent(new Event('input')); note();
const fifth = document.querySelectorAll('.strip')[1].querySelectorAll('img')[4];
const same = at('under').src === fifth.src;
at('close').click();
return {seen, same, open: at('viewer').open};
})()"""

HOVER = """(() => {
const place = document.querySelector('[data-kind=timeline]');
Plotly.Fx.hover(place, [{curveNumber: 2, pointNumber: 3}]);
const box = place.querySelector('.hoverlayer');
return {text: box.textContent, links: box.querySelectorAll('a, img, b').length};
})()"""

# Hide a line, choose another quantity: the line stays hidden.
CHOOSE = """(async () => {
const place = document.querySelector('[data-kind=timeline]');
await Plotly.restyle(place, {visible: 'legendonly'}, [1]);
const choice = document.querySelector('select.quantity');
choice.selectedIndex = 1;
choice.dispatchEvent(new Event('change'));
return [place.layout.yaxis.title.text, place.data.map(trace => trace.visible ?? true)];
})()"""

INK = "document.querySelector('.tile .plot').layout.font.color"
OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    with HeadlessBrowser(tmp_path_factory.mktemp('profile')) as opened:
        yield opened


def test_report_in_a_browser(browser, tmp_path):
    file = tmp_path / 'report #1.html'
    results = renamed(example_results(frames=30), 'cut', HOSTILE)
    file.write_bytes(report_page(dataclasses.replace(results, title=HOSTILE)))
    browser.look(width=1280, height=900, scheme='light')
    browser.open(file.as_uri())
    assert browser.evaluate(IMAGES) == [128] * 10

    # Returns as soon as a plot that comes into sight was drawn.
    browser.evaluate("""new Promise(done => {
        plots[5].scrollIntoView();
        const look = () => plots[5].drawn !== undefined ? done() : requestAnimationFrame(look);
        look();
    })""")
    browser.evaluate('plots.forEach(draw)')
    drawn = browser.evaluate(DRAWN)
    assert len(drawn) == 10 + 2 * 2
    assert all(plot['marks'] >= 2 for plot in drawn), drawn
    assert all(0 < plot['width'] <= plot['parent'] for plot in drawn)

    assert browser.evaluate(OVERFLOW) == 0
    light = browser.evaluate(INK)
    browser.look(width=390, height=844, scheme='dark')
    # Returns as soon as the plots have taken the other scheme.
    browser.evaluate(f"""new Promise(done => {{
        const look = () => {INK} !== '{light}' ? done() : requestAnimationFrame(look);
        look();
    }})""")
    assert browser.evaluate(OVERFLOW) == 0

    compared = browser.evaluate(COMPARE)
    one, two = (row.caption for row in results.pictures)
    written = HOSTILE.replace('\u202e', '\\u202e')
    assert compared['seen'] == [
        [f'{one} (1 of 2)', 'sim', written, '50%'],
        [f'{two} (2 of 2)', 'sim', written, '50%'],
        [f'{two} (2 of 2)', written, 'sim', '50%'],
        [f'{two} (2 of 2)', written, 'real', '50%'],
        [f'{two} (2 of 2)', written, 'real', '25%'],
    ]
    assert compared['same']
    assert not compared['open']

    hover = browser.evaluate(HOVER)
    assert 'drive/000003.png' in hover['text']
    assert '</script><b>' in hover['text']
    assert hover['links'] == 0
    title, visible = browser.evaluate(CHOOSE)
    assert title == 'White line IoU'
    assert visible == [True, 'legendonly', True, True]

    assert browser.evaluate('document.title') == written
    assert browser.complaints() == []
    asked = [each for each in browser.requests() if not each.startswith(('data:', 'blob:'))]
    assert asked == [file.as_uri()]


def test_the_policy_stops_scripts_that_do_not_belong_to_the_page(browser, tmp_path):
    file = tmp_path / 'changed.html'
    page = report_page(dataclasses.replace(example_results(frames=4), groups=()))
    planted = b'<script>document.title = "owned"</script><img src=x onerror="owned()"></body>'
    file.write_bytes(page.replace(b'</body>', planted))
    browser.events.clear()
    browser.open(file.as_uri())
    assert browser.evaluate('document.title').startswith('Town drive')
    assert any('Content Security Policy' in str(each) for each in browser.complaints())
