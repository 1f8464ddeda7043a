"""File names from untrusted text: topics of bags, members of archives, lines of label files."""

import hashlib
import re
import unicodedata
from pathlib import Path, PurePosixPath

from sim2real_ros.errors import DataError

MAX_NAME_BYTES = 200
"""Of one name: file systems take 255, and suffixes and prefixes have to fit too."""

_UNSAFE = re.compile(r'[^\w.+=@-]+')
_RESERVED = re.compile(r'(con|prn|aux|nul|com\d|lpt\d)(\..*)?', re.IGNORECASE)


def safe_name(text: str, fallback: str = 'unnamed') -> str:
    """Turn any text into one plain file name that needs no quoting.

    Letters of all languages stay; slashes, blanks and control characters become single
    underscores. Names are cut at ``MAX_NAME_BYTES``, and then end in a part of their checksum.

    Args:
        text: Such as a topic name, ``/camera/image_raw`` -> ``camera_image_raw``.
        fallback: The name where nothing is left.
    """
    # Half of a surrogate pair, as undecodable file names have, is no text.
    clean = text.encode('utf-8', 'replace').decode('utf-8')
    name = _UNSAFE.sub('_', unicodedata.normalize('NFC', clean)).strip('_.')
    name = name or fallback
    if _RESERVED.fullmatch(name):
        name = f'_{name}'
    encoded = name.encode('utf-8')
    if len(encoded) > MAX_NAME_BYTES:
        mark = hashlib.sha256(encoded).hexdigest()[:12]
        name = encoded[: MAX_NAME_BYTES - 13].decode('utf-8', 'ignore') + f'-{mark}'
    return name


def safe_relative_path(text: str, what: str = 'path') -> PurePosixPath:
    """Check that a path from a file of somebody else stays inside the folder it belongs to.

    Args:
        text: A relative path with forward slashes, ``images/train/a b.png``.
        what: What the path is, for the message.

    Raises:
        DataError: It is absolute or empty, climbs with ``..``, or has a NUL, a backslash, a drive
            letter or undecodable text.
    """
    parts = text.split('/')
    reason = ''
    if not text.strip('/') or text.startswith('/') or re.match(r'[A-Za-z]:', text):
        reason = 'it must be relative to its folder'
    elif '..' in parts:
        reason = '".." would leave its folder'
    elif '\0' in text or '\\' in text or any(0xD800 <= ord(c) < 0xE000 for c in text):
        reason = 'NUL, backslash and undecodable characters are not allowed'
    elif any(len(part.encode('utf-8')) > 255 for part in parts):
        reason = 'a name is longer than 255 bytes'
    if reason:
        raise DataError(f'The {what} {text[:200]!r} is refused: {reason}.')
    return PurePosixPath(text)


def path_inside(folder: Path, text: str, what: str = 'path') -> Path:
    """Return ``folder / text`` after making sure that it is inside ``folder``, links followed.

    Args:
        folder: The folder not to be left.
        text: A relative path, not trusted.
        what: What the path is, for the message.

    Raises:
        DataError: The path leaves the folder, directly or through a symbolic link.
    """
    path = folder / safe_relative_path(text, what)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f'The {what} {text[:200]!r} leaves {str(folder)!r} by a symbolic link.')
    return path


class NameTable:
    """Hands out safe names, each only once, also on file systems that ignore case."""

    def __init__(self) -> None:
        """Start with no name taken."""
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def name_of(self, text: str, fallback: str = 'unnamed') -> str:
        """Return the name of a text: the same for the same text, another for any other.

        The order in which texts come decides who gets a number: ask in a fixed order.
        """
        if text not in self._names:
            base = name = safe_name(text, fallback)
            number = 2
            while name.casefold() in self._taken:
                name = f'{base}-{number}'
                number += 1
            self._taken.add(name.casefold())
            self._names[text] = name
        return self._names[text]
