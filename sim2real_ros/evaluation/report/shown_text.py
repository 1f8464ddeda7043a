"""Make names from outside safe to show: nothing in them acts on what stands around them."""

import unicodedata

# They turn the direction of the text that follows, so that a name could rewrite its neighbours.
_DIRECTIONS = frozenset('\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069')
# Controls (which a terminal obeys), halves of pairs, line and paragraph separators.
_ACTING = frozenset({'Cc', 'Cs', 'Zl', 'Zp'})


def shown_text(text: str) -> str:
    r"""Write out what acts instead of being seen.

    Args:
        text: From a user, a model's card or a file's name.

    Returns:
        One line: white space becomes one blank; controls, marks of direction and surrogates
        become ``\u202e``, as in Python.
    """
    line = ' '.join(text.split())
    return ''.join(_written_out(each) if _acts(each) else each for each in line)


def _acts(character: str) -> bool:
    return character in _DIRECTIONS or unicodedata.category(character) in _ACTING


def _written_out(character: str) -> str:
    return f'\\u{ord(character):04x}'


def shortened(text: str, width: int) -> str:
    """Cut a shown text to a number of columns, with an ellipsis where something is missing.

    Args:
        text: What ``shown_text`` returned.
        width: Columns of a terminal, at least 1.
    """
    if text_width(text) <= width:
        return text
    kept = ''
    for character in text:
        if text_width(kept + character) > width - 1:
            break
        kept += character
    return kept.rstrip() + '…'


def text_width(text: str) -> int:
    """Count the columns that a shown text takes in a terminal; East Asian letters take two."""
    return sum(_columns(each) for each in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ('Mn', 'Me', 'Cf'):
        return 0
    return 2 if unicodedata.east_asian_width(character) in 'WF' else 1
