from html.parser import HTMLParser
from urllib.parse import unquote


class _Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [unquote(value) for key, value in attributes if key in ('src', 'href')]


def page_links(path):
    """List what a page shows and links to."""
    parser = _Links()
    parser.feed(path.read_text('utf-8'))
    return parser.found
