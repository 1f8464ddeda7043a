"""A page as a tree of elements, read with the standard library's parser."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {'meta', 'img', 'input', 'br', 'link'}


@dataclass
class Element:
    tag: str
    attributes: dict
    parts: list = field(default_factory=list)

    @property
    def text(self):
        """All text in it, with single blanks between its parts."""
        texts = (part if isinstance(part, str) else part.text for part in self.parts)
        return ' '.join(' '.join(texts).split())

    @property
    def classes(self):
        return self.attributes.get('class', '').split()

    def every(self, tag=None, **attributes):
        """List the elements in it, in order; `class_` must be among an element's classes."""
        class_ = attributes.pop('class_', None)
        found = []
        for part in self.parts:
            if isinstance(part, str):
                continue
            fits = tag in (None, part.tag) and attributes.items() <= part.attributes.items()
            if fits and (class_ is None or class_ in part.classes):
                found.append(part)
            found += part.every(tag, **attributes, **({'class_': class_} if class_ else {}))
        return found

    def only(self, tag=None, **attributes):
        (found,) = self.every(tag, **attributes)
        return found


class _Builder(HTMLParser):
    def __init__(self):
        super().__init__()
        self.stack = [Element('', {})]

    def handle_starttag(self, tag, attributes):
        element = Element(tag, dict(attributes))
        self.stack[-1].parts.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_endtag(self, tag):
        opened = self.stack.pop()
        assert opened.tag == tag, f'</{tag}> closes <{opened.tag}>'

    def handle_data(self, data):
        self.stack[-1].parts.append(data)


def page_tree(page):
    """Read a page; every element must be closed by its own tag."""
    builder = _Builder()
    builder.feed(page.decode('utf-8'))
    builder.close()
    assert len(builder.stack) == 1, [each.tag for each in builder.stack]
    return builder.stack[0]


def drawn_data(tree):
    """Return what the page's script draws."""
    return json.loads(''.join(tree.only('script', id='data').parts))


def table_rows(tree):
    """Return the cells of the table by the title of their quantity."""
    return {
        row.every('bdi')[0].text: row.every('td')
        for row in tree.only('table').every('tr')
        if row.every('th', scope='row')
    }
